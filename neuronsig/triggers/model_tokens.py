"""Sentences in the model's tokens beside the annotator's words, and the parts in which its replicas forward them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from neuronsig.checkpoint import TokenizerSpec, tokenizer_of
from neuronsig.encoding.text import Text
from neuronsig.ragged import offsets_of
from neuronsig.triggers.words import word_of_tokens, word_spans

CHUNK = 2048
"""Sentences that a replica forwards and commits together."""
TEXTS_AT_ONCE = 1024

Ids = NDArray[np.int64]


def pieces(
    tokenizer: Tokenizer, texts: Sequence[str], words: Sequence[Sequence[str]]
) -> Iterator[tuple[Ids, Ids, NDArray[np.bool_]]]:
    """Of each text, with its words: its tokens' ids, the word that each token is a piece of, and which are special.

    All are (tokens,); words count from 0, and -1 is none.
    """
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        part = slice(start, start + TEXTS_AT_ONCE)
        for encoded, text, of in zip(tokenizer.encode_batch(texts[part]), texts[part], words[part], strict=True):
            special = np.array(encoded.special_tokens_mask, bool)
            word = np.where(special, -1, word_of_tokens(encoded.offsets, word_spans(text, of)))
            yield np.array(encoded.ids, np.int64), word, special


@dataclass(frozen=True)
class ModelTokens:
    """Sentences by id, and their tokens, which are end to end; those of place i: offsets[i] to offsets[i + 1]."""

    text: Text
    offsets: Ids  # (sentences + 1,)
    input_ids: Ids  # (tokens,)
    word: Ids  # (tokens,) place in its sentence of the word that the token is a piece of; -1: none
    special: NDArray[np.bool_]  # (tokens,)
    skip_prefix: int
    skip_suffix: int

    @classmethod
    def of(cls, table: pa.Table, spec: TokenizerSpec, skip_prefix: int, skip_suffix: int) -> ModelTokens:
        """Rows of `sentences`, ascending by id, through the model's own fast tokenizer.

        Of a sentence's tokens the first `skip_prefix` and the last `skip_suffix` are not pooled.
        """
        found = list(pieces(tokenizer_of(spec), table["text"].to_pylist(), table["tokens"].to_pylist()))
        offsets = offsets_of([len(ids) for ids, *_ in found])
        input_ids, word_of, special_of = (np.concatenate(column) for column in zip(*found, strict=True))
        text_of = Text.of(table.drop_columns(["text"]))
        return cls(text_of, offsets, input_ids, word_of, special_of, skip_prefix, skip_suffix)

    def places(self, sentence_ids: Ids) -> Ids:
        return np.searchsorted(self.text.ids, sentence_ids)

    def pooled(self, length: int) -> slice:
        """The tokens of a sentence of `length` tokens that its score is made of."""
        return slice(self.skip_prefix, max(length - self.skip_suffix, self.skip_prefix))

    def word_and_tag(self, place: int, word: int) -> tuple[str, str]:
        """A word of a sentence, lower-cased, and its tag; empty for word -1."""
        if word < 0:
            return "", ""
        named, coded = self.text.vocabulary, self.text.sentences
        at = coded.offsets[place] + word
        return named.words[coded.words[at]], named.tags[coded.tags[at]]


@dataclass(frozen=True)
class Chunk:
    """Some sentences as token ids, and which neurons list which of them."""

    index: int
    sentence_ids: Ids  # (n,) ascending in length
    offsets: Ids  # (n + 1,) of the tokens
    tokens: Ids
    rows: Ids  # (pairs,) neuron's row of the job
    sentences: Ids  # (pairs,) place in sentence_ids, ascending


def chunks_of(tokens: ModelTokens, rows: Ids, sentence_ids: Ids) -> list[Chunk]:
    """Every sentence once, by length, with the pairs of a neuron's row and a sentence (pairs,) that want it."""
    lengths = np.diff(tokens.offsets)
    order = np.argsort(lengths, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    wanted = place[tokens.places(sentence_ids)]
    by_place = np.argsort(wanted, kind="stable")
    found = []
    for index, start in enumerate(range(0, len(order), CHUNK)):
        part = order[start : start + CHUNK]
        low, high = np.searchsorted(wanted[by_place], [start, start + len(part)])
        mine = by_place[low:high]
        offsets = offsets_of(lengths[part])
        ids = np.concatenate([tokens.input_ids[tokens.offsets[i] : tokens.offsets[i + 1]] for i in part])
        found.append(Chunk(index, tokens.text.ids[part], offsets, ids, rows[mine], wanted[mine] - start))
    return found
