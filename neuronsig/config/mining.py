"""The mining of signatures."""

from __future__ import annotations

from dataclasses import dataclass

from neuronsig.config.fields import option, require
from neuronsig.kinds import SUBTREE, Kind, kind_of, pattern_kinds
from neuronsig.neuron import Neuron

MINED = [kind.name for kind in pattern_kinds()]
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
    kinds: list[str] = option(MINED, f"kinds of patterns, of {', '.join(MINED)}")
    holdout: float = option(0.05, "share of the sentences that mining leaves out, to judge signatures on; 0: none")
    match: str = option("length", "what the reference is matched in: length, length_domain, or none")
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
    pos_min_support: float = option(0.02, "share of the neuron's sentences that a POS sequence must occur in")
    pos_max_length: int = option(4, "tags in a POS sequence, at most")
    pos_max_gap: int = option(2, "words skipped between two neighbours of a POS sequence, at most; -1: any number")
    mixed_min_support: float = option(0.02, "share of the neuron's sentences that a sequence of words and tags needs")
    mixed_max_length: int = option(3, "words and tags in a mixed sequence, one of each at least, at most")
    mixed_max_gap: int = option(2, "words skipped between two neighbours of a mixed sequence, at most; -1: any number")
    itemset_min_support: float = option(0.1, "share of the neuron's sentences that an itemset must occur in")
    subtree_min_support: float = option(0.02, "share of the neuron's sentences that a subtree must occur in")
    subtree_max_nodes: int = option(5, "nodes of a subtree, at most")
    subtree_labels: str = option(
        "pos", "what the nodes of subtrees are labelled with: pos or words; words are leaves in trees that are brought"
    )
    trees: str = option(
        "",
        "table of bracketed trees (sentence_id, tree) of the run's sentences/, from your own parser: a Parquet or JSON "
        "Lines file, a folder or a URI; its subtrees are mined in place of the dependency trees'",
    )
    pattern_limit: int = option(
        200_000, "bound of one neuron's patterns of a kind; beyond it the support is raised, and counted"
    )
    metadata_skip: list[str] = option(["date", "split"], "metadata fields that are not mined")
    metadata_max_values: int = option(
        1000, "a metadata field's most frequent values are items; those beyond this number count as (other)"
    )
    concurrency: int = option(0, "neurons mined by MLlib at once; 0: one for each core")

    @property
    def patterns(self) -> list[Kind]:
        """The kinds that are mined."""
        return [kind_of(name) for name in self.kinds]

    @property
    def with_subtrees(self) -> bool:
        """Whether a kind is mined that needs syntax trees."""
        return any(kind.shape == SUBTREE for kind in self.patterns)

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
        ok = set(self.kinds) <= set(MINED) and len(set(self.kinds)) == len(self.kinds)
        require(ok, f"{key}.kinds", self.kinds, f"some of {', '.join(MINED)}")
        for name in ("selective", "concurrency", "frequent_kept"):
            value = getattr(self, name)
            require(value >= 0, f"{key}.{name}", value, "0 or more")
        for part in _SEQUENCES:
            value = getattr(self, f"{part}_max_gap")
            require(value >= -1, f"{key}.{part}_max_gap", value, "0 or more words, or -1 for no limit")
        for name in (
            "patterns_kept",
            "min_count",
            "pattern_min_count",
            "word_max_length",
            "pos_max_length",
            "mixed_max_length",
            "subtree_max_nodes",
            "pattern_limit",
            "metadata_max_values",
        ):
            value = getattr(self, name)
            require(value >= 1, f"{key}.{name}", value, "1 or more")
        for part in (*_SEQUENCES, "itemset", "subtree"):
            value = getattr(self, f"{part}_min_support")
            bound = "above 0 and at most 1"
            require(0 < value <= 1, f"{key}.{part}_min_support", value, bound, "it is a share of sentences")
        require(0 < self.alpha < 1, f"{key}.alpha", self.alpha, "above 0 and below 1")
        require(
            0 <= self.holdout < 1, f"{key}.holdout", self.holdout, "0 or more, below 1", "it is a share of sentences"
        )
        if self.engine == "mllib":
            self._check_mllib(key)
        if self.trees:
            bound, remedy = (
                "empty where subtrees are not mined",
                f"have subtree in {key}.kinds, with {key}.engine=grouped",
            )
            require(self.with_subtrees, f"{key}.trees", self.trees, bound, remedy)

    def _check_mllib(self, key: str) -> None:
        known = ", ".join(kind.name for kind in pattern_kinds() if kind.in_mllib)
        for kind in self.patterns:
            remedy = f"MLlib has no {kind.name}; use {key}.engine=grouped"
            require(kind.in_mllib, f"{key}.kinds", self.kinds, f"some of {known}", remedy)
        for part in ("word", "pos"):
            if f"{part}_sequence" in self.kinds:
                gap, remedy = f"{part}_max_gap", f"MLlib's PrefixSpan has no such limit; use {key}.engine=grouped"
                require(getattr(self, gap) == -1, f"{key}.{gap}", getattr(self, gap), "-1", remedy)
