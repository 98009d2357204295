"""Tiny models with random weights, a tiny tokenizer, and tokenized shards made without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from benchmarks import collection
from neuronsig.collection.job import Group, Job
from neuronsig.collection.shards import ShardPlan

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "rug", "and", "not", "quickly", ".", ",", "!"]
VOCABULARY = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
UNITS = 16
KINDS = ("bert", "distilbert", "roberta", "albert", "gpt2", "llama", "t5")


def hidden(*layers: int) -> tuple[Group, ...]:
    """The hidden states of a model that `save_model` made."""
    return tuple(Group("hidden", layer, UNITS) for layer in layers)


def save_model(folder: Path, kind: str = "bert", seed: int = 0) -> Path:
    """A two-layer model of 16 units with random weights, and its tokenizer."""
    torch.manual_seed(seed)
    size = {"vocab_size": len(VOCABULARY), "pad_token_id": 0}
    bert = {"hidden_size": UNITS, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config, model = {
        "bert": lambda: (hf.BertConfig(**size, **bert, max_position_embeddings=40), hf.BertModel),
        "roberta": lambda: (hf.RobertaConfig(**size, **bert, max_position_embeddings=41), hf.RobertaModel),
        "distilbert": lambda: (
            hf.DistilBertConfig(**size, dim=UNITS, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=40),
            hf.DistilBertModel,
        ),
        "albert": lambda: (
            hf.AlbertConfig(**size, **bert, embedding_size=8, max_position_embeddings=40),
            hf.AlbertModel,
        ),
        "llama": lambda: (
            hf.LlamaConfig(**size, **bert, num_key_value_heads=1, max_position_embeddings=40),
            hf.LlamaModel,
        ),
        "gpt2": lambda: (hf.GPT2Config(**size, n_embd=UNITS, n_layer=2, n_head=2, n_positions=40), hf.GPT2Model),
        "t5": lambda: (hf.T5Config(**size, d_model=UNITS, d_kv=8, num_layers=2, num_heads=2, d_ff=32), hf.T5Model),
    }[kind]()
    model(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path, max_length: int = 40) -> None:
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **special)
    fast.save_pretrained(folder)


def random_inputs(n: int, seed: int = 0, kinds: int = 0) -> list[list[int]]:
    """n inputs of 3 to 12 tokens between [CLS] and [SEP]; `kinds` > 0 repeats that many distinct ones, which tie."""
    random = np.random.default_rng(seed)
    inputs = [
        [2, *random.integers(4, len(VOCABULARY), int(random.integers(1, 11))).tolist(), 3] for _ in range(kinds or n)
    ]
    return [inputs[i % len(inputs)] for i in range(n)]


def write_tokenized(folder: Path, inputs: Sequence[Sequence[int]], shard_sentences: int) -> ShardPlan:
    """Shards and plan.json as jobs.tokenize makes them; the sentence id is the position in `inputs`."""
    lists = pa.array([list(row) for row in inputs], pa.list_(pa.int32()))
    return collection.write_tokenized(folder, lists, shard_sentences, max_tokens=40, vocabulary=len(VOCABULARY))


def make_job(
    tmp_path: Path, model: Path, inputs: Sequence[Sequence[int]], shard_sentences: int, k: int, **changes
) -> Job:
    """A float32 CPU job over freshly written shards; `changes` replace single fields."""
    plan = write_tokenized(tmp_path / "tokenized", inputs, shard_sentences)
    values = {
        "tokenized": str(tmp_path / "tokenized"),
        "commits": str(tmp_path / "commits"),
        "fingerprint": "plan-1",
        "model": str(model),
        "dtype": "float32",
        "device": "cpu",
        "groups": hidden(1, 2),
        "signs": (1,),
        "pooling": "mean",
        "k": k,
        "skip_prefix": 0,
        "skip_suffix": 0,
        "batch_tokens": 64,
        "threads": 1,
        "sentences": plan.sentences,
        "shards": tuple(plan.shards),
    }
    return Job(**{**values, **changes})
