"""A table of sentences as flat arrays of codes: one entry a token, in the order of the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pyarrow as pa
import simplemma

from neuronsig.errors import InputError
from neuronsig.letters import is_alnum, is_alpha, letters
from neuronsig.ragged import Codes, coded, flat_lists, flat_words, rows_of
from neuronsig.readers import in_order, sentences_by_id

COLUMNS = ("sentence_id", "domain", "position", "tokens", "pos", "heads", "metadata")
"""What of the sentences table is read."""


def read_text(files: Sequence[str], ids: Codes) -> pa.Table:
    """The COLUMNS of the sentences with these ids, ascending, read from the files of a sentences table.

    Raises InputError when one is not there.
    """
    return in_order([sentences_by_id(file, ids, COLUMNS) for file in files], ids, "sentences/", "topk")


_ELONGATED = re.compile(r"([^\W\d_])\1\1")
_LATIN = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Layer:
    """One thing that each token has: codes (tokens,) of `names`."""

    codes: Codes
    names: list[str]


@dataclass(frozen=True)
class Tokens:
    """Sentences by token; sentence i has the tokens offsets[i] to offsets[i + 1] - 1."""

    offsets: Codes  # (sentences + 1,)
    cased: Layer
    tags: Layer
    heads: Codes  # (tokens,) 1-based within the sentence, 0: a root; -1: the sentence has no tree
    table: pa.Table
    language: str

    @classmethod
    def of(cls, table: pa.Table, language: str = "en") -> Tokens:
        """Of a table with the COLUMNS, in its order; `language` is that of the lemmas.

        Raises InputError where a sentence has not one tag a token.
        """
        words, offsets = flat_words(table["tokens"])
        tags, tag_offsets = flat_words(table["pos"])
        if (wrong := np.flatnonzero(offsets != tag_offsets)).size:
            sentence = table["sentence_id"][int(wrong[0]) - 1]
            raise InputError(
                f"sentences/: sentence_id {sentence} has not one pos a token; run neuronsig annotate again"
            )
        heads, head_offsets = flat_lists(table["heads"])
        found = np.full(len(words), -1, np.int64)
        parsed = np.diff(head_offsets) == np.diff(offsets)
        found[parsed[rows_of(offsets)]] = heads.to_numpy(zero_copy_only=False)[parsed[rows_of(head_offsets)]]
        return cls(offsets, _layer(words), _layer(tags), found, table, language)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def rows(self) -> Codes:
        """(tokens,) the sentence of each."""
        return rows_of(self.offsets)

    @cached_property
    def places(self) -> Codes:
        """(tokens,) the place of each in its sentence, from 0."""
        return np.arange(len(self.rows)) - self.offsets[:-1][self.rows]

    @cached_property
    def lengths(self) -> Codes:
        """(sentences,) tokens of each."""
        return np.diff(self.offsets)

    @cached_property
    def words(self) -> Layer:
        """Lower-cased words."""
        return self.derived(str.lower)

    @cached_property
    def lemmas(self) -> Layer:
        """Dictionary forms, lower-cased."""
        return self.derived(lambda name: lemma(name, self.language))

    def derived(self, name_of: Callable[[str], str]) -> Layer:
        """A layer that is a function of the cased word; it is called once for each distinct word."""
        names, place = coded(pa.array(map(name_of, self.cased.names), pa.string()))
        return Layer(place[self.cased.codes], names.to_pylist())

    def several(self, names_of: Callable[[str], Iterable[str]]) -> tuple[Codes, Layer]:
        """What a cased word has several of, or none: (places of tokens, a layer with a code for each of them)."""
        lists = [sorted(set(names_of(name))) for name in self.cased.names]
        sizes = np.array([len(one) for one in lists], np.int64)
        names, flat = coded(pa.array([name for one in lists for name in one], pa.string()))
        first = np.concatenate(([0], np.cumsum(sizes)))
        number = sizes[self.cased.codes]
        token = np.repeat(np.arange(len(number)), number)
        within = np.arange(len(token)) - np.repeat(np.cumsum(number) - number, number)
        return token, Layer(flat[first[self.cased.codes[token]] + within], names.to_pylist())


def _layer(values: pa.Array) -> Layer:
    names, codes = coded(values)
    return Layer(codes, names.to_pylist())


@cache
def lemma(word: str, language: str) -> str:
    """The dictionary form of a word, in lower case; the word itself where none is known."""
    word = word.lower()
    return simplemma.lemmatize(word, lang=language).lower() if is_alpha(word) else word


def shapes(word: str) -> list[str]:
    """What a reader sees of a word without reading it.

    >>> shapes("Hello"), shapes("NASA"), shapes("sooo"), shapes("1987"), shapes("3rd")
    (['capital'], ['capitals'], ['elongated'], ['digits', 'number'], ['digits'])
    """
    found = []
    if word[:1].isupper() and not (len(word) > 1 and word.isupper()):
        found.append("capital")
    if len(word) > 1 and word.isupper():
        found.append("capitals")
    if any(map(str.isdigit, word)):
        found.append("digits")
        if not any(map(str.isalpha, word)):
            found.append("number")
    if _ELONGATED.search(word.lower()):
        found.append("elongated")
    if any(ord(letter) > 0x24F for letter in _LATIN.findall(word)):
        found.append("other script")
    if not any(map(str.isalnum, word)):
        found.append("mark")
    elif not is_alnum(word):
        found.append("joined")
    return found


def affixes(word: str) -> list[str]:
    """The first and the last two to four letters of a word that is longer: `un-`, `-ing`.

    >>> affixes("sing")
    ['si-', '-ng', 'sin-', '-ing']
    """
    word = word.lower()
    if not is_alpha(word):
        return []
    parts = letters(word)
    cut = [(parts[:n], parts[-n:]) for n in (2, 3, 4) if len(parts) > n]
    return [part for first, last in cut for part in (f"{''.join(first)}-", f"-{''.join(last)}")]
