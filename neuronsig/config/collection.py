"""The inspected model, the collection of its neurons' sentences, and how a collection is looked at again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from omegaconf import MISSING

from neuronsig.config.fields import option, require, some_of
from neuronsig.neuron import SIGNS, SITES

POOLINGS = ("mean", "max", "last")


@dataclass
class ModelConfig:
    """The inspected model: any Hugging Face encoder or decoder."""

    name: str = option(MISSING, "name of the model's folders in the run directory")
    path: str = option(
        MISSING, "hub name, local folder, or package:NAME/folder; weights as safetensors, not quantised, no own code"
    )
    tokenizer: str = option("", "tokenizer's hub name or folder; empty: the model's own")
    max_tokens: int = option(0, "inputs are cut to this many tokens; 0: the model's own limit", least=0, unit="tokens")
    mlp_module: str = option(
        "", "linear map that reads the feed-forward activations, as encoder.layer.{}.output.dense; empty: by name"
    )
    attention_module: str = option("", "linear map that reads the attention heads' outputs; empty: by name")
    shape: list[int] = option([], "[blocks, width, feed-forward width], for estimate where the model is not here")

    def check(self, key: str) -> None:
        ok = self.shape == [] or (len(self.shape) == 3 and min(self.shape) >= 1)
        require(ok, f"{key}.shape", self.shape, "three sizes of 1 or more", "as in [12,768,3072]")
        for name in ("mlp_module", "attention_module"):
            module = getattr(self, name)
            ok = not module or bool(re.fullmatch(r"[\w.]*\.\{\}[\w.]*", module))
            require(ok, f"{key}.{name}", module, "a module's name with {} for the block's number")
        ok = bool(re.fullmatch(r"[A-Za-z0-9][\w.\-]*", self.name))
        require(ok, f"{key}.name", self.name, "letters, digits, '.', '_' or '-'", "it names folders")
        require(self.path != "", f"{key}.path", "''", "a hub name or folder")


@dataclass
class CollectConfig:
    """The collection: every neuron's top-K sentences in one pass (P1 3.1)."""

    k: int = option(10_000, "sentences kept for each neuron (P1: 10,000)", least=1, unit="sentences")
    layers: list[int] = option([], "layers collected, 1 = first block, 0 = embeddings (hidden only); empty: all blocks")
    signs: list[int] = option([1], "1: highest activations; -1: lowest; [1,-1]: both in one pass")
    sites: list[str] = option(
        ["hidden"], "which activations: hidden (states), mlp (feed-forward activations), attention (heads' outputs)"
    )
    pooling: str = option("mean", "what makes one activation of a sentence's tokens: mean, max, or last (token)")
    special_tokens: bool = option(True, "whether pooling includes [CLS], [SEP] and the like")
    dtype: str = option("auto", "float32, bfloat16, or auto: bfloat16 where the hardware multiplies it natively")
    batch_tokens: int = option(
        0,
        "tokens of one rectangular batch of equal-length sentences; 0: what suits the device, 8192 or 131072 (GPU)",
        least=0,
        unit="tokens",
    )
    stop_fraction: float = option(
        0.0, "stop early, inexactly, when this share of the top-1000 lists has not changed for stop_sentences; 0: never"
    )
    stop_sentences: int = option(0, "sentences for which that share of the lists must not have changed")

    def check(self, key: str) -> None:
        require(all(layer >= 0 for layer in self.layers), f"{key}.layers", self.layers, "0 or more")
        ok = bool(self.signs) and some_of(self.signs, SIGNS)
        require(ok, f"{key}.signs", self.signs, "[1], [-1] or [1,-1]")
        ok = bool(self.sites) and some_of(self.sites, SITES)
        require(ok, f"{key}.sites", self.sites, f"some of {', '.join(SITES)}")
        require(self.pooling in POOLINGS, f"{key}.pooling", self.pooling, f"one of {', '.join(POOLINGS)}")
        dtypes = ("auto", "float32", "bfloat16")
        require(self.dtype in dtypes, f"{key}.dtype", self.dtype, f"one of {', '.join(dtypes)}")
        ok = 0 <= self.stop_fraction <= 1
        require(ok, f"{key}.stop_fraction", self.stop_fraction, "from 0 (never) to 1", "it is a share of lists")
        ok = self.stop_sentences >= 0 and (self.stop_sentences > 0) == (self.stop_fraction > 0)
        bound = "above 0 where collect.stop_fraction is, else 0"
        require(ok, f"{key}.stop_sentences", self.stop_sentences, bound, "set both to stop early, neither to read all")


@dataclass
class VerifyConfig:
    """What `neuronsig verify` scores again."""

    sample: int = option(
        200,
        "rows of the topk table recomputed from the text; 0: only the table itself is checked",
        least=0,
        unit="rows",
    )
    others: int = option(
        50, "further random sentences that are looked for in every list they belong in", least=0, unit="sentences"
    )
    seed: int = option(0, "seed of the sample", least=0)


@dataclass
class OutliersConfig:
    """When `neuronsig outliers` calls a neuron's list dominated by one thing."""

    sentences: int = option(100, "top sentences of each list that are looked at", least=2, unit="sentences")
    tokens: bool = option(True, "look at the strongest tokens of the first triggers.sentences, which asks the model")
    share: float = option(0.5, "share of a list, or of an activation, from which one thing dominates it")

    def check(self, key: str) -> None:
        require(0 < self.share <= 1, f"{key}.share", self.share, "above 0, at most 1", "it is a share")


@dataclass
class ReinitialiseConfig:
    """The null model that `neuronsig reinitialise` writes (P1 4.1)."""

    output: str = option("", "folder the model is written to; empty: RUN/models/<name>-reinitialised")
    seed: int = option(0, "seed of the random weights", least=0)


@dataclass
class FinetuneConfig:
    """Fine-tuning on the documents that a run leaves out, by `neuronsig finetune` (P1 4.1; P2 4.4)."""

    field: str = option("", "metadata field whose value is a document's label, as sentiment or category")
    output: str = option("", "folder the model is written to; empty: RUN/models/<name>-finetuned-<field>")
    epochs: int = option(5, "passes over the documents that train (P1, P2: 5)", least=1)
    learning_rate: float = option(1e-5, "Adam's learning rate (P1, P2: 1e-5)")
    dropout: float = option(0.3, "dropout before the last layer (P1: 0.3, P2: 0.5)")
    batch: int = option(32, "documents of a batch, of all workers together (P1: 32, P2: 8)", least=1)
    test: float = option(0.2, "share of the labelled documents that test")
    least: int = option(10, "documents that train, at least, for a label to be one of those told apart", least=1)
    documents: int = option(0, "labelled documents used, drawn by seed, at most; 0: all", least=0)
    seed: int = option(0, "seed of the last layer, of the order of documents and of dropout", least=0)

    def check(self, key: str) -> None:
        require(0 < self.learning_rate <= 1, f"{key}.learning_rate", self.learning_rate, "above 0, at most 1")
        require(0 <= self.dropout < 1, f"{key}.dropout", self.dropout, "0 or more, below 1")
        require(0 < self.test < 1, f"{key}.test", self.test, "above 0, below 1", "it is a share of documents")
