"""What a run would cost, calculated from the model's shape, the corpus's size and measured rates (design section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuronsig.checkpoint import read_json
from neuronsig.collection.memory import Largest, MemoryBound, forward_bytes, replica_bound
from neuronsig.collection.shards import batch_tokens, committed_keys, in_flight, node_keys, shard_sizes
from neuronsig.config import Config, MiningConfig
from neuronsig.config.signatures import TRAIN, TRAIN_SENTENCES
from neuronsig.errors import InputError
from neuronsig.estimate_scale import Scale, scale
from neuronsig.run.stages import JOBS
from neuronsig.statements.training import FITTED, reference_size

# Measured on samples of the six corpora (401,241 sentences of 23.7 tokens) with MiniLM at K = 10,000: bytes on disk.
SENTENCE_BYTES = 117.0
TOKEN_BYTES = 1.8
TOPK_ROW_BYTES = 7.8
HELD_OUT_BYTES = 8.0  # a neuron's scores of a sentence, as it is and with its words shuffled
KEY_BYTES = 8.0  # a score and its sentence in a shard's commit
ENCODED_BYTES = 72.0  # a sentence as mining reads it
MINING_BYTES = 11_500.0  # of a neuron, between profiling and the tables
SIGNATURE_BYTES = 4_200.0  # of a neuron, in signatures/ and profiles/
WORDS_OF_ROOT = 90.0  # words with a vector of their own, for each square root of sentences
PAGE_BYTES = 34_000.0
# Taken where the model is not looked at: the longest input, and the words of its embeddings (BERT's).
LONGEST_INPUT = 512
EMBEDDED_WORDS = 30_522
# Done a second and core.
CORPUS_TABLE_RATE = 7_000.0  # sentences
TOKENIZE_RATE = 5_500.0  # sentences
ENCODE_RATE = 8_700.0  # sentences
PROFILE_RATE = 245_000.0  # (neuron, sentence) rows joined and counted
COUNT_RATE = 5_000.0  # sentences, in which the patterns of all neurons and kinds are counted
TRAIN_RATE = 6_200.0  # sentences and epochs of word vectors
VECTOR_RATE = 6_100.0  # sentences whose vector is taken, twice
LAYOUT_RATE = 70.0  # neurons, k-means and t-SNE
PAGE_RATE = 120.0  # neuron pages
LOCATE_RATE = 600.0  # triggers, (neuron, sentence), beside the sentences' way through the model
DESCRIBE_RATE = 6_400.0  # (neuron, sentence of its list or set against it)
BASELINES_RATE = 25_000.0  # the same, where baselines are fitted
JUDGE_RATE = 154_000.0  # (neuron, held-out sentence), beside the same
MLLIB_SECONDS = 11.0  # seconds of one neuron's patterns by MLlib, at K = 10,000

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

        Beside its weights the two products of attention with `length` other tokens: 170 MFLOP for BERT-base (design
        section 5).
        """
        return self.layers * (2 * self.block_weights + 4 * length * self.width)

    @property
    def block_weights(self) -> int:
        """Of a block: four width x width projections and two width x feed_forward products."""
        return 4 * self.width**2 + 2 * self.width * self.feed_forward

    @classmethod
    def from_config(cls, path: Path) -> ModelShape:
        """Read a Hugging Face `config.json`; raises InputError when a size cannot be found in it."""
        values = read_json(path, f"model.path={path.parent}")
        width, layers = _first(values, _WIDTH), _first(values, _DEPTH)
        if not width or not layers:
            raise InputError(
                f"{path} names no width ({', '.join(_WIDTH)}) or depth ({', '.join(_DEPTH)}); set model.shape"
            )
        return cls(layers, width, _first(values, _FEED_FORWARD) or 4 * width)


@dataclass(frozen=True)
class Estimate:
    """The cost of one run: sizes in sentences, tokens, bytes and files, work in FLOP, time in hours by stage."""

    sentences: int
    tokens: float
    neurons: int
    shards: int
    flops: float
    bytes_by_stage: dict[str, float]
    hours_by_stage: dict[str, float]
    replica: MemoryBound  # what neuronsig collect asks for each
    scale: Scale


def estimate(config: Config, shape: ModelShape, sentences: int, tokens_per_sentence: float) -> Estimate:
    """Price a run of `sentences` sentences on `config.hardware`."""
    collect = config.collect
    # The heads of a block are taken to be as wide together as its hidden state.
    units = {"hidden": shape.width, "mlp": shape.feed_forward, "attention": shape.width}
    in_layer, signs = [units[site] for site in collect.sites], len(collect.signs)
    chosen = collect.layers or range(1, shape.layers + 1)
    groups = [site for site in collect.sites for layer in chosen if layer or site == "hidden"]
    neurons = signs * sum(units[site] for site in groups)
    tokens = sentences * tokens_per_sentence
    flops = tokens * shape.flops_per_token(tokens_per_sentence)
    sizes = shard_sizes(sentences, config.tokenize.shard_sentences)
    most = max(sizes, default=0)
    largest = Largest(most, round(most * tokens_per_sentence), config.model.max_tokens or LONGEST_INPUT)
    mined = neurons_mined(config.mining, sum(in_layer), signs, neurons)
    return Estimate(
        sentences=sentences,
        tokens=tokens,
        neurons=neurons,
        shards=len(sizes),
        flops=flops,
        bytes_by_stage=_bytes(config, sizes, sentences, tokens, neurons),
        hours_by_stage=_hours(config, sentences, neurons, mined, flops),
        replica=_replica_memory(config, shape, neurons, signs * max(in_layer), largest),
        scale=scale(
            config,
            sentences,
            shards=len(sizes),
            groups=len(groups),
            neurons=neurons,
            encoded=sentences * ENCODED_BYTES,
            words=WORDS_OF_ROOT * sentences**0.5,
        ),
    )


def _bytes(config: Config, sizes: Sequence[int], sentences: int, tokens: float, neurons: int) -> dict[str, float]:
    """Bytes on disk by stage; `sizes` are the shards'."""
    k, analysis = config.collect.k, config.analysis
    committed = committed_keys(k, sizes, in_flight(config.hardware.replicas))
    # Words of a text grow with about the square root of its length (Heaps).
    vocabulary = analysis.buckets + WORDS_OF_ROOT * sentences**0.5 if analysis.vectors == TRAIN else 0.0
    return {
        "sentences": sentences * SENTENCE_BYTES,
        "tokenized": tokens * TOKEN_BYTES,
        "shard commits, until the reduce": neurons * committed * KEY_BYTES,
        "inner nodes of the reduce": neurons * node_keys(k, committed, len(sizes)) * KEY_BYTES,
        "topk": neurons * min(k, sentences) * TOPK_ROW_BYTES,
        "encoded sentences and mining's work": sentences * ENCODED_BYTES + neurons * MINING_BYTES,
        "signatures and profiles": neurons * SIGNATURE_BYTES,
        "scores of held-out sentences, until judged": neurons * _held_out(config, sentences) * HELD_OUT_BYTES,
        "word and neuron vectors": 4.0 * analysis.dimension * (vocabulary + neurons),
        "report": neurons * PAGE_BYTES,
    }


def _hours(config: Config, sentences: int, neurons: int, mined: int, flops: float) -> dict[str, float]:
    """Hours by stage, in the order of the jobs; `mined` neurons are mined for patterns, `flops` of all sentences."""
    hardware, analysis, kept = config.hardware, config.analysis, min(config.collect.k, sentences)
    each = MLLIB_SECONDS if config.mining.engine == "mllib" else hardware.mine_seconds
    located, held_out = neurons * min(kept, config.triggers.sentences), _held_out(config, sentences)
    compared = neurons * (min(kept, FITTED) + reference_size(kept))
    trained = min(sentences, TRAIN_SENTENCES) * (analysis.epochs + 1) if analysis.vectors == TRAIN else 0
    core_seconds = {
        "annotate": sentences / hardware.annotate_rate,
        "corpus_table": sentences / CORPUS_TABLE_RATE,
        "tokenize": sentences / TOKENIZE_RATE,
        "mine: encoding": sentences / ENCODE_RATE,
        "mine: profiles": neurons * kept / PROFILE_RATE,
        "mine: patterns": mined * each * kept / 10_000,
        "mine: counting in the corpus": sentences / COUNT_RATE if mined else 0.0,
        "describe": compared / DESCRIBE_RATE,
        "cluster": trained / TRAIN_RATE + sentences / VECTOR_RATE + neurons / LAYOUT_RATE,
        "triggers": located / LOCATE_RATE,
        "evaluate": (neurons * held_out / JUDGE_RATE + compared / BASELINES_RATE) if held_out else 0.0,
        "report": neurons / PAGE_RATE * hardware.spark_cores,  # one core makes it, whatever their number
    }
    hours = {stage: seconds / hardware.spark_cores / 3600 for stage, seconds in core_seconds.items()}
    forward = flops / (hardware.replicas * hardware.tflops * 1e12 * hardware.utilisation) / 3600
    hours["collect"], order = forward, list(JOBS)
    # Only what these read goes through the model again.
    hours["triggers"] += forward * min(1.0, located / max(sentences, 1))
    hours["evaluate"] += 2 * forward * held_out / max(sentences, 1)  # as they are, and shuffled
    return dict(sorted(hours.items(), key=lambda item: order.index(item[0].split(":")[0])))


def _held_out(config: Config, sentences: int) -> float:
    return min(sentences * config.mining.holdout, config.evaluation.max_sentences)


def _replica_memory(config: Config, shape: ModelShape, rows: int, widest: int, largest: Largest) -> MemoryBound:
    """What neuronsig collect asks for a replica of `rows` neurons, `widest` of them of one site and layer."""
    collect, hardware, signs = config.collect, config.hardware, len(config.collect.signs)
    tokens = batch_tokens(collect.batch_tokens, "cuda" if hardware.gpu else "cpu")
    inner = max(shape.width, shape.feed_forward)
    return replica_bound(
        rows=rows,
        widest=widest,
        k=collect.k,
        largest=largest,
        threads=config.ray.replica_cpus or max(1, hardware.spark_cores // hardware.replicas),
        gpu=hardware.gpu,
        weights=4 * (shape.layers * shape.block_weights + EMBEDDED_WORDS * shape.width),  # in float32
        batch=forward_bytes(tokens, largest.sentence_tokens, shape.width, inner, rows // signs, signs),
    )


def neurons_mined(mining: MiningConfig, in_layer: int, signs: int, neurons: int) -> int:
    """Neurons that are mined for patterns, of all that are collected; `in_layer` of each layer and sign."""
    if not mining.kinds:
        return 0
    named = len(mining.neurons) + mining.selective + len(mining.layers) * in_layer * signs
    found = min(named, neurons) if named else neurons
    return -(-found * len(mining.signs) // signs) if 0 < len(mining.signs) < signs else found


def _first(values: dict[str, object], names: tuple[str, ...]) -> int:
    return next((value for value in map(values.get, names) if isinstance(value, int) and value > 0), 0)
