"""A vocabulary with the corpus's counts: made from rows of `counting.COUNTS`, kept as a table."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neuronsig.encoding.counting import BRACKETS
from neuronsig.encoding.strata import Strata
from neuronsig.encoding.vocabulary import Vocabulary
from neuronsig.errors import InputError
from neuronsig.ragged import Codes
from neuronsig.storage.parquet import read_parquet
from neuronsig.storage.whole_files import atomic_write

MAX_TAGS = 256
"""A tag's code is one byte."""


@dataclass(kw_only=True)
class Dictionary(Vocabulary):
    """What a corpus's sentences are encoded with, and its counts. Code 0 is the most frequent."""

    word_sentences: Codes  # (n_words,) sentences that hold the lower-cased word
    metadata_sentences: Codes  # (n_metadata,)
    tag_tokens: Codes  # (n_tags,) tokens with the tag
    tag_sentences: Codes  # (n_tags,) sentences that hold the tag
    n_sentences: int
    n_tokens: int
    stratum_sentences: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    """(strata,) sentences of each stratum."""
    stratum_trees: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    """(strata,) those of them that have a tree; all where it is not given."""
    n_trees: int = 0  # sentences with a tree

    def __post_init__(self) -> None:
        if not len(self.stratum_sentences):
            self.stratum_sentences = np.array([self.n_sentences], np.int64)
        if not len(self.stratum_trees):
            self.stratum_trees = self.stratum_sentences

    def item_sentences(self) -> Codes:
        """Sentences of the corpus that hold each item, by item code: words, metadata, tags."""
        return np.concatenate((self.word_sentences, self.metadata_sentences, self.tag_sentences))


def write_dictionary(counts: pa.Table, path: Path, sentences: Path) -> None:
    """Write the counts of all of `sentences`; within a kind the row order is the code.

    Raises InputError when there is no sentence, or more than MAX_TAGS tags.
    """
    total = counts.filter(pc.equal(counts["kind"], "total"))
    if total.num_rows == 0 or total["sentences"][0].as_py() == 0:
        raise InputError(f"{sentences} holds no sentence; run neuronsig annotate first")
    tags = counts.filter(pc.equal(counts["kind"], "tag")).num_rows
    if tags > MAX_TAGS:
        raise InputError(
            f"{sentences} column 'pos' holds {tags} distinct tags, at most {MAX_TAGS}; is it a tagger's output?"
        )
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
    lengths, trees = part("length"), part("tree")
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
    )


def _sizes(counts: dict[str, Any]) -> Codes:
    return np.array([int(item) for item in counts["item"]], np.int64)
