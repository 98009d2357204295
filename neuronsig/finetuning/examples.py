"""Labelled examples: documents that a run leaves out, as tokens; those that train the model and those that test it.

A document is an example where a metadata field gives it exactly one label. It is none where one of its sentences,
letters alone compared, is a sentence of the run too, for the run's sentences are what models are compared on; and it
tests nothing where one of its sentences is in an example that trains.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuronsig.checkpoint import TokenizerSpec, tokenizer_of
from neuronsig.corpora.document import Document
from neuronsig.errors import InputError
from neuronsig.ragged import list_lengths, rows_of
from neuronsig.splitmix import text_hashes, uniform

EXAMPLES = pa.schema(
    [
        ("document", pa.int64()),  # a number made of source and document id
        ("label", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("sentences", pa.list_(pa.int64())),  # a number for the letters of each
    ]
)
WORDS = 5
"""Words of a sentence, at least, by which documents count as alike: shorter ones are everybody's."""
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_NO_LETTERS = re.compile(r"[\W\d_]+")
_TEST, _DRAWN = 0x74657374, 0x647261776E


def examples_of(
    documents: Iterable[Document], source: str, field: str, tokenizer: TokenizerSpec
) -> tuple[pa.Table, Counter[str], Counter[str]]:
    """The labelled ones of some documents (EXAMPLES), how many others there are by reason, and of each metadata field.

    An input is the whole text of a document, cut where the model's inputs are.
    """
    encode = tokenizer_of(tokenizer).encode
    rows, others, fields = [], Counter[str](), Counter[str]()
    for document in documents:
        fields.update(list(document.metadata))
        labels = document.metadata.get(field, [])
        if len(labels) != 1:
            others["several labels" if labels else "no label"] += 1
            continue
        name = f"{source}/{document.doc_id}"
        ids = encode(document.text.replace("\n\n", " ")).ids
        sentences = sentence_keys(_SENTENCE_ENDS.split(document.text))
        rows.append({"document": int(text_hashes([name])[0]), "label": labels[0], "input_ids": ids})
        rows[-1]["sentences"] = np.unique(sentences).tolist()
    return pa.Table.from_pylist(rows, EXAMPLES), others, fields


def sentence_keys(sentences: Iterable[str]) -> NDArray[np.int64]:
    """A number for the letters, in lower case, of each sentence that has WORDS words or more."""
    long = (sentence for sentence in sentences if len(sentence.split()) >= WORDS)
    letters = (_NO_LETTERS.sub("", sentence).lower() for sentence in long)
    return text_hashes(text for text in letters if text)


@dataclass(frozen=True)
class Split:
    """Labels in their order (a class's number is its place), and the examples of training and test (EXAMPLES)."""

    labels: list[str]
    train: pa.Table
    test: pa.Table
    counts: dict[str, int]


def split(examples: pa.Table, share: float, least: int, most: int, seed: int, key: str) -> Split:
    """Divide examples: about `share` of them, by their ids, test. A class needs `least` examples that train.

    `most` (0: all) examples are drawn by `seed`. Raises InputError, beginning with `key`, where there are fewer than
    two classes or none tests.
    """
    if most and examples.num_rows > most:
        drawn = uniform(_numbers(examples), _DRAWN + seed)
        examples = examples.take(pa.array(np.sort(np.argsort(drawn, kind="stable")[:most])))
    examples = examples.sort_by("document")
    tests = uniform(_numbers(examples), _TEST) < share
    train, test = examples.filter(pa.array(~tests)), examples.filter(pa.array(tests))
    number = Counter(train["label"].to_pylist())
    labels = sorted(label for label, n in number.items() if n >= least)
    if len(labels) < 2:
        found = ", ".join(f"{label} {n:,}" for label, n in number.most_common(3)) or "none"
        raise InputError(
            f"{key}: needs two labels with {least} documents or more that train; there are {len(labels)} (found: "
            f"{found}); choose another field, reserve more of the corpus, or lower finetune.least"
        )
    rare = [sum(label not in labels for label in table["label"].to_pylist()) for table in (train, test)]
    train, test = (table.filter(pc.is_in(table["label"], pa.array(labels))) for table in (train, test))
    alike = has_any(test, np.unique(train["sentences"].combine_chunks().flatten().to_numpy()))
    test = test.filter(pa.array(~alike))
    if not test.num_rows:
        raise InputError(f"{key}: no document is left to test on; raise finetune.test or reserve more of the corpus")
    counts = {"documents of rare labels": sum(rare), "test documents with a sentence that trains": int(alike.sum())}
    return Split(labels, train, test, counts)


def has_any(examples: pa.Table, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(examples,) which have a sentence of one of the keys (n,), ascending."""
    column = examples["sentences"].combine_chunks()
    lengths = list_lengths(column)
    found = np.isin(column.flatten().to_numpy(), keys)
    return np.bincount(rows_of(np.concatenate(([0], np.cumsum(lengths))))[found], minlength=len(lengths)) > 0


def shares(labels: Sequence[str], table: pa.Table) -> dict[str, int]:
    """How many examples have each label."""
    number = Counter(table["label"].to_pylist())
    return {label: number[label] for label in labels}


def _numbers(examples: pa.Table) -> NDArray[np.int64]:
    return np.asarray(examples["document"].to_numpy())
