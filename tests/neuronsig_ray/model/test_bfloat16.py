from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from neuronsig.collection.job import Group
from neuronsig_ray.model import bfloat16
from neuronsig_ray.model.bfloat16 import attend_in_blocks, attention_in_use, in_blocks
from neuronsig_ray.model.inference import InspectedModel

LENGTHS = [1, 2, 5, 11, 16, 22, 31, 33, 43, 60, 63, 65, 100, 130, 255]


def drawn(batch: int, length: int, dtype: torch.dtype = torch.bfloat16) -> list[torch.Tensor]:
    """Queries, keys and values (batch, heads, length, dim), as a model hands them over: heads inside tokens."""
    torch.manual_seed(length)
    return [torch.randn(batch, length, 3, 16).to(dtype).transpose(1, 2) for _ in range(3)]


@torch.inference_mode()
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_blocks_give_every_input_the_attention_of_its_own_tokens(length: int, causal: bool) -> None:
    for batch in (1, 2, 7, 33):
        query, key, value = drawn(batch, length)
        width = 32 if length <= 32 else 64 if length <= 64 else -(-length // 16) * 16
        found = in_blocks(query, key, value, width, causal, 0.3)
        wanted = torch.stack(
            [
                scaled_dot_product_attention(q, k, v, is_causal=causal, scale=0.3).transpose(0, 1)
                for q, k, v in zip(query.double(), key.double(), value.double(), strict=True)
            ]
        )  # (batch, length, heads, dim)
        assert found.shape == wanted.shape
        assert (found.double() - wanted).abs().max() < 0.02


@torch.inference_mode()
def test_float32_in_blocks_agrees_to_the_last_digits() -> None:
    for length in LENGTHS:
        query, key, value = drawn(5, length, torch.float32)
        wanted = scaled_dot_product_attention(query, key, value).transpose(1, 2)
        assert torch.allclose(in_blocks(query, key, value, -(-length // 64) * 64, False, None), wanted, atol=1e-5)


def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    plain = bfloat16.in_blocks

    def counted(*args: Any) -> torch.Tensor:
        seen.append(args[3])
        return plain(*args)

    monkeypatch.setattr(bfloat16, "in_blocks", counted)
    return seen


@torch.inference_mode()
def test_the_plain_kernel_is_kept_for_what_is_masked_float32_or_of_a_good_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers import AttentionInterface

    seen = calls(monkeypatch)
    attend_in_blocks()
    attend = AttentionInterface()["sdpa"]
    module = torch.nn.Identity()
    module.is_causal = False
    query, key, value = drawn(4, 30)
    attend(module, query, key, value, None)
    assert seen == [32]
    attend(module, query, key, value, torch.zeros(4, 1, 30, 30, dtype=torch.bfloat16))
    attend(module, query, key, value, None, position_bias=torch.zeros(1, 3, 30, 30, dtype=torch.bfloat16))
    attend(module, query.float(), key.float(), value.float(), None)
    for length in (18, 32, 40, 64, 96, 300):
        attend(module, *drawn(2, length), None)
    assert seen == [32]


@pytest.mark.parametrize("kind", ["bert", "gpt2", "distilbert"])
def test_models_in_bfloat16_score_in_blocks_as_they_do_without(
    kind: str, tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder: Path = tiny_model(kind)
    model = InspectedModel(str(folder), "bfloat16", "cpu", (Group("hidden", 2, 16),), (1,), "mean")
    ids = torch.arange(77).reshape(7, 11) % 17 + 3
    seen = calls(monkeypatch)
    found = model.scores(ids, 0, 0)
    assert seen == [32, 32]
    monkeypatch.setattr(bfloat16, "_width", lambda length: None)
    assert torch.allclose(found, model.scores(ids, 0, 0), atol=0.03)


def test_the_plan_tells_blocks_from_plain_attention() -> None:
    assert attention_in_use("sdpa", "cpu", "bfloat16") == "sdpa in blocks"
    assert attention_in_use("sdpa", "cpu", "float32") == "sdpa"
    assert attention_in_use("sdpa", "cuda", "bfloat16") == "sdpa"
    assert attention_in_use("eager", "cpu", "bfloat16") == "eager"
