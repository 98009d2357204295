"""What is done with signatures: judged, located, compared, searched and reported."""

from __future__ import annotations

from dataclasses import dataclass

from neuronsig.config.fields import option, require


@dataclass
class EvaluationConfig:
    """How `neuronsig evaluate` judges signatures on sentences that mining has not seen."""

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
    """Which tokens carry the activations of top sentences, by `triggers`, and when one thing is the trigger."""

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
class StabilityConfig:
    """Agreement of signatures between disjoint halves of the corpus, by `neuronsig stability`."""

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
class FindConfig:
    """What `neuronsig find` looks for, and how much of the answer it prints."""

    pattern: str = option("", "the pattern; the same as the words without a key")
    show: int = option(20, "neurons listed, the first by rank; 0: all that respond")

    def check(self, key: str) -> None:
        require(self.show >= 0, f"{key}.show", self.show, "0 or more")


@dataclass
class ReportConfig:
    """What the report and `show` print of a neuron."""

    sentences: int = option(20, "top sentences on a neuron's page")
    show_sentences: int = option(8, "top sentences that neuronsig show prints")

    def check(self, key: str) -> None:
        require(self.sentences >= 1, f"{key}.sentences", self.sentences, "1 or more")
        require(self.show_sentences >= 1, f"{key}.show_sentences", self.show_sentences, "1 or more")
