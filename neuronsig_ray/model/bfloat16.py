"""Linear maps and attention of a CPU in bfloat16, in the shapes that its kernels are fast at. float32 gains nothing.

A plain linear map has oneDNN pack its weights at every call, and copies its bias over the output first. Packed ones
give the same bits in 60 to 90 % of the time of large batches and half that of small ones (MiniLM's maps, 2 cores with
AMX).

torch's attention computes the softmax of a row 16 values at a time and the rest one by one, and packs blocks of 32 or
64 rows for AMX: an input of 60 tokens costs four times one of 64 (MiniLM, 2 cores: 9.1 against 2.4 ms a layer for 4,096
tokens). Short inputs are therefore laid end to end in blocks of 32 or 64 rows that attend to their own input only,
keys of longer ones are padded to a multiple of 16.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

# Rows for which oneDNN chooses the layout; it serves any number of them.
_ROWS = 4096


def pack_linear_maps(model: nn.Module) -> None:
    """Pack every plain bfloat16 linear map of a model on the CPU, where this torch can; their bits stay the same.

    The maps keep their plain weights, which some models look at: memory holds both.
    """
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.dtype == torch.bfloat16 and module.weight.device.type == "cpu":
            module.__class__ = PackedLinear
            module.packed = torch.ops.mkldnn._reorder_linear_weight(module.weight.detach(), _ROWS)


class PackedLinear(nn.Linear):
    """A linear map (..., in) to (..., out) in inference."""

    packed: Tensor

    def forward(self, input: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(input, self.packed, self.bias, "none", [], "")  # type: ignore[no-any-return]


_BLOCKS = (32, 64)
_LANES = 16
# Longer rows gain less than the padding costs.
_LONGEST = 256
# What transformers' sdpa may be asked for beside queries, keys and values.
_EXTRAS = ("position_bias", "cache", "softcap", "s_aux")


def attention_in_use(kernel: str, device: str, dtype: str) -> str:
    """The plan's name of what a model's `kernel` comes to on a device: blocks change last bits."""
    return "sdpa in blocks" if (kernel, device, dtype) == ("sdpa", "cpu", "bfloat16") else kernel


def attend_in_blocks() -> None:
    """Have transformers' `sdpa` attention use blocks, in this process, wherever it computes in bfloat16 on a CPU."""
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    def attend(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
    ) -> tuple[Tensor, None]:
        plain = attention_mask is None and _plain(query, key, value, options)
        width = _width(query.shape[2]) if plain else None
        if width is None:
            return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        causal = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        return in_blocks(query, key, value, width, bool(causal), options.get("scaling")), None

    AttentionInterface.register("sdpa", attend)


def in_blocks(query: Tensor, key: Tensor, value: Tensor, width: int, causal: bool, scaling: float | None) -> Tensor:
    """Attention (batch, length, heads, dim) of query, key and value (batch, heads, length, dim), in blocks.

    Blocks of up to 64 rows hold as many inputs as fit; of longer inputs only the keys are padded.
    """
    batch, heads, length, dim = query.shape
    inputs = width // length
    blocks = -(-batch // inputs)
    keys, values = _laid(key, blocks, width), _laid(value, blocks, width)  # (blocks, heads, width, dim)
    mask = _mask(length, width, causal, query.dtype)  # (width, width)
    if width > _BLOCKS[-1]:
        found = scaled_dot_product_attention(query, keys, values, attn_mask=mask[:length], scale=scaling)
        return found.transpose(1, 2).contiguous()
    found = scaled_dot_product_attention(_laid(query, blocks, width), keys, values, attn_mask=mask, scale=scaling)
    rows = found.transpose(1, 2)[:, : inputs * length]  # (blocks, inputs * length, heads, dim)
    return rows.reshape(blocks * inputs, length, heads, dim)[:batch]


def _plain(query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> bool:
    return (
        query.dtype == torch.bfloat16
        and query.device.type == "cpu"
        and query.shape == key.shape == value.shape
        and not options.get("dropout")
        and all(options.get(name) is None for name in _EXTRAS)
    )


def _width(length: int) -> int | None:
    """Rows of the blocks for inputs of one length; None where the plain kernel is as fast."""
    for block in _BLOCKS:
        if length <= block:
            filled = block // length * length
            return block if length != block and 3 * filled >= 2 * block else None
    return -(-length // _LANES) * _LANES if length <= _LONGEST and length % _LANES else None


def _laid(rows: Tensor, blocks: int, width: int) -> Tensor:
    """Rows (batch, heads, length, dim) laid end to end in (blocks, heads, width, dim), zero where there is none."""
    batch, heads, length, dim = rows.shape
    inputs = width // length
    laid = rows.new_zeros(blocks, width, heads, dim)
    whole = batch // inputs
    flat = rows.transpose(1, 2)  # (batch, length, heads, dim)
    laid[:whole, : inputs * length] = flat[: whole * inputs].reshape(whole, inputs * length, heads, dim)
    if whole < blocks:
        laid[whole, : (batch - whole * inputs) * length] = flat[whole * inputs :].reshape(-1, heads, dim)
    return laid.transpose(1, 2)


@lru_cache(maxsize=512)
def _mask(length: int, width: int, causal: bool, dtype: torch.dtype) -> Tensor:
    """What is added to the logits (width, width): minus infinity for tokens of other inputs, or later ones."""
    place = torch.arange(width)
    seen = place[:, None] // length == place[None, :] // length
    if causal:
        seen &= place[:, None] >= place[None, :]
    return torch.zeros(width, width, dtype=dtype).masked_fill_(~seen, -torch.inf)
