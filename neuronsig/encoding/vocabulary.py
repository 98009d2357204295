"""What has a code: words, metadata values, tags, and labels of trees; and how often the corpus has it.

Sentences have a code of their own, their stratum: of like lengths, and of the same domain where domains are matched, so
that like meets like.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from neuronsig.encoding.counting import BRACKETS, COUNTS, NODES, has_users_trees, metadata_values
from neuronsig.errors import ConfigError, InputError
from neuronsig.kinds import METADATA, TAGS, WORDS
from neuronsig.ragged import Codes, flat_words
from neuronsig.storage.parquet import read_parquet
from neuronsig.storage.whole_files import atomic_write

OTHER = "(other)"
"""The metadata value that stands for all values of a field that are too rare to be items."""

MAX_TAGS = 256
"""A tag's code is one byte."""

MAX_WORDS = 1_000_000
"""Words of a dictionary at most, and labels: each process that encodes or counts holds them, some 200 bytes a word."""

MATCHES = ("length", "length_domain", "none")

QUANTILES = (0.005, 0.02, *(i / 14 for i in range(1, 14)), 0.955, 0.98, 0.99, 0.997)
"""Where bins of lengths begin. Finer at both ends: a list of the top sentences of a neuron that prefers long ones is
the very end of the distribution, and a wide last bin would still hold sentences of unlike lengths."""

FEWEST = 20
"""A stratum with fewer reference sentences says too little; its weight goes to the nearest that has as many."""

SMALLEST = 5 * FEWEST
"""Sentences of the corpus in a length bin, at least."""

MAX_STRATA = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Strata:
    """Codes of sentences: domain * bins + length bin, int16 from 0; one stratum for all when nothing is matched."""

    edges: NDArray[np.int64]  # (bins - 1,) least words of bins 1, 2, ..., ascending
    domains: int = 1  # 1 when domains are not matched

    @classmethod
    def build(cls, match: str, lengths: NDArray[np.integer], domains: int = 1) -> Strata:
        """From the corpus's histogram: lengths[i] sentences of i words; `domains` counts the corpus's domains.

        Lengths are whole numbers, so quantiles that fall on the same one make a single edge, and short lengths
        tend to have bins of their own. No bin has fewer than SMALLEST sentences, so a small corpus has fewer bins.
        Raises ConfigError for another `match`, and for more strata than int16 holds.
        """
        if match not in MATCHES:
            raise ConfigError(f"mining.match={match}: must be one of {', '.join(MATCHES)}")
        if match == "none":
            return cls(np.zeros(0, np.int64))
        shorter = np.concatenate(([0], np.cumsum(np.asarray(lengths, np.int64))))  # sentences under i words
        total = int(shorter[-1])
        edges, begun = [], 0
        for quantile in QUANTILES:
            edge = int(np.abs(shorter - quantile * total).argmin())
            if shorter[edge] - begun >= SMALLEST and total - shorter[edge] >= SMALLEST:
                edges.append(edge)
                begun = shorter[edge]
        strata = cls(np.array(edges, np.int64), max(domains, 1) if match == "length_domain" else 1)
        if strata.size > MAX_STRATA:
            raise ConfigError(
                f"mining.match={match}: {domains} domains and {strata.bins} length bins are more than {MAX_STRATA} "
                "strata; use mining.match=length"
            )
        return strata

    @property
    def bins(self) -> int:
        """Length bins."""
        return len(self.edges) + 1

    @property
    def size(self) -> int:
        """Number of strata."""
        return self.bins * self.domains

    def codes(self, lengths: NDArray[np.integer], domain: NDArray[np.integer] | None = None) -> NDArray[np.int16]:
        """The stratum of each sentence: int16 (sentences,), from its words and its domain's number (if matched)."""
        code = np.searchsorted(self.edges, lengths, side="right")
        if self.domains > 1:
            if domain is None:
                raise ValueError("domains are matched: the sentences' domain numbers are needed")
            code = np.asarray(domain, np.int64) * self.bins + code
        return code.astype(np.int16)


@dataclass(kw_only=True)
class Vocabulary:
    """What sentences are encoded with. Codes are places in the lists.

    Item codes: word w is w; metadata m is n_words + m; tag t is n_words + n_metadata + t.
    """

    words: list[str]  # lower-cased
    metadata: list[tuple[str, str]]  # (field, value); value OTHER stands for the rare ones
    tags: list[str]
    labels: list[str] | None = None
    """Labels of the nodes of a user's bracketed trees; None: dependency trees, whose nodes are the words."""
    strata: Strata = field(default_factory=lambda: Strata(np.zeros(0, np.int64)))
    domains: list[str] = field(default_factory=list)  # by their number in strata

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Vocabulary:
        """All that occurs in a batch with the columns SOURCE (and NODES), in the order in which it first does."""

        def distinct(column: str, lower: bool = False) -> list[str]:
            names: list[str] = pc.unique(flat_words(batch.column(column), lower)[0]).to_pylist()
            return names

        values = pc.unique(metadata_values(batch, ())[0]).to_pylist()
        return cls(
            words=distinct("tokens", lower=True),
            metadata=[tuple(value.split("\t", 1)) for value in values],
            tags=distinct("pos"),
            labels=distinct(NODES) if has_users_trees(batch) else None,
        )

    @property
    def sizes(self) -> dict[str, int]:
        """How many items of each layer (neuronsig.kinds) have codes, in the order of the codes."""
        return {WORDS: len(self.words), METADATA: len(self.metadata), TAGS: len(self.tags)}

    @property
    def n_items(self) -> int:
        """Words and metadata together: the codes that a sentence's item list may hold."""
        return len(self.words) + len(self.metadata)

    @property
    def n_codes(self) -> int:
        """Words, metadata and tags together."""
        return self.n_items + len(self.tags)

    def item(self, code: int) -> tuple[str, str]:
        """The layer of an item (neuronsig.kinds) and its name: a word, a tag, or `domain=book`."""
        if code < len(self.words):
            return WORDS, self.words[code]
        if code < self.n_items:
            return METADATA, "=".join(self.metadata[code - len(self.words)])
        return TAGS, self.tags[code - self.n_items]

    def node_names(self, labels: str) -> list[str]:
        """The labels that a subtree's node may have, by their codes; `labels` of dependency trees: pos or words."""
        if self.labels is not None:
            return self.labels
        return self.tags if labels == "pos" else self.words

    def n_labels(self, labels: str) -> int:
        """How many those are, 1 at least."""
        return max(len(self.node_names(labels)), 1)


@dataclass(kw_only=True)
class Dictionary(Vocabulary):
    """What a corpus's sentences are encoded with, and its counts. Code 0 is the most frequent."""

    word_sentences: Codes  # (n_words,) sentences that hold the lower-cased word
    metadata_sentences: Codes  # (n_metadata,)
    tag_tokens: Codes  # (n_tags,) tokens with the tag
    tag_sentences: Codes  # (n_tags,) sentences that hold the tag
    n_sentences: int
    n_tokens: int
    stratum_sentences: Codes  # (strata,) sentences of each stratum
    stratum_trees: Codes  # (strata,) those of them that have a tree
    n_trees: int  # sentences with a tree
    left_out: list[str] = field(default_factory=list)
    """What was too rare for a dictionary of MAX_WORDS, in words; empty where all that min_count keeps is in it."""

    def item_sentences(self) -> Codes:
        """Sentences of the corpus that hold each item, by item code: words, metadata, tags."""
        return np.concatenate((self.word_sentences, self.metadata_sentences, self.tag_sentences))


@dataclass(frozen=True)
class Bound:
    """Words (or labels) in fewer than `least` sentences are left out of a dictionary: so many are."""

    kind: str
    least: int
    left_out: int

    @classmethod
    def of(cls, kind: str, sizes: Mapping[int, int]) -> Bound:
        """The bound that leaves MAX_WORDS at most; `sizes`: number of sentences -> words that are in so many."""
        kept = least = 0
        for sentences in sorted(sizes, reverse=True):
            if kept + sizes[sentences] > MAX_WORDS:
                least = sentences + 1
                break
            kept += sizes[sentences]
        return cls(kind, least, sum(sizes.values()) - kept)

    @property
    def too_rare(self) -> ds.Expression:
        return (ds.field("kind") == self.kind) & (ds.field("sentences") < self.least)

    def row(self) -> dict[str, Any]:
        """The row of COUNTS that says so."""
        return {"kind": "left_out", "field": self.kind, "item": "", "sentences": self.least, "tokens": self.left_out}


def write_dictionary(counts: pa.Table, path: Path, sentences: Path, bounds: Sequence[Bound] = ()) -> None:
    """Write the counts of all of `sentences`; within a kind the row order is the code. `bounds` left some out.

    Raises InputError when there is no sentence, or more than MAX_TAGS tags.
    """
    total = counts.filter(pc.equal(counts["kind"], "total"))
    if total.num_rows == 0 or total["sentences"][0].as_py() == 0:
        raise InputError(
            f"{sentences} holds no sentence that is not held out; run neuronsig annotate first, or where it has few "
            "documents neuronsig mine mining.holdout_by=sentence"
        )
    tags = counts.filter(pc.equal(counts["kind"], "tag")).num_rows
    if tags > MAX_TAGS:
        raise InputError(
            f"{sentences} column 'pos' holds {tags} distinct tags, at most {MAX_TAGS}; is it a tagger's output?"
        )
    told = pa.Table.from_pylist([bound.row() for bound in bounds if bound.left_out], schema=COUNTS)
    counts = pa.concat_tables([counts.select(COUNTS.names).cast(COUNTS), told])
    order = [("kind", "ascending"), ("sentences", "descending"), ("field", "ascending"), ("item", "ascending")]
    stream = io.BytesIO()
    pq.write_table(counts.sort_by(order), stream, compression="zstd")
    atomic_write(path, stream.getvalue())


def read_dictionary(path: Path, match: str = "length") -> Dictionary:
    """The dictionary that `write_dictionary` wrote, its strata made of what `match` says."""
    table = read_parquet(path)

    def part(kind: str) -> dict[str, Any]:
        rows = table.filter(pc.equal(table["kind"], kind))
        numbers = {name: rows[name].to_numpy().astype(np.int64) for name in ("sentences", "tokens")}
        return {"field": rows["field"].to_pylist(), "item": rows["item"].to_pylist(), **numbers}

    words, tags, values, total = part("word"), part("tag"), part("metadata"), part("total")
    lengths, trees, rare = part("length"), part("tree"), part("left_out")
    domains = sorted(set(lengths["field"]))
    histogram = np.bincount(_sizes(lengths), weights=lengths["sentences"]).astype(np.int64)
    strata = Strata.build(match, histogram, len(domains))

    def by_stratum(counts: dict[str, Any]) -> Codes:
        number = np.array([domains.index(name) for name in counts["field"]], np.int64)
        code = strata.codes(_sizes(counts), number)
        return np.bincount(code, weights=counts["sentences"], minlength=strata.size).astype(np.int64)

    return Dictionary(
        words=words["item"],
        word_sentences=words["sentences"],
        metadata=list(zip(values["field"], values["item"], strict=True)),
        metadata_sentences=values["sentences"],
        tags=tags["item"],
        tag_tokens=tags["tokens"],
        tag_sentences=tags["sentences"],
        n_sentences=int(total["sentences"][0]),
        n_tokens=int(total["tokens"][0]),
        strata=strata,
        domains=domains,
        stratum_sentences=by_stratum(lengths),
        stratum_trees=by_stratum(part("tree_length")),
        n_trees=int(trees["sentences"].sum()),
        labels=part("label")["item"] if BRACKETS in trees["field"] else None,
        left_out=[
            f"{number:,} {kind}s, in fewer than {least:,} sentences"
            for kind, least, number in zip(rare["field"], rare["sentences"], rare["tokens"], strict=True)
        ],
    )


def _sizes(counts: dict[str, Any]) -> Codes:
    return np.array([int(item) for item in counts["item"]], np.int64)
