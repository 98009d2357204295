"""The batches of wanted sentences, cut out of a shard, are batches of the whole shard."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as hf

from neuronsig.collection.shard_files import ShardText
from neuronsig.collection.shards import rectangles
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.verify.rescore import PlainScorer, batches_with
from tests.neuronsig_ray.models import VOCABULARY, make_job, save_tokenizer


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


def test_an_encoder_saved_alone_is_scored_again_as_it_was_collected(tmp_path):
    sizes = {"d_model": 16, "d_kv": 8, "num_layers": 2, "num_heads": 2, "d_ff": 32, "vocab_size": len(VOCABULARY)}
    torch.manual_seed(0)
    hf.T5EncoderModel(hf.T5Config(**sizes)).save_pretrained(tmp_path / "encoder")
    save_tokenizer(tmp_path / "encoder")
    tokens = [2, 7, 9, 11, 3]
    job = make_job(tmp_path, tmp_path / "encoder", [tokens], 20, 5)
    plain = PlainScorer(job).scores(tokens, 0, len(tokens))
    ((_, collected, *_),) = Replica(job).scores(ShardText(np.zeros(1, np.int64), np.array([0, 5]), np.array(tokens)))
    np.testing.assert_allclose(plain, collected[:, 0].numpy(), rtol=1e-4, atol=1e-5)
