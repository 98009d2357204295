"""The batches of wanted sentences, cut out of a shard, are batches of the whole shard."""

from __future__ import annotations

import numpy as np
import pytest

from neuronsig.collection.shards import rectangles
from neuronsig_ray.rescore import batches_with
from neuronsig_ray.scorer import ShardText


def shard(lengths: list[int]) -> ShardText:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return ShardText(np.arange(len(lengths)) + 1000, offsets, np.arange(offsets[-1], dtype=np.int32))


def batches(text: ShardText, batch_tokens: int) -> dict[tuple[int, ...], list[int]]:
    """Sentences of each batch, and their tokens."""
    cut = rectangles(np.diff(text.offsets), batch_tokens)
    return {
        tuple(text.sentence_ids[a:b].tolist()): text.tokens[text.offsets[a] : text.offsets[b]].tolist()
        for a, b, _ in cut
    }


@pytest.mark.parametrize("seed", range(20))
def test_batches_with_wanted_sentences_are_cut_as_in_the_whole_shard(seed):
    random = np.random.default_rng(seed)
    whole = shard(sorted(random.integers(1, 6, 60).tolist()))
    wanted = random.choice(whole.sentence_ids, int(random.integers(1, 12)), replace=False)
    every = batches(whole, batch_tokens=12)
    found = batches(batches_with(whole, wanted, 12), batch_tokens=12)
    assert found == {ids: tokens for ids, tokens in every.items() if set(ids) & set(wanted.tolist())}
