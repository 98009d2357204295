"""Heads of words, by the weights of the dependency parser that ships with the package.

Spark NLP's own class makes a string of every feature and looks it up in sets of sets, which was three quarters of all
annotation; here the same weights are looked up by hashes (`neuronsig.annotation.arc_hybrid`).
"""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from neuronsig.annotation.arc_hybrid import MOVE_TEMPLATES, TAG_TEMPLATES, Vocabulary, parse
from neuronsig.annotation.hashed_features import hash_texts, read_perceptron

_BEFORE, _BEHIND = ("%START%", "%PAD%"), ("%ROOT%", "%END%")


class DependencyParser:
    """A greedy parser, from Spark NLP's text of the tagger inside it and of its moves.

    Raises ValueError when the texts are of no perceptrons whose averages are final.
    """

    def __init__(self, tagger: str, moves: str) -> None:
        classes, only_tag, *_ = tagger.split("\n", 2)
        self._tags = _listed(classes)
        # A word of the dictionary is never tagged otherwise.
        self._only_tag = {word: int(tag) for word, _, tag in (entry.partition("=") for entry in _listed(only_tag))}
        self._tagger = read_perceptron(tagger, TAG_TEMPLATES, len(self._tags))
        self._mover = read_perceptron(moves, MOVE_TEMPLATES, 3)

    def heads(self, tokens: pa.ListArray) -> pa.ListArray:
        """Heads (int32) of each sentence's tokens, 1-based, 0 = root; there may be several roots."""
        offsets = tokens.offsets.to_numpy().astype(np.int64)
        encoded = tokens.flatten().dictionary_encode()
        words = [_normalised(word) for word in encoded.dictionary.to_pylist()]
        words += [*_BEFORE, *_BEHIND]
        only_tag = np.array([self._only_tag.get(word, -1) for word in words])
        vocabulary = Vocabulary(hash_texts(words), hash_texts([*self._tags, *_BEFORE]), only_tag)
        offsets -= offsets[0]
        heads = parse(encoded.indices.to_numpy(), offsets, vocabulary, self._tagger, self._mover)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(heads))

    def with_heads(self, parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Each batch with a column `heads` after its others, of its column `tokens`."""
        for part in parts:
            yield part.append_column("heads", self.heads(part.column("tokens")))


def _listed(line: str) -> list[str]:
    """The entries of `name=[entry|entry]`."""
    entries = re.fullmatch(r"tagger\.\w+=\[(.*)\]", line)
    if entries is None:
        raise ValueError(f"{line[:40]!r} where a tagger's entries are due")
    return entries[1].split("|")


def _normalised(word: str) -> str:
    """Numbers are one word, and years another, as in training: Spark NLP's `WordData.norm`, whose digits are those of
    the first plane."""
    if not all(mark in "-." or (mark.isdecimal() and mark < "\U00010000") for mark in word):
        return word
    digits = word.isdecimal()
    if len(word) == 1:
        return "#NUM#" if digits else word
    return "#YEAR#" if digits and len(word) == 4 else "#NUM#"
