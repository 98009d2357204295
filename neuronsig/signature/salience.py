"""What of a neuron's statistics a reader is told: beyond chance, and large enough to be seen in the sentences.

The bounds below are the whole of the judgement. Shares of the reference are those of sentences as long as the
neuron's own, where mining matched lengths.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from neuronsig.kinds import ITEM, SEQUENCE, SET, SUBTREE, WORDS, Kind, shown_kinds
from neuronsig.kinds import TAGS as TAG_LAYER
from neuronsig.names import MARKS, ONE, TAGS
from neuronsig.signature.view import Effect, Evidence, FacetView, NeuronView, Share

LEAST_LRC = 1.0
METADATA_SHARE, METADATA_GAIN, METADATA_RATIO, METADATA_ALIKE = 0.25, 0.15, 1.5, 0.5
WORD_SHARE, WORDS_TOGETHER = 0.03, 0.08
PHRASE_SHARE, TAG_PATTERN_SHARE = 0.08, 0.15
ABSTRACT = 1.5  # times the bits of a phrase that tags in order must tell to be told in its place
CLASS_GAIN, CLASS_RATIO, CLASS_LACK = 0.06, 1.4, 0.55
TAG_SHARE, TAG_RATIO = 0.1, 2.0
SHORT, LONG = 0.65, 1.5
PLACE = 0.4  # standard deviations
ENDING_SHARE = 0.5
FACET_SHARE = 0.1


class Entry(NamedTuple):
    """A row that nothing explains, or explained by something that is not shown; `repeated` are the rows it explains."""

    row: Evidence
    repeated: tuple[Evidence, ...] = ()


def without_redundancy(rows: Sequence[Evidence], n: int) -> list[Entry]:
    """The first `n` entries of ranked rows that stand out; where none does, the first six rows as they are.

    A row that another one explains stands under that, or under what explains it in turn. Where the part is of another
    table, as a single word explains a sequence, there is nothing to stand under: it is left out, because the words'
    own table says it.
    """
    beyond_chance = [row for row in rows if row.stands_out]
    if not beyond_chance:
        return [Entry(row) for row in rows[:6]]
    by_pattern = {row.pattern: row for row in beyond_chance}
    under: dict[tuple[str, ...], list[Evidence]] = {}
    for row in beyond_chance:
        if row.explained_by and (root := _root(row, by_pattern)) is not None:
            under.setdefault(root.pattern, []).append(row)
    plain = [row for row in beyond_chance if not row.explained_by]
    return [Entry(row, tuple(under.get(row.pattern, ()))) for row in plain[:n]]


def _root(row: Evidence, by_pattern: dict[tuple[str, ...], Evidence]) -> Evidence | None:
    seen = {row.pattern}
    while row.explained_by:
        found = by_pattern.get(row.explained_by)
        if found is None or found.pattern in seen:
            return None
        seen.add(found.pattern)
        row = found
    return row


class Fact(NamedTuple):
    """One fact: two or three words, a part of a sentence, and how much it tells, in bits or thereabouts."""

    label: str
    text: str
    strength: float


def over_represented(rows: Iterable[Evidence], least_share: float) -> list[Evidence]:
    """Those that the neuron has far more of, in enough of its sentences, and that nothing explains."""
    return [row for row in rows if not row.explained_by and row.lrc >= LEAST_LRC and row.share >= least_share]


def salient_words(view: NeuronView) -> list[Evidence]:
    """Up to three words that are far over-represented and in enough of the sentences together; may be empty."""
    rows = [row for row in over_represented(view.of("words"), WORD_SHARE) if has_letters(row)]
    return _strongest(rows, lambda row: row.text.replace("’", "'"), 3)  # n't and n’t are one word


def salient_marks(view: NeuronView, words: Sequence[Evidence], ending: tuple[str, Evidence] | None) -> list[Evidence]:
    """Up to two signs by the rules of words, each name once, that tell at least half of what the strongest word does.

    What the sentences end in, where that is told, is left out.
    """
    least = 0.5 * max(map(bits, words), default=0.0)
    signs = [row for row in over_represented(view.of("words"), WORD_SHARE) if not has_letters(row)]
    rows = [row for row in signs if bits(row) >= least and not (ending and row is ending[1])]
    return _strongest(rows, word_text, 2)


def _strongest(rows: Sequence[Evidence], name: Callable[[Evidence], str], most: int) -> list[Evidence]:
    """Those that tell most, each name once; none where too few of the sentences have them together."""
    kept: dict[str, Evidence] = {}
    for row in sorted(rows, key=lambda row: (-bits(row), row.text)):
        kept.setdefault(name(row), row)
    found = list(kept.values())[:most]
    return found if sum(row.share for row in found) >= WORDS_TOGETHER else []


def word_text(row: Evidence) -> str:
    """A word as it is, and a sign by its name, where it has one."""
    return MARKS.get(row.text, row.text)


def salient_phrase(view: NeuronView, words: Sequence[Evidence]) -> Evidence | None:
    """The word or mixed pattern that tells most and that nothing explains, if it tells as much as the words do."""
    rows = _patterns(view, lambda kind: kind.shape == SEQUENCE and WORDS in kind.layers, PHRASE_SHARE)
    rows = [r for r in rows if len(r.pattern) > 1 and all(_worded(*item) for item in r.of_kind.read(r.pattern))]
    best = max(rows, key=lambda row: (bits(row), row.pattern), default=None)
    return best if best and bits(best) >= 0.5 * max(map(bits, words), default=0.0) else None


def _patterns(view: NeuronView, wanted: Callable[[Kind], bool], least_share: float) -> list[Evidence]:
    """The over-represented patterns of the kinds that are wanted."""
    kinds = filter(wanted, shown_kinds())
    return [row for kind in kinds for row in over_represented(view.of(kind.name), least_share)]


def _worded(layer: str, item: str) -> bool:
    """Whether an item of a pattern is a word or a tag of words: with a full stop or a bracket a word is no phrase."""
    return item in ONE if layer == TAG_LAYER else any(map(str.isalnum, item))


def phrase_text(row: Evidence) -> str:
    """A pattern with its tags named: `had [participle]`; the items of an itemset are joined by +."""
    kind = row.of_kind
    if kind.shape in (ITEM, SUBTREE):
        return row.text
    items = kind.read(row.pattern)
    return kind.joint.join(f"[{ONE.get(name, name)}]" if layer == TAG_LAYER else name for layer, name in items)


def named(row: Evidence) -> str:
    """A pattern in a sentence: `the pattern “had [participle]”`."""
    return row.of_kind.named.format(phrase_text(row))


def salient_length(view: NeuronView) -> str:
    """`Short`, `Long` or nothing."""
    ratio, effect = view.length.ratio, view.effects.get("length")
    if ratio is None or view.n_tokens == 0 or (effect and not _beyond(effect)):
        return ""
    return "Short" if ratio <= SHORT else "Long" if ratio >= LONG else ""


def salient_ending(view: NeuronView) -> tuple[str, Evidence] | None:
    """Exclamations or questions, when most sentences have the mark and the corpus has not."""
    for row in view.of("words"):
        if row.text in ("!", "?") and row.lrc >= LEAST_LRC and row.share >= ENDING_SHARE:
            return ("exclamations" if row.text == "!" else "questions"), row
    return None


def salient_order(view: NeuronView, phrase: Evidence | None) -> Evidence | None:
    """The tags in order or the subtree that tells most, unless a phrase, easier to read, tells about as much."""
    best = max(_patterns(view, lambda kind: kind.layers == (TAG_LAYER,), TAG_PATTERN_SHARE), key=bits, default=None)
    return best if best and (phrase is None or bits(best) > ABSTRACT * bits(phrase)) else None


def salient_set(view: NeuronView) -> Evidence | None:
    """The itemset that tells most, for a neuron of which nothing simpler is told."""
    rows = _patterns(view, lambda kind: kind.shape == SET, TAG_PATTERN_SHARE)
    return max(rows, key=lambda row: (bits(row), row.pattern), default=None)


def salient_trace(view: NeuronView) -> Evidence | None:
    """Of all that is beyond chance what tells most, however little that is."""
    rows = [row for rows in (*view.evidence.values(), *view.metadata.values()) for row in rows if row.stands_out]
    return max(rows, key=lambda row: (not row.explained_by, bits(row), row.kind, row.pattern), default=None)


def salient_tag(view: NeuronView, order: Evidence | None, marks: Sequence[Evidence] = ()) -> Fact | None:
    """The part of speech that stands out most: a class of P1 Table 1, a single tag, or the tags of `order`.

    Tags of signs that are told as `marks` already are left out.
    """
    unsaid = {tag: name for tag, name in TAGS.items() if name not in map(word_text, marks)}
    found = [told for share in view.pos_shares if view.n_tokens if (told := _class(share, view.effects))]
    for row in view.of("pos"):
        name = unsaid.get(row.pattern[0])
        if name and row.stands_out and row.share >= TAG_SHARE and (row.ratio or math.inf) >= TAG_RATIO:
            per = "words" if row.n1 > view.n_sentences else "sentences"
            reference = f", corpus {percent(row.reference)})" if row.reference is not None else ")"
            text = f"many {name} ({percent(row.share)} of {per}{reference}"
            found.append(Fact(name, text, bits(row) * (2 if per == "words" else 0.5)))
    if order:
        text = f"{named(order)} in {against(order.share, order.reference)}"
        label = named(order).removeprefix("the pattern ").removeprefix("the subtree ")
        found.append(Fact(label, text, 0.5 * bits(order)))
    return max(found, key=lambda told: told.strength, default=None)


def _class(share: Share, effects: Mapping[str, Effect]) -> Fact | None:
    if not share.corpus:
        return None
    ratio, text = share.value / share.corpus, f"({percent(share.value)} of words, corpus {percent(share.corpus)})"
    known = effects.get({"adjective": "adj"}.get(share.name, share.name))
    low, high = (known.low, known.high) if known else (None, None)
    if share.value - share.corpus >= CLASS_GAIN and ratio >= CLASS_RATIO and (low is None or low > 0):
        return Fact(f"many {share.name}s", f"many {share.name}s {text}", 2 * share.value * math.log2(ratio))
    if share.corpus - share.value >= CLASS_GAIN and ratio <= CLASS_LACK and (high is None or high < 0):
        return Fact(f"few {share.name}s", f"few {share.name}s {text}", share.corpus - share.value)
    return None


def salient_place(view: NeuronView) -> Fact | None:
    """Early or late in documents."""
    effect = view.effects.get("relative_position")
    if effect is None or effect.value is None or effect.reference is None or effect.effect is None:
        return None
    if abs(effect.effect) < PLACE or not _beyond(effect):
        return None
    where = "early" if effect.effect < 0 else "late"
    text = f"{where} in their documents (on average {percent(effect.value)} in, corpus {percent(effect.reference)})"
    return Fact(f"{where} in documents", text, 0.25 * abs(effect.effect))


def salient_metadata(view: NeuronView) -> list[Evidence]:
    """The domain and the other metadata value that stand out most, strongest first.

    Each with the next value of its field where that tells as much: of reviews both sentiments may stand out.
    """
    best: dict[bool, list[Evidence]] = {}
    for name, rows in view.metadata.items():
        salient = sorted((row for row in rows if _tells(row)), key=lambda row: -bits(row))
        held = best.get(name == "domain")
        if salient and (held is None or bits(salient[0]) > bits(held[0])):
            best[name == "domain"] = salient
    found = [[row for row in rows[:2] if bits(row) >= METADATA_ALIKE * bits(rows[0])] for rows in best.values()]
    return [row for rows in sorted(found, key=lambda rows: -bits(rows[0])) for row in rows]


def _tells(row: Evidence) -> bool:
    """Whether a metadata value is in enough of the sentences, and in enough more of them than of the corpus."""
    reference = row.reference
    if reference is None or not row.stands_out or row.share < METADATA_SHARE:
        return False
    return row.share - reference >= METADATA_GAIN and row.share >= METADATA_RATIO * reference


def salient_facets(view: NeuronView) -> list[FacetView]:
    """The things that a neuron answers to, when they are two or more, each with words that enough of it has."""
    found = [f for f in view.facets or () if f.words and f.share >= FACET_SHARE and _held(f) >= WORDS_TOGETHER]
    return found if len(found) > 1 else []


def _held(facet: FacetView) -> float:
    """Share of a facet's sentences that its first three words are in together, at most; 1 where it is not known."""
    return sum(share for share, _ in facet.shares[:3]) if facet.shares else 1.0


def has_letters(row: Evidence) -> bool:
    """Whether a row's text is more than signs."""
    return any(map(str.isalnum, row.text))


def bits(row: Evidence) -> float:
    """What a row tells of a sentence: its share times the log ratio."""
    return row.share * max(0.0, row.log_ratio)


def percent(share: float) -> str:
    """A share as a reader wants it: 82%, 3.1%, 0.04%."""
    value = 100 * share
    if value >= 10 or value == 0:
        return f"{value:.0f}%"
    if value >= 1:
        return f"{value:.1f}%"
    return f"{value:.2f}%" if value >= 0.01 else "<0.01%"


def times(ratio: float | None, reference: float | None = None) -> str:
    """`×2.3`; `only` for what the reference has not at all, nothing where there is no reference."""
    if ratio is None:
        return "only" if reference == 0 else ""
    return f"×{ratio:,.0f}" if ratio >= 10 else f"×{ratio:.1f}"


def against(share: float, reference: float | None) -> str:
    """`31% (corpus 14%)`, or the share alone where there is no reference."""
    return percent(share) + (f" (corpus {percent(reference)})" if reference is not None else "")


def _beyond(effect: Effect) -> bool:
    """Whether the reference's mean is outside the 95 % limits of the neuron's."""
    if effect.low is None or effect.high is None or effect.reference is None:
        return False
    return not effect.low <= effect.reference <= effect.high
