"""Neurons whose top sentences are random sentences of a treebank, encoded as mining does it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronsig.annotation.treebank import Word, read_conllu

COMMON = 0.9  # an item in more of the corpus's sentences forms no itemsets, as in conf/mining


@dataclass
class Corpus:
    """Encoded sentences: codes of words, then of tags, then of metadata values."""

    words: list[NDArray[np.int64]]
    tags: list[NDArray[np.int64]]
    heads: list[NDArray[np.int64]]
    items: list[NDArray[np.int64]]  # distinct words, tags and metadata values
    n_words: int
    n_tags: int


@dataclass
class Neuron:
    """The top sentences of one neuron, flat; `items` have offsets of their own."""

    words: NDArray[np.int64]
    tags: NDArray[np.int64]
    heads: NDArray[np.int64]
    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    item_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def read_corpus(files: list[str]) -> Corpus:
    """Words in lower case, tags, heads and, as metadata, genre, document and length, as the treebank names them."""
    sentences: list[list[Word]] = []
    names: list[str] = []
    for file in files:
        sentences += read_conllu(file)
        names += re.findall(r"^# sent_id = (.*)$", Path(file).read_text(encoding="utf-8"), re.MULTILINE)
    pairs = [(s, name) for s, name in zip(sentences, names, strict=True) if len(s) >= 3]
    fields = [
        (f"genre {name.split('-')[0]}", f"document {name.rpartition('-')[0]}", f"length {len(s) // 10}")
        for s, name in pairs
    ]
    words: dict[str, int] = {}
    tags: dict[str, int] = {}
    values: dict[str, int] = {}
    for s, _ in pairs:
        for word in s:
            words.setdefault(word.form.lower(), len(words))
            tags.setdefault(word.tag, len(tags))
    for row in fields:
        for value in row:
            values.setdefault(value, len(words) + len(tags) + len(values))
    flat_words = [np.array([words[w.form.lower()] for w in s]) for s, _ in pairs]
    flat_tags = [np.array([len(words) + tags[w.tag] for w in s]) for s, _ in pairs]
    items = [
        np.unique(np.concatenate((w, t, [values[v] for v in row])))
        for w, t, row in zip(flat_words, flat_tags, fields, strict=True)
    ]
    common = np.bincount(np.concatenate(items)) > COMMON * len(items)
    items = [row[~common[row]] for row in items]
    heads = [np.array([w.head for w in s]) for s, _ in pairs]
    return Corpus(flat_words, flat_tags, heads, items, len(words), len(tags))


def draw(corpus: Corpus, rng: np.random.Generator, sentences: int) -> Neuron:
    """Random sentences without repetition."""
    if sentences > len(corpus.words):
        sys.exit(f"--sentences {sentences}: the treebank has {len(corpus.words)} of 3 words or more")
    chosen = rng.permutation(len(corpus.words))[:sentences]
    words, tags, heads, items = (
        np.concatenate([rows[i] for i in chosen]) for rows in (corpus.words, corpus.tags, corpus.heads, corpus.items)
    )
    offsets, item_offsets = (
        np.concatenate(([0], np.cumsum([len(rows[i]) for i in chosen]))) for rows in (corpus.words, corpus.items)
    )
    return Neuron(words, tags, heads, offsets, items, item_offsets)


def split(items: NDArray[np.int64], offsets: NDArray[np.int64]) -> list[list[int]]:
    return [row.tolist() for row in np.split(items, offsets[1:-1])]
