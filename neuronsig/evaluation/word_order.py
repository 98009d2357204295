"""Sentences with their words in another order: what a neuron makes of them tells how much it depends on order.

The words are the annotator's, of which signatures speak. A token is a piece of the word that it shares most characters
with (neuronsig.triggers.words). That holds for every fast tokenizer: marks of continuation are WordPiece's (##), byte
pairs' (Ġ) or SentencePiece's (▁) own, and what a tokenizer itself takes for words differs too; some of SentencePiece's
know of none. Tokens are moved, never made anew from a shuffled text: the sentence keeps its tokens and its length, so
that a unit that does not look at order gives the same activation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.collection.shard_files import ShardText
from neuronsig.collection.tokenizing import one_tokenizer
from neuronsig.errors import InputError
from neuronsig.evaluation.ranking import best, spearman
from neuronsig.ragged import flat_lists
from neuronsig.splitmix import stream
from neuronsig.storage.parquet import read_parquet
from neuronsig.triggers.model_tokens import pieces

WORD_ORDERS = pa.schema([("sentence_id", pa.int64()), ("places", pa.list_(pa.int32()))])
"""Sentences, and of each place of the shuffled one the place of its token in the sentence as it is."""
_SEED = 0x6F72646572  # another than those that split sentences

Ids = NDArray[np.int64]


def shuffled_places(word: Ids, special: NDArray[np.bool_], sentence_id: int, seed: int) -> Ids:
    """(tokens,) for each place of a sentence with its words in a drawn order, the place that its token comes from.

    `word` (tokens,) says which word each token is a piece of, `special` (tokens,) which ones stay where they are. A
    token of no word (-1: a mark of the space before a word, or what the annotator left out) goes with the word after
    it. A function of these, the sentence and the seed alone; all orders are as likely, the given one too.
    """
    free = np.flatnonzero(~special)
    of = word[free]
    named = np.append(np.flatnonzero(of >= 0), len(of))
    of = np.append(of, -1)[named[np.searchsorted(named, np.arange(len(of)))]]
    first = np.ones(len(free), bool)
    first[1:] = of[1:] != of[:-1]
    drawn = stream(sentence_id, int(first.sum()), _SEED + seed)
    places = np.arange(len(word))
    places[free] = free[np.argsort(drawn[np.cumsum(first) - 1], kind="stable")]
    return places


def word_orders(table: pa.Table, spec: TokenizerSpec, seed: int) -> pa.Table:
    """Rows of WORD_ORDERS for rows of sentences with `sentence_id`, `text` and `tokens`, cut as their shards are."""
    found = pieces(one_tokenizer(spec), table["text"].to_pylist(), table["tokens"].to_pylist())
    ids = table["sentence_id"].to_pylist()
    places = [shuffled_places(word, special, i, seed) for i, (_, word, special) in zip(ids, found, strict=True)]
    return pa.table([pa.array(ids, pa.int64()), pa.array(places, pa.list_(pa.int32()))], schema=WORD_ORDERS)


@dataclass(frozen=True)
class WordOrders:
    """The shuffled orders of some sentences; places are end to end, those of sentence i from offsets[i]."""

    sentence_ids: Ids  # (n,) ascending
    offsets: Ids  # (n + 1,)
    places: NDArray[np.int32]

    @classmethod
    def read(cls, file: Path) -> WordOrders:
        """From a file of WORD_ORDERS."""
        table = read_parquet(file).sort_by("sentence_id")
        places, offsets = flat_lists(table["places"])
        return cls(table["sentence_id"].to_numpy(), offsets, places.to_numpy())

    def of(self, text: ShardText) -> tuple[ShardText, ShardText]:
        """The sentences of a shard that are among these, as they are and shuffled, still sorted by length.

        Raises InputError where a sentence has another number of tokens than its order.
        """
        kept = text.take(np.flatnonzero(np.isin(text.sentence_ids, self.sentence_ids)))
        orders = ShardText(self.sentence_ids, self.offsets, self.places)
        orders = orders.take(np.searchsorted(self.sentence_ids, kept.sentence_ids))
        if (wrong := np.flatnonzero(orders.lengths != kept.lengths)).size:
            i = wrong[0]
            raise InputError(
                f"tokenized/ has {kept.lengths[i]} tokens of sentence_id={kept.sentence_ids[i]}, and its text in "
                f"sentences/ makes {orders.lengths[i]}; run neuronsig tokenize again"
            )
        at = np.repeat(kept.offsets[:-1], kept.lengths) + orders.tokens
        return kept, replace(kept, tokens=kept.tokens[at])


def contextuality(
    scores: NDArray[np.float32], shuffled: NDArray[np.float32], positives: int
) -> Iterator[dict[str, Any]]:
    """`contextuality` and `kept_shuffled` of EVALUATION for each neuron, of scores (sentences, neurons) of both kinds.

    Contextuality is 1 - Spearman's correlation: 0 where order changes nothing, about 1 where all that the activation
    says of a sentence is gone with the order, and None where activations are all the same, so that nothing can be
    said. Kept is the share of the neuron's positives, its `positives` best sentences, that are among as many best ones
    of the shuffled.
    """
    for plain, other in zip(scores.T, shuffled.T, strict=True):
        constant = plain.min() == plain.max() or other.min() == other.max()
        kept = np.isin(best(plain, positives), best(other, positives)).mean()
        yield {
            "contextuality": None if constant else 1 - spearman(plain, other),
            "kept_shuffled": None if constant else float(kept),
        }
