"""Labelled examples: documents that a run leaves out, as tokens; those that train the model and those that test it.

A document is an example where a metadata field gives it exactly one label. It is none where a sentence of the run is in
it, for the run's sentences are what models are compared on; and it tests nothing where a document that trains is the
same. Only letters are compared, in lower case, word by word: a sentence is in a document where its first GRAM words are
in it in a row, and its last. One of fewer words, which everybody writes, is so only where it is the whole document.
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
from neuronsig.ragged import flat_lists, rows_of
from neuronsig.splitmix import text_hashes, uniform

EXAMPLES = pa.schema(
    [
        ("document", pa.int64()),  # a number made of source and document id
        ("label", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("whole", pa.int64()),  # a number made of all of its words
        ("grams", pa.list_(pa.int64())),  # `whole`, and a number for any GRAM words in a row, each once
    ]
)
GRAM = 5
"""Words in a row by which a sentence is found in a document."""
_WORD = re.compile(r"[^\W\d_]+")
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
        words = words_of(document.text)
        number, whole, *grams = text_hashes([f"{source}/{document.doc_id}", *_keys(words)]).tolist()
        ids = encode(document.text.replace("\n\n", " ")).ids
        row = {"document": number, "label": labels[0], "input_ids": ids, "whole": whole}
        rows.append({**row, "grams": np.unique([whole, *grams]).tolist()})
    return pa.Table.from_pylist(rows, EXAMPLES), others, fields


def words_of(text: str) -> list[str]:
    """The words of a text, letters alone, in lower case."""
    return _WORD.findall(text.lower())


def _keys(words: Sequence[str]) -> list[str]:
    """What is hashed of some words: all of them, and any GRAM in a row."""
    return ["whole " + " ".join(words), *(" ".join(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1))]


def sentence_grams(sentences: Iterable[str]) -> NDArray[np.int64]:
    """(sentences, 2) the numbers of the first and of the last GRAM words of each; of one with fewer that of all, twice.

    A document with both among its `grams` has the sentence. Sentences without a letter are left out.
    """
    texts = []
    for sentence in sentences:
        if words := words_of(sentence):
            whole, *grams = _keys(words)
            texts += [grams[0], grams[-1]] if grams else [whole, whole]
    return text_hashes(texts).reshape(-1, 2)


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
    alike = np.isin(test["whole"].to_numpy(), train["whole"].to_numpy())
    test = test.filter(pa.array(~alike))
    if not test.num_rows:
        raise InputError(f"{key}: no document is left to test on; raise finetune.test or reserve more of the corpus")
    counts = {
        "documents of rare labels": sum(rare),
        "test documents that are the same as one that trains": int(alike.sum()),
    }
    return Split(labels, train, test, counts)


def with_sentences(examples: pa.Table, sentences: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(examples,) which have one of the sentences (n, 2), numbers of `sentence_grams`."""
    grams, offsets = flat_lists(examples["grams"])
    rows, values = rows_of(offsets), grams.to_numpy()
    found = np.zeros(len(offsets) - 1, bool)
    # Of each sentence whose beginning is there, the documents that have it, and then its end.
    order = np.argsort(values, kind="stable")
    values, rows = values[order], rows[order]
    starts, stops = (np.searchsorted(values, sentences[:, 0], side) for side in ("left", "right"))
    for sentence in np.flatnonzero(stops > starts):
        last = slice(*(np.searchsorted(values, sentences[sentence, 1], side) for side in ("left", "right")))
        found[np.intersect1d(rows[starts[sentence] : stops[sentence]], rows[last])] = True
    return found


def shares(labels: Sequence[str], table: pa.Table) -> dict[str, int]:
    """How many examples have each label."""
    number = Counter(table["label"].to_pylist())
    return {label: number[label] for label in labels}


def _numbers(examples: pa.Table) -> NDArray[np.int64]:
    return np.asarray(examples["document"].to_numpy())
