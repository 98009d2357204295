"""Where a transformer's activations are read: the modules of every site, found by name, without loading weights.

Sites, of block i counted from 1: `hidden` is `hidden_states[i]` of Hugging Face (0: the embeddings; the last: after
the final norm, where there is one); `mlp` the feed-forward activations, which enter the block's second linear map;
`attention` the heads' outputs end to end, which enter attention's output projection.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from neuronsig.collection.job import Group
from neuronsig.collection.memory import forward_bytes
from neuronsig.errors import ConfigError, InputError, first_line
from neuronsig.neuron import SITES

# {} is the block's number from 0. ALBERT's groups are fewer than its layers, which share them.
BLOCKS = (
    "encoder.layer.{}",  # BERT, RoBERTa, ELECTRA, DeBERTa, MPNet, ESM
    "transformer.layer.{}",  # DistilBERT
    "encoder.albert_layer_groups.{}",
    "layers.{}",  # Llama, Mistral, Qwen, Gemma, Phi, GPT-NeoX, ModernBERT, BART
    "h.{}",  # GPT-2, GPT-Neo, GPT-J, BLOOM, Falcon
    "decoder.layers.{}",  # OPT
    "block.{}",  # T5
    "blocks.{}",  # MPT
)
# The linear map that reads the activations, inside its block.
READERS = {
    "mlp": (
        "output.dense",  # BERT
        "ffn.lin2",  # DistilBERT
        "albert_layers.0.ffn_output",
        "mlp.c_proj",  # GPT-2, GPT-Neo, StarCoder
        "mlp.down_proj",  # Llama: the gated product
        "mlp.dense_4h_to_h",  # GPT-NeoX, BLOOM, Falcon
        "mlp.fc2",  # Phi
        "mlp.fc_out",  # GPT-J
        "mlp.Wo",  # ModernBERT
        "fc2",  # OPT, BART
        "layer.1.DenseReluDense.wo",  # T5
        "ffn.down_proj",  # MPT
    ),
    "attention": (
        "attention.output.dense",  # BERT
        "attention.attn.o",  # MPNet
        "attention.out_lin",  # DistilBERT
        "albert_layers.0.attention.dense",
        "attn.c_proj",  # GPT-2
        "attn.attention.out_proj",  # GPT-Neo
        "attn.out_proj",  # GPT-J, MPT
        "self_attn.o_proj",  # Llama
        "self_attn.out_proj",  # OPT, BART
        "self_attn.dense",  # Phi
        "self_attention.dense",  # BLOOM, Falcon
        "attention.dense",  # GPT-NeoX
        "attn.Wo",  # ModernBERT
        "layer.0.SelfAttention.o",  # T5
    ),
}


# More would take hours to build, and are a slip of the pen.
MOST_MODULES = 10_000
_COUNTS = re.compile(r"(layers?|blocks?|groups?|experts|depths?)$")
_LINEAR = ("Linear", "Conv1D", "FalconLinear", "NormedLinear")


@lru_cache(maxsize=4)
def skeleton(folder: str) -> nn.Module:
    """The model's trunk without weights (on torch's meta device); raises InputError for what is no transformer."""
    return trunk(bare_model(folder))


def bare_model(folder: str, device: str = "meta") -> nn.Module:
    """The whole model without its weights, with random ones on a real device; InputError for what is no transformer."""
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        for name, count in _counts(config.to_dict()):
            if count > MOST_MODULES:
                raise ValueError(f"{name}={count:,} is above {MOST_MODULES:,}")
        with torch.device(device):
            model = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        inspected = trunk(model)
        depth(inspected), width(inspected)
    except Exception as error:  # unknown kinds, missing keys and impossible sizes are reported in many ways
        raise InputError(
            f"model.path={folder}: its config is of no known transformer ({first_line(error)}); restore it, "
            "or give a model of text"
        ) from None
    return model  # type: ignore[no-any-return]


def _counts(values: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The numbers in a config, and in those inside it, that say how many modules are built."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _counts(value)
        elif isinstance(value, int) and _COUNTS.search(str(name)):
            yield name, value


def trunk(model: nn.Module) -> nn.Module:
    """The part that is inspected: of an encoder-decoder the encoder."""
    # An encoder saved alone says that it is none; AutoModel gives it a decoder all the same.
    both = hasattr(model, "encoder") and hasattr(model, "decoder")
    return model.get_encoder() if both or getattr(model.config, "is_encoder_decoder", False) else model  # type: ignore[operator,return-value]


def depth(model: nn.Module) -> int:
    """Number of blocks."""
    return int(_text_config(model).num_hidden_layers)


def width(model: nn.Module) -> int:
    """Units of a hidden state."""
    return int(_text_config(model).hidden_size)


def attention_kernel(model: nn.Module) -> str:
    """How attention is computed, `sdpa` where the model has it: its kernels and the plain form differ in last bits."""
    return str(getattr(_text_config(model), "_attn_implementation", None) or "eager")


def groups_in(
    model: nn.Module, sites: Sequence[str], layers: Sequence[int], patterns: Mapping[str, str]
) -> tuple[Group, ...]:
    """The groups of units of some sites, in the order site, layer; no layers: all blocks.

    `patterns` are the user's own names of modules by site, empty where the model's are known. Layer 0, the
    embeddings, has hidden states only. Raises ConfigError for a layer, InputError for a site that the model lacks.
    """
    count = depth(model)
    unknown = [layer for layer in layers if layer > count]
    if unknown:
        raise ConfigError(
            f"collect.layers={list(layers)}: the model has no layer {unknown[0]}; "
            f"it has layers 0 (embeddings), 1 to {count} (blocks)"
        )
    if 0 in layers and "hidden" not in sites:
        raise ConfigError(
            f"collect.layers={list(layers)}: layer 0, the embeddings, has hidden states only; "
            "leave 0 out, or add hidden to collect.sites"
        )
    wanted = sorted(set(layers)) or range(1, count + 1)
    groups: list[Group] = []
    for site in sorted(sites, key=SITES.index):
        if site == "hidden":
            groups += [Group(site, layer, width(model)) for layer in wanted]
            continue
        pattern = patterns.get(site, "")
        names = readers(model, site, pattern)
        groups += [
            Group(site, layer, _inputs(model.get_submodule(names[layer - 1])), pattern) for layer in wanted if layer
        ]
    return tuple(groups)


def readers(model: nn.Module, site: str, pattern: str = "") -> list[str]:
    """Name of the module that reads a site's activations in every block; raises InputError when none is known."""
    tried = [pattern] if pattern else [f"{block}.{tail}" for block in BLOCKS for tail in READERS[site]]
    for candidate in tried:
        if names := _blocks(model, candidate):
            return names
    key = f"model.{site}_module"
    looked = pattern or f"block.({'|'.join(READERS[site])})"
    raise InputError(
        f"{key}={pattern or chr(39) * 2}: {type(model).__name__} has no module {looked} in each of its {depth(model)} "
        f"blocks; set {key} to the name of the linear map that reads its {site} activations, {{}} for the block's "
        "number from 0, as in encoder.layer.{}.output.dense, or leave the site out of collect.sites"
    )


def blocks(model: nn.Module) -> list[str]:
    """Names of the modules that are the blocks, empty when they are not known."""
    return next((names for pattern in BLOCKS if (names := _blocks(model, pattern))), [])


def activation_bound(folder: str, units: int, signs: int, batch_tokens: int, longest: int) -> int:
    """Bytes that the forward pass of one batch needs beside the weights, at most (collection.memory.forward_bytes)."""
    model = skeleton(folder)
    widest = max(max(module.weight.shape) for module in model.modules() if type(module).__name__ in _LINEAR)  # type: ignore[union-attr,arg-type]
    eager = attention_kernel(model) == "eager"
    heads = int(getattr(_text_config(model), "num_attention_heads", 1)) if eager else 0
    kept = 0 if blocks(model) else depth(model) + 1
    return forward_bytes(batch_tokens, longest, width(model), widest, units, signs, heads, kept)


def _blocks(model: nn.Module, pattern: str) -> list[str]:
    """The name that a pattern gives for every block, empty when there is no such module in each."""
    count = depth(model)
    try:
        listed = len(model.get_submodule(pattern.partition(".{}")[0]))  # type: ignore[arg-type]
        # Blocks that share weights: as many names in a row as ALBERT gives layers to a group.
        names = [pattern.format(i * min(listed, count) // count) for i in range(count)]
        for name in set(names):
            model.get_submodule(name)
    except (AttributeError, TypeError):
        return []
    return names if getattr(model.config, "inner_group_num", 1) == 1 else []


def _inputs(module: nn.Module) -> int:
    """Width of what a linear map reads; Conv1D of GPT-2 keeps its weight transposed."""
    weight = module.weight
    return int(weight.shape[0] if type(module).__name__ == "Conv1D" else weight.shape[-1])  # type: ignore[union-attr,index]


def _text_config(model: nn.Module):  # type: ignore[no-untyped-def]
    return model.config.get_text_config(decoder=False)  # type: ignore[union-attr,operator]
