"""Signatures: how they are mined, and what is done with them: judged, located, compared, searched and reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuronsig.config.fields import option, require, require_each, some_of
from neuronsig.kinds import SUBTREE, Kind, kind_of, pattern_kinds
from neuronsig.neuron import SIGNS, Neuron

if TYPE_CHECKING:
    from neuronsig.holdout import Holdout

HOLDOUT_BY = ("document", "sentence")
MINED = [kind.name for kind in pattern_kinds()]
_SEQUENCES = ("word", "pos", "mixed")

TRAIN = "train"
TRAIN_SENTENCES = 1_000_000
"""Sentences that word vectors are trained on, spread over the corpora, at most: a quarter of an hour of one thread."""


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
        least=0,
    )
    signs: list[int] = option([], "mine only these directions: [1], [-1]; empty: all that were collected")
    kinds: list[str] = option(MINED, f"kinds of patterns, of {', '.join(MINED)}")
    holdout: float = option(0.05, "share of the text that mining leaves out, to judge signatures on; 0: none")
    holdout_by: str = option("document", "what is left out whole: document or sentence")
    match: str = option("length", "what the reference is matched in: length, length_domain, or none")
    patterns_kept: int = option(40, "pattern rows kept for each neuron and kind, strongest LRC first", least=1)
    frequent_kept: int = option(10, "the N most frequent patterns are kept besides, as P1 Table 2 lists them", least=0)
    alpha: float = option(0.05, "error rate of the confidence limit LRC, over all tests of a kind together")
    min_count: int = option(5, "a word, tag or metadata value in fewer of the neuron's sentences is left out", least=1)
    pattern_min_count: int = option(
        10, "a pattern in fewer of the neuron's sentences is left out, whatever its share", least=1
    )
    target: str = option(
        "closed", "all patterns; closed: none that a longer one has the sentences of; maximal: none within a longer one"
    )
    word_min_support: float = option(0.01, "share of the neuron's sentences that a word sequence must occur in")
    word_max_length: int = option(3, "words in a word sequence, at most", least=1)
    word_max_gap: int = option(-1, "words skipped between two neighbours of a word sequence, at most; -1: any number")
    pos_min_support: float = option(0.02, "share of the neuron's sentences that a POS sequence must occur in")
    pos_max_length: int = option(4, "tags in a POS sequence, at most", least=1)
    pos_max_gap: int = option(2, "words skipped between two neighbours of a POS sequence, at most; -1: any number")
    mixed_min_support: float = option(0.02, "share of the neuron's sentences that a sequence of words and tags needs")
    mixed_max_length: int = option(3, "words and tags in a mixed sequence, one of each at least, at most", least=1)
    mixed_max_gap: int = option(2, "words skipped between two neighbours of a mixed sequence, at most; -1: any number")
    itemset_min_support: float = option(0.1, "share of the neuron's sentences that an itemset must occur in")
    subtree_min_support: float = option(0.02, "share of the neuron's sentences that a subtree must occur in")
    subtree_max_nodes: int = option(5, "nodes of a subtree, at most", least=1)
    subtree_labels: str = option(
        "pos", "what the nodes of subtrees are labelled with: pos or words; words are leaves in a user's own trees"
    )
    trees: str = option(
        "",
        "table of bracketed trees (sentence_id, tree) of the run's sentences/, from your own parser: a Parquet or JSON "
        "Lines file, a folder or a URI; its subtrees are mined in place of the dependency trees'",
    )
    pattern_limit: int = option(
        200_000, "bound of one neuron's patterns of a kind; beyond it the support is raised, and counted", least=1
    )
    metadata_skip: list[str] = option(["date", "split"], "metadata fields that are not mined")
    metadata_max_values: int = option(
        1000, "a metadata field's most frequent values are items; those beyond this number count as (other)", least=1
    )
    concurrency: int = option(0, "neurons mined by MLlib at once; 0: one for each core", least=0)

    @property
    def patterns(self) -> list[Kind]:
        """The kinds that are mined."""
        return [kind_of(name) for name in self.kinds]

    @property
    def held_out(self) -> Holdout:
        """What mining leaves out."""
        from neuronsig.holdout import Holdout  # reads arrays, which a search need not wait for

        return Holdout(self.holdout, self.holdout_by)

    @property
    def with_subtrees(self) -> bool:
        """Whether a kind is mined that needs syntax trees."""
        return any(kind.shape == SUBTREE for kind in self.patterns)

    def check(self, key: str) -> None:
        for name in self.neurons:
            Neuron.parse(name, f"{key}.neurons")
        require(all(layer >= 0 for layer in self.layers), f"{key}.layers", self.layers, "0 or more")
        require(some_of(self.signs, SIGNS), f"{key}.signs", self.signs, "[], [1], [-1] or [1,-1]")
        for name, known in (
            ("engine", ("grouped", "mllib")),
            ("match", ("length", "length_domain", "none")),
            ("holdout_by", HOLDOUT_BY),
            ("target", ("all", "closed", "maximal")),
            ("subtree_labels", ("pos", "words")),
        ):
            value = getattr(self, name)
            require(value in known, f"{key}.{name}", value, f"one of {', '.join(known)}")
        require(some_of(self.kinds, MINED), f"{key}.kinds", self.kinds, f"some of {', '.join(MINED)}")
        gaps = [f"{part}_max_gap" for part in _SEQUENCES]
        require_each(self, key, gaps, lambda value: value >= -1, "0 or more words, or -1 for no limit")
        shares, remedy = (
            [f"{part}_min_support" for part in (*_SEQUENCES, "itemset", "subtree")],
            "it is a share of sentences",
        )
        require_each(self, key, shares, lambda value: 0 < value <= 1, "above 0 and at most 1", remedy)
        require(0 < self.alpha < 1, f"{key}.alpha", self.alpha, "above 0 and below 1")
        require(0 <= self.holdout < 1, f"{key}.holdout", self.holdout, "0 or more, below 1", remedy)
        if self.engine == "mllib":
            self._check_mllib(key)
        bound, remedy = "empty where subtrees are not mined", f"have subtree in {key}.kinds, with {key}.engine=grouped"
        require(not self.trees or self.with_subtrees, f"{key}.trees", self.trees, bound, remedy)

    def _check_mllib(self, key: str) -> None:
        known = ", ".join(kind.name for kind in pattern_kinds() if kind.in_mllib)
        for kind in self.patterns:
            remedy = f"MLlib has no {kind.name}; use {key}.engine=grouped"
            require(kind.in_mllib, f"{key}.kinds", self.kinds, f"some of {known}", remedy)
        for part in ("word", "pos"):
            if f"{part}_sequence" in self.kinds:
                gap, remedy = f"{part}_max_gap", f"MLlib's PrefixSpan has no such limit; use {key}.engine=grouped"
                require(getattr(self, gap) == -1, f"{key}.{gap}", getattr(self, gap), "-1", remedy)


@dataclass
class EvaluationConfig:
    """How `neuronsig evaluate` judges signatures on sentences that mining has not seen."""

    fraction: float = option(
        0.0, "share of the held-out sentences that count as the neuron's; 0: that of its list in the corpus, K / size"
    )
    least_positives: int = option(
        20, "held-out sentences that count as the neuron's, at least", least=2, unit="sentences"
    )
    max_sentences: int = option(
        50_000, "held-out sentences scored, about, at most; 8 bytes of disk a neuron each", least=100, unit="sentences"
    )
    seed: int = option(
        0, "seed of the other neuron whose signature each one's is compared with, and of shuffled words", least=0
    )

    def check(self, key: str) -> None:
        ok = 0 <= self.fraction <= 0.5
        require(ok, f"{key}.fraction", self.fraction, "above 0, at most 0.5, or 0", "it is a share of sentences")


@dataclass
class TriggersConfig:
    """Which tokens carry the activations of top sentences, by `triggers`."""

    sentences: int = option(20, "top sentences of each neuron that are looked at", least=1, unit="sentences")


@dataclass
class StabilityConfig:
    """Agreement of signatures between disjoint halves of the corpus, by `neuronsig stability`."""

    neurons: int = option(100, "neurons looked at, drawn by seed and spread over the layers; 0: all", least=0)
    k: list[int] = option([250, 500, 1000, 2500, 5000], "sentences of each half that a signature is made from")
    top: int = option(20, "patterns that are compared, strongest LRC first", least=1)
    persistence: float = option(0.9, "rank-biased overlap's p: 0.9 puts 86 % of the weight on the first ten")
    seed: int = option(0, "seed of the neurons drawn", least=0)

    def check(self, key: str) -> None:
        ascending = bool(self.k) and self.k == sorted(set(self.k)) and self.k[0] >= 20
        require(ascending, f"{key}.k", self.k, "ascending numbers of 20 or more sentences")
        require(0 < self.persistence < 1, f"{key}.persistence", self.persistence, "above 0 and below 1")


@dataclass
class AnalysisConfig:
    """Neuron vectors, clusters and pictures (P1 4.1, 4.3)."""

    vectors: str = option(TRAIN, "train: fastText on the corpora at hand; or the path of a .bin or .vec file")
    dimension: int = option(300, "dimensions of trained vectors (P1: 300)", least=1)
    epochs: int = option(5, "passes over the corpora when training vectors", least=1)
    min_count: int = option(3, "words rarer than this get their vector from their character 5-grams", least=1)
    buckets: int = option(100_000, "hash buckets of the character n-grams, 1.2 KB each at 300 dimensions", least=1)
    clusters: int = option(0, "clusters of neurons; 0: as many as layers (P1 4.3)")
    perplexity: float = option(30.0, "t-SNE's perplexity")
    facets: int = option(4, "facets that a neuron's sentences may fall into, at most; 1: none are looked for")
    seed: int = option(0, "seed of vectors, clusters, facets and t-SNE")

    def check(self, key: str) -> None:
        require(self.clusters == 0 or self.clusters >= 2, f"{key}.clusters", self.clusters, "0 or at least 2")
        require(self.perplexity > 0, f"{key}.perplexity", self.perplexity, "above 0")
        require(1 <= self.facets <= 8, f"{key}.facets", self.facets, "from 1 to 8")
        require(0 <= self.seed < 2**31, f"{key}.seed", self.seed, "0 or more, and below 2^31")


@dataclass
class FindConfig:
    """What `neuronsig find` looks for, and how much of the answer it prints."""

    pattern: str = option("", "the pattern; the same as the words without a key")
    show: int = option(20, "neurons listed, the first by rank; 0: all that respond", least=0)


@dataclass
class ReportConfig:
    """What the report and `show` print of a neuron."""

    sentences: int = option(20, "top sentences on a neuron's page", least=1)
    show_sentences: int = option(8, "top sentences that neuronsig show prints", least=1)
