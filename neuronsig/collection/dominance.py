"""Lists that one thing swamps: a document, near-duplicates, a rare word, or one token's massive activation.

Massive activations sit on a few fixed tokens, such as [CLS] or the first full stop, whatever the text (Sun et al.,
"Massive Activations in Large Language Models", 2024): a list they order says little of what its neuron responds to.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neuronsig.annotation.near_duplicates import PERMUTATIONS, Signatures, signatures
from neuronsig.neuron import Neuron
from neuronsig.readers import sentences_by_id
from neuronsig.storage.files import concurrently
from neuronsig.storage.parquet import check_table, table_files
from neuronsig.tables import NEURON_KEY, SENTENCES

# A word in more of the sentences than this is no rare one.
RARE = 0.01
# A document with more than this part of a list's share of all listed sentences is only a large one.
LARGE = 0.5
# Sentences with this share of word pairs in common, as their signatures estimate it, are near-duplicates.
ALIKE = 0.7

DOCUMENT, NEAR_DUPLICATES, WORD, TOKEN = "document", "near_duplicates", "word", "token"
FLAGS = (DOCUMENT, NEAR_DUPLICATES, WORD, TOKEN)

OUTLIERS = pa.schema(
    [
        *NEURON_KEY,
        ("sentences", pa.int32()),  # top sentences looked at
        ("document_share", pa.float64()),  # of them in the most common document
        ("document", pa.string()),
        ("document_elsewhere", pa.float64()),  # share of all listed sentences in it
        ("near_duplicate_share", pa.float64()),  # alike to one of a better rank
        ("word_share", pa.float64()),  # holding the rare word that most of them hold
        ("word", pa.string()),
        ("word_elsewhere", pa.float64()),  # share of all listed sentences that hold it
        ("token_sentences", pa.int32()),  # top sentences whose strongest token was looked at; 0: none
        ("concentration", pa.float64()),  # share of their tokens' activation above the baseline on the strongest, mean
        ("token", pa.string()),  # the most common strongest token
        ("token_place", pa.string()),  # first, last or inside
        ("flags", pa.string()),  # FLAGS of 50 % or more (or another share), separated by blanks
    ]
)


@dataclass(frozen=True)
class ListedSentences:
    """All sentences of some top lists, in the order of their ids (n,)."""

    ids: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]  # (n,) code of each sentence's document
    names: Sequence[str]  # of the documents
    signatures: Signatures  # (n, permutations)
    words: Sequence[frozenset[str]]

    @cached_property
    def counts(self) -> Counter[str]:
        """How many of all listed sentences hold each word."""
        return Counter(word for words in self.words for word in words)


@dataclass(frozen=True)
class Strongest:
    """The strongest token of a sentence (neuronsig.triggers.locate): the concentration, its text, its place."""

    concentration: float  # NaN: no token is above the baseline
    token: str
    place: str


def flags_by_layer(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str | int, ...]]:
    """By site and layer, of rows of OUTLIERS: the number of neurons, and of those with each of FLAGS."""
    layers: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        layers[f"{row['site']} L{row['layer']}"].update(["neurons", *row["flags"].split()])
    return [(layer, *(counts[name] for name in ("neurons", *FLAGS))) for layer, counts in layers.items()]


def dominance(
    neuron: Neuron,
    sentence_ids: npt.NDArray[np.int64],
    listed: ListedSentences,
    strongest: Sequence[Strongest],
    flagged_from: float,
) -> dict[str, object]:
    """A row of OUTLIERS: what the top sentences (by rank) of one neuron have in common.

    `strongest` are the tokens of the first of them.
    """
    rows = np.searchsorted(listed.ids, sentence_ids)
    code, in_document = Counter(listed.documents[rows].tolist()).most_common(1)[0]
    in_all = int(np.count_nonzero(listed.documents == code)) / len(listed.ids)
    repeated = near_duplicate_share(listed.signatures[rows])
    word, held = rare_word([listed.words[row] for row in rows], listed.counts, len(listed.ids))
    token = Counter((s.token, s.place) for s in strongest).most_common(1)
    measured = [s.concentration for s in strongest if not np.isnan(s.concentration)]
    shares = {
        DOCUMENT: in_document / len(rows) if len(rows) > 1 else 0.0,
        NEAR_DUPLICATES: repeated,
        WORD: held,
        TOKEN: float(np.mean(measured)) if measured else None,
    }
    told = shares if in_all <= LARGE * in_document / len(rows) else {**shares, DOCUMENT: 0.0}
    flags = [name for name in FLAGS if (told[name] or 0.0) >= flagged_from]
    return {
        **neuron.as_row(),
        "sentences": len(rows),
        "document_share": shares[DOCUMENT],
        "document": listed.names[code],
        "document_elsewhere": in_all,
        "near_duplicate_share": repeated,
        "word_share": held,
        "word": word,
        "word_elsewhere": listed.counts[word] / len(listed.ids),
        "token_sentences": len(strongest),
        "concentration": shares[TOKEN],
        "token": token[0][0][0] if token else None,
        "token_place": token[0][0][1] if token else None,
        "flags": " ".join(flags),
    }


def near_duplicate_share(signatures: Signatures, alike: float = ALIKE) -> float:
    """Share of sentences, in order of rank, whose signatures say that they are alike to an earlier one."""
    if len(signatures) < 2:
        return 0.0
    same = (signatures[:, None, :] == signatures[None, :, :]).mean(axis=2)  # (sentences, sentences)
    return float((np.tril(same, -1).max(axis=1) >= alike).mean())


def rare_word(words: Sequence[frozenset[str]], counts: Counter[str], total: int) -> tuple[str, float]:
    """The word held by most of the sentences, of those that at most RARE of all listed ones hold, and their share.

    Words of the list's own are rare only beside other lists: with one list of 100 sentences none can be.
    """
    found = Counter(word for held in words for word in held)
    rare = [(count, word) for word, count in found.items() if counts[word] <= RARE * total]
    count, word = max(rare, key=lambda entry: (entry[0], entry[1]), default=(0, ""))
    return word, count / len(words)


_BATCH = 2048
# Half of the permutations: a list is described, not filtered.
_PLACES = PERMUTATIONS // 2


def read_listed(sentences: Path, ids: npt.NDArray[np.int64]) -> ListedSentences:
    """Documents, words and signatures of the sentences with these ids, ascending (n,)."""
    check_table(sentences, SENTENCES)
    codes: dict[str, int] = {}
    documents, found = np.full(len(ids), -1, np.int64), np.zeros((len(ids), _PLACES), np.uint32)
    words: list[frozenset[str]] = [frozenset()] * len(ids)
    columns = ["sentence_id", "domain", "doc_id", "text", "tokens"]
    for table in concurrently(lambda path: sentences_by_id(path, ids, columns), table_files(sentences)):
        rows = np.searchsorted(ids, table["sentence_id"].to_numpy())
        for start in range(0, table.num_rows, _BATCH):
            part, at = table.slice(start, _BATCH), rows[start : start + _BATCH]
            named = zip(part["domain"].to_pylist(), part["doc_id"].to_pylist(), strict=True)
            names = [f"{domain} {doc}" for domain, doc in named]
            documents[at] = [codes.setdefault(name, len(codes)) for name in names]
            found[at] = signatures(part["text"].to_pylist())[:, :_PLACES]
            for row, tokens in zip(at.tolist(), part["tokens"].to_pylist(), strict=True):
                words[row] = frozenset(token.lower() for token in tokens)
    return ListedSentences(ids, documents, list(codes), found, words)
