"""All that a run knows of one neuron, as one record that the terminal and the report both render (P1 Table 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from neuronsig.kinds import Kind, kind_of
from neuronsig.neuron import Neuron

if TYPE_CHECKING:  # it reads arrays, which a search need not wait for
    from neuronsig.statements.wording import ToldStatement


def share(f1: int, n1: int) -> float:
    """Relative frequency with the neuron, 0 to 1."""
    return f1 / n1 if n1 else 0.0


def reference(f2: int, n2: int, matched: float | None) -> float | None:
    """Relative frequency in the reference, matched where that is known, 0 to 1; None without a reference."""
    if matched is not None:
        return matched
    return f2 / n2 if n2 > 0 else None


class Evidence(NamedTuple):
    """One word, tag, pattern or metadata value: f1 of n1 with the neuron, f2 of n2 in the reference.

    What n1 and n2 count is what mining counted: sentences for words, patterns and metadata, tokens for tags.
    `log_ratio` is log2 of the relative frequencies' ratio, `lrc` its conservative confidence limit (0: not
    distinguishable from the reference), both against `matched`, the share of the reference's sentences of the same
    lengths (None: not known). `explained_by` is the pattern that this one says again.
    """

    kind: str
    pattern: tuple[str, ...]
    f1: int
    n1: int
    f2: int
    n2: int
    log_ratio: float
    lrc: float
    g2: float = 0.0
    matched: float | None = None
    q: float = 1.0
    explained_by: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Relative frequency among the neuron's sentences, 0 to 1."""
        return share(self.f1, self.n1)

    @property
    def reference(self) -> float | None:
        """Relative frequency in the reference, matched where that is known, 0 to 1; None without a reference."""
        return reference(self.f2, self.n2, self.matched)

    @property
    def ratio(self) -> float | None:
        """How many times as frequent as in the reference; None when it never occurs there."""
        return self.share / self.reference if self.reference else None

    @property
    def stands_out(self) -> bool:
        """Whether the neuron's sentences have more of it than the reference, beyond chance."""
        return self.lrc > 0

    @property
    def text(self) -> str:
        """The pattern as a reader writes it: words in order, items joined by +, a metadata value alone."""
        return self.of_kind.text(self.pattern)

    @property
    def of_kind(self) -> Kind:
        """What is known of patterns of this kind."""
        return kind_of(self.kind)


def _is_all(rows: tuple[Evidence, ...]) -> bool:
    """Whether all sentences, here and in the corpus, have the one value."""
    return len(rows) == 1 and rows[0].f1 == rows[0].n1 and 0 < rows[0].f2 == rows[0].n2


class Segment(NamedTuple):
    """A piece of a sentence: how it matches the signature (neuronsig.signature.highlight), how strongly its token
    activates the neuron (0 to results.SHADES, where neuronsig triggers has run), and whether it is the token that does
    so most."""

    text: str
    mark: int
    shade: int = 0
    trigger: bool = False


@dataclass(frozen=True)
class SentenceView:
    """One sentence that activates the neuron; `segments` are its pieces, `note` what is known of its trigger."""

    sentence_id: int
    text: str
    domain: str
    doc_id: str
    metadata: Mapping[str, Sequence[str]]
    segments: tuple[Segment, ...]
    rank: int = -1
    score: float = float("nan")
    note: str = ""


@dataclass(frozen=True)
class Share:
    """One measured mean or share of the neuron beside the corpus's; None where the corpus's is not known."""

    name: str
    value: float
    corpus: float | None

    @property
    def ratio(self) -> float | None:
        return self.value / self.corpus if self.corpus else None


class Effect(NamedTuple):
    """How far a measure is from the reference: of shares log2 of the ratio, of means Hedges' g (standard deviations).

    `low` and `high` are 95 % limits, of the log ratio of shares and of the mean itself; None: not known.
    """

    value: float | None
    reference: float | None
    effect: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class FacetView:
    """One of the things that a neuron answers to: its share of the sentences, words and statements that set it apart.

    `shares`, and those in `told`, are of the facet's sentences and of the neuron's others (None in an only facet).
    """

    share: float
    words: tuple[str, ...]
    typical: SentenceView | None = None
    shares: tuple[tuple[float, float | None], ...] = ()
    told: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True)
class TriggerView:
    """What carries the activation inside the top sentences (neuronsig.triggers.detectors says what detectors are).

    Shares are of the first `sentences` by rank; `words_covered` is the share of all their words that some pattern of
    the signature holds, beside `covered_share` of the triggers.
    """

    detector: str = ""
    word: str = ""
    word_share: float = 0.0
    tag: str = ""
    tag_share: float = 0.0
    covered_share: float = 0.0
    special_share: float = 0.0
    concentration: float = 0.0
    sentences: int = 0
    words_covered: float | None = None

    @property
    def looked_at(self) -> str:
        """What shares are of."""
        return f"the top {self.sentences} sentences" if self.sentences else "the top sentences"


@dataclass(frozen=True)
class ScoreView:
    """How well the signature tells unseen sentences that activate the neuron from others (neuronsig evaluate).

    `told_ap` is that of the statements told, `words_ap` that of words and length, `ceiling_ap` of all that the text has
    to give, `random_ap` of another neuron's signature, None where there was none; the last two are of shuffled words.
    """

    ap: float
    chance: float
    beats_chance: bool
    beats_words: bool
    told_beats_chance: bool = False
    told_ap: float = 0.0
    patterns: int = 0
    words_ap: float = 0.0
    bayes_ap: float = 0.0
    ceiling_ap: float = 0.0
    auroc: float = 0.5
    random_ap: float | None = 0.0
    sentences: int = 0
    contextuality: float | None = None
    kept_shuffled: float | None = None


@dataclass(frozen=True)
class StabilityView:
    """Rank-biased overlap, 0 to 1 and by kind of pattern, of the signatures of two halves of the corpus, made from
    `k` sentences each (neuronsig stability); None: in neither half a pattern of that kind is beyond chance."""

    k: int
    overlap: Mapping[str, float | None]


@dataclass(frozen=True)
class DominanceView:
    """How far one thing dominates the neuron's first `sentences` (neuronsig outliers).

    `shares` are those of one document, near-duplicates and a rare word among these sentences, and of the strongest
    token in what is above the unit's mean, of the first `token_sentences` (None: the model was not asked); `flags` name
    what reaches `threshold`. `document_elsewhere` and `word_elsewhere` are shares of the sentences of all neurons'
    lists.
    """

    flags: tuple[str, ...]
    threshold: float
    sentences: int
    token_sentences: int
    shares: Mapping[str, float | None]
    document: str = ""
    document_elsewhere: float = 0.0
    word: str = ""
    word_elsewhere: float = 0.0
    token: str = ""
    token_place: str = ""


@dataclass(frozen=True)
class Link:
    """Another neuron worth a look from this one."""

    neuron: Neuron
    label: str = ""
    similarity: float | None = None


@dataclass(frozen=True)
class NeuronView:
    """One neuron's signature.

    `evidence` holds the rows of `signatures/` by kind, ranked; `metadata` each field's distribution, most frequent
    value first; `pos_shares` noun, verb and adjective as in P1 Table 1; `mining_command` mines a neuron that was not.
    `effects` has the keys length, position, relative_position, noun, verb and adj. Facets and all below are None where
    the jobs that find them have not run; `missing` says what these are. `match` is mining.match, of the reference.
    """

    neuron: Neuron
    n_sentences: int
    n_tokens: int
    mined: bool
    selectivity: float
    length: Share
    length_sd: float
    pos_shares: tuple[Share, ...]
    sentences: tuple[SentenceView, ...]
    evidence: Mapping[str, tuple[Evidence, ...]]
    metadata: Mapping[str, tuple[Evidence, ...]]
    typical: SentenceView | None = None
    cluster: int | None = None
    cluster_size: int = 0
    similar: tuple[Link, ...] = field(default=())
    mining_command: str = ""
    effects: Mapping[str, Effect] = field(default_factory=dict)
    facets: tuple[FacetView, ...] | None = None
    trigger: TriggerView | None = None
    score: ScoreView | None = None
    stability: StabilityView | None = None
    dominance: DominanceView | None = None
    told: tuple[ToldStatement, ...] | None = None
    missing: tuple[tuple[str, str], ...] = ()
    match: str = ""

    def of(self, kind: str) -> tuple[Evidence, ...]:
        """The ranked rows of one kind; empty when mining found or looked for none."""
        return self.evidence.get(kind, ())

    @property
    def salient_fields(self) -> dict[str, tuple[Evidence, ...]]:
        """The domain, unless the corpus has but one, and the fields with a value that stands out."""
        return {
            name: rows
            for name, rows in self.metadata.items()
            if any(row.stands_out for row in rows) or (name == "domain" and not _is_all(rows))
        }

    def salient_values(self, name: str) -> tuple[Evidence, ...]:
        """The values of a field that stand out; of the domain, and where none does, all."""
        rows = self.metadata[name]
        return tuple(row for row in rows if row.stands_out and name != "domain") or rows

    @property
    def best_score(self) -> float:
        """Activation of the first sentence; NaN when there is none."""
        return self.sentences[0].score if self.sentences else float("nan")
