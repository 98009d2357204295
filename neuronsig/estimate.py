"""What a run would cost, calculated from the model's shape, the corpus's size and measured rates (design section 5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from neuronsig.config import Config
from neuronsig.errors import InputError

# Bytes on disk, measured on the six corpora of the README (zstd Parquet).
SENTENCE_BYTES = 330.0
TOKEN_BYTES = 2.0
TOPK_ROW_BYTES = 8.5
TOKENIZE_RATE = 20_000.0  # sentences a second and core, fast tokenizer in Spark
PROFILE_RATE = 60_000.0  # (neuron, sentence) rows joined and counted a second and core

_WIDTH = ("hidden_size", "n_embd", "d_model", "dim")
_DEPTH = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_FEED_FORWARD = ("intermediate_size", "n_inner", "d_ff", "ffn_dim", "hidden_dim")


@dataclass(frozen=True)
class ModelShape:
    """Blocks, width of the hidden state and width of the feed-forward layer of a transformer."""

    layers: int
    width: int
    feed_forward: int

    def flops_per_token(self, length: float) -> float:
        """Multiply-adds x 2 of one token's way through all blocks in a sentence of `length` tokens.

        Four width x width projections and two width x feed_forward products a block, and the two products of
        attention with `length` other tokens: 170 MFLOP for BERT-base (design section 5).
        """
        dense = 2 * (4 * self.width**2 + 2 * self.width * self.feed_forward)
        attention = 4 * length * self.width
        return self.layers * (dense + attention)

    @classmethod
    def from_config(cls, path: Path) -> ModelShape:
        """Read a Hugging Face `config.json`; raises InputError when a size cannot be found in it."""
        try:
            values = json.loads(path.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"{path} cannot be read as a model's config ({error})") from None
        width, layers = _first(values, _WIDTH), _first(values, _DEPTH)
        if not width or not layers:
            raise InputError(
                f"{path} names no width ({', '.join(_WIDTH)}) or depth ({', '.join(_DEPTH)}); set model.shape"
            )
        return cls(layers, width, _first(values, _FEED_FORWARD) or 4 * width)


@dataclass(frozen=True)
class Estimate:
    """The cost of one run: sizes in sentences, tokens and bytes, work in FLOP, time in hours by stage."""

    sentences: int
    tokens: float
    neurons: int
    shards: int
    flops: float
    bytes_by_stage: dict[str, float]
    hours_by_stage: dict[str, float]
    replica_memory: float


def estimate(config: Config, shape: ModelShape, sentences: int, tokens_per_sentence: float) -> Estimate:
    """Price a run of `sentences` sentences on `config.hardware`."""
    collect, hardware = config.collect, config.hardware
    layers = len(collect.layers) or shape.layers
    neurons = layers * shape.width * len(collect.signs)
    tokens = sentences * tokens_per_sentence
    shards = -(-sentences // collect.shard_sentences)
    kept = min(collect.k, sentences)
    kept_in_shard = min(collect.k, collect.shard_sentences, sentences)
    mined = len(config.mining.neurons) + len(config.mining.layers) * shape.width + config.mining.selective
    flops = tokens * shape.flops_per_token(tokens_per_sentence)
    return Estimate(
        sentences=sentences,
        tokens=tokens,
        neurons=neurons,
        shards=shards,
        flops=flops,
        bytes_by_stage={
            "sentences": sentences * SENTENCE_BYTES,
            "tokenized": tokens * TOKEN_BYTES,
            "shard commits": shards * neurons * kept_in_shard * 8.0,
            "topk": neurons * kept * TOPK_ROW_BYTES,
        },
        hours_by_stage={
            "annotate": sentences / hardware.annotate_rate / hardware.spark_cores / 3600,
            "tokenize": sentences / TOKENIZE_RATE / hardware.spark_cores / 3600,
            "collect": flops / (hardware.replicas * hardware.tflops * 1e12 * hardware.utilisation) / 3600,
            "mine: profiles": neurons * kept / PROFILE_RATE / hardware.spark_cores / 3600,
            "mine: patterns": mined * hardware.mine_seconds * kept / 10_000 / hardware.spark_cores / 3600,
        },
        replica_memory=neurons * collect.k * 8.0,
    )


def _first(values: dict[str, object], names: tuple[str, ...]) -> int:
    for name in names:
        value = values.get(name)
        if isinstance(value, int):
            return value
    return 0
