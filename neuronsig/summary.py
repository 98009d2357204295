"""A neuron in one sentence, made from its statistics alone, and saying so when nothing stands out.

A fact is told only when it is beyond chance (its confidence limit `lrc` is above 0 where mining gives one) *and*
large enough for a reader to see it in the sentences; the bounds below are the whole of the judgement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neuronsig.neuron_view import Evidence, NeuronView, Share

METADATA_SHARE, METADATA_GAIN, METADATA_RATIO = 0.25, 0.15, 1.5
WORD_SHARE, WORD_LRC, WORDS_TOGETHER = 0.03, 1.0, 0.08
SEQUENCE_SHARE = 0.1
CLASS_GAIN, CLASS_RATIO, CLASS_LACK = 0.06, 1.4, 0.55
TAG_SHARE, TAG_RATIO = 0.1, 2.0
SHORT, LONG = 0.65, 1.5
ENDING_SHARE = 0.5
FEW = 10  # sentences below which nothing is said

KINDS = ("metadata", "words", "tags", "length", "none")
NOTHING, LITTLE = "nothing stands out", "little stands out"
TAGS = {
    "CD": "numbers",
    "NNP": "proper names",
    "NNPS": "proper names",
    "NNS": "plural nouns",
    "UH": "interjections",
    "MD": "modal verbs",
    "VB": "base-form verbs",
    "VBD": "past-tense verbs",
    "VBG": "-ing forms",
    "VBN": "participles",
    "PRP": "personal pronouns",
    "PRP$": "possessive pronouns",
    "RB": "adverbs",
    "WRB": "wh-adverbs",
    "WP": "wh-pronouns",
    "JJR": "comparatives",
    "JJS": "superlatives",
    "EX": "existential there",
    "POS": "possessive endings",
    "FW": "foreign words",
    "SYM": "symbols",
    "LS": "list markers",
    "ADD": "addresses",
    "AFX": "affixes",
    "HYPH": "hyphens",
    "-LRB-": "brackets",
    "-RRB-": "brackets",
    "``": "quotation marks",
    "''": "quotation marks",
    ":": "colons and dashes",
    "$": "currency signs",
}


@dataclass(frozen=True)
class Description:
    """`label`: two or three words; `text`: one sentence; `kind`: what is strongest, one of KINDS.

    `strength` is in bits: share times log2 of share over corpus share for words and metadata, the same per word
    for tags (doubled), half of |log2| of the mean length's ratio. It orders neurons of one kind and picks the kind.
    """

    label: str
    text: str
    kind: str
    strength: float


def describe(view: NeuronView) -> Description:
    """Say in one sentence what the neuron's top sentences have that the corpus has not."""
    if view.n_sentences < FEW:
        return Description(
            NOTHING, f"Only {view.n_sentences} sentences were collected, too few to say anything.", "none", 0.0
        )
    words, sequence, length = telling_words(view), _sequence(view), _length(view)
    ending, tag, metadata = _ending(view), _tag(view), _metadata(view)
    strengths = {
        "metadata": sum(_bits(row) for row in metadata[:1]),
        "words": sum(_bits(row) for row in words) or (_bits(sequence) if sequence else 0.0),
        "tags": tag[2] if tag else 0.0,
        "length": 0.5 * abs(math.log2(view.length.ratio)) if length and view.length.ratio else 0.0,
    }
    kind = max(strengths, key=lambda name: strengths[name])
    if strengths[kind] <= 0:
        text = _nothing(view)
        return Description(LITTLE if text.startswith("Little") else NOTHING, text, "none", 0.0)
    labels = {
        "metadata": " · ".join(row.text for row in metadata[:1]),
        "words": ", ".join(row.text for row in words[:3]) or (f"“{sequence.text}”" if sequence else ""),
        "tags": tag[0] if tag else "",
        "length": f"{length.lower()} sentences" if length else "",
    }
    order = sorted((name for name in labels if labels[name]), key=lambda name: -strengths[name])
    label = " · ".join(labels[name] for name in order[:2])
    return Description(
        _clip(label, 60), _sentence(view, words, sequence, length, ending, tag, metadata), kind, strengths[kind]
    )


def percent(share: float) -> str:
    """A share as a reader wants it: 82%, 3.1%, 0.04%."""
    value = 100 * share
    if value >= 10 or value == 0:
        return f"{value:.0f}%"
    if value >= 1:
        return f"{value:.1f}%"
    return f"{value:.2f}%" if value >= 0.01 else "<0.01%"


def against(share: float, reference: float | None) -> str:
    """`31% (corpus 14%)`, or the share alone where there is no reference."""
    return percent(share) + (f" (corpus {percent(reference)})" if reference is not None else "")


def telling_words(view: NeuronView) -> list[Evidence]:
    """Up to three words that are far over-represented and in enough of the sentences together; may be empty."""
    rows = [
        r for r in view.of("words") if r.lrc >= WORD_LRC and r.share >= WORD_SHARE and any(map(str.isalnum, r.text))
    ]
    rows = sorted(rows, key=lambda r: (-_bits(r), r.text))[:3]
    return rows if sum(r.share for r in rows) >= WORDS_TOGETHER else []


def _sequence(view: NeuronView) -> Evidence | None:
    rows = [
        r for r in view.of("word_sequence") if len(r.pattern) > 1 and r.lrc >= WORD_LRC and r.share >= SEQUENCE_SHARE
    ]
    rows = [r for r in rows if any(char.isalnum() for char in r.text)]
    return max(rows, key=lambda r: (_bits(r), r.pattern), default=None)


def _length(view: NeuronView) -> str:
    ratio = view.length.ratio
    if ratio is None or view.n_tokens == 0:
        return ""
    return "Short" if ratio <= SHORT else "Long" if ratio >= LONG else ""


def _ending(view: NeuronView) -> tuple[str, Evidence] | None:
    """Exclamations or questions, when most sentences have the mark and the corpus has not."""
    for row in view.of("words"):
        if row.text in ("!", "?") and row.stands_out and row.share >= ENDING_SHARE:
            return ("exclamations" if row.text == "!" else "questions"), row
    return None


def _tag(view: NeuronView) -> tuple[str, str, float] | None:
    """(label, text, strength) of the part of speech that stands out most: a class of P1 Table 1, or a single tag."""
    found = []
    for share in view.pos_shares if view.n_tokens else ():
        if share.corpus and share.value - share.corpus >= CLASS_GAIN and share.value / share.corpus >= CLASS_RATIO:
            text = f"many {share.name}s ({percent(share.value)} of words, corpus {percent(share.corpus)})"
            found.append((f"many {share.name}s", text, 2 * _share_bits(share)))
        elif share.corpus and share.corpus - share.value >= CLASS_GAIN and share.value / share.corpus <= CLASS_LACK:
            text = f"few {share.name}s ({percent(share.value)} of words, corpus {percent(share.corpus)})"
            found.append((f"few {share.name}s", text, share.corpus - share.value))
    for row in view.of("pos"):
        name = TAGS.get(row.pattern[0])
        if name and row.stands_out and row.share >= TAG_SHARE and (row.ratio or math.inf) >= TAG_RATIO:
            per = "words" if row.n1 > view.n_sentences else "sentences"
            text = f"many {name} ({percent(row.share)} of {per}" + (
                f", corpus {percent(row.reference)})" if row.reference is not None else ")"
            )
            found.append((name, text, _bits(row) * (2 if per == "words" else 0.5)))
    return max(found, key=lambda entry: entry[2], default=None)


def _metadata(view: NeuronView) -> list[Evidence]:
    """The domain and the other metadata value that stand out most, strongest first."""
    best: dict[bool, Evidence] = {}
    for name, rows in view.metadata.items():
        for row in rows:
            reference = row.reference
            if reference is None or not row.stands_out or row.share < METADATA_SHARE:
                continue
            enough = row.share - reference >= METADATA_GAIN and row.share >= METADATA_RATIO * reference
            key = name == "domain"
            if enough and (key not in best or _bits(row) > _bits(best[key])):
                best[key] = row
    return sorted(best.values(), key=lambda row: -_bits(row))


def _sentence(
    view: NeuronView,
    words: Sequence[Evidence],
    sequence: Evidence | None,
    length: str,
    ending: tuple[str, Evidence] | None,
    tag: tuple[str, str, float] | None,
    metadata: Sequence[Evidence],
) -> str:
    noun = ending[0] if ending else "sentences"
    head = f"{length} {noun}".strip()
    if length and view.length.corpus:
        head += f" ({view.length.value:.1f} words, corpus {view.length.corpus:.1f})"
    if words:
        quoted = [f"“{row.text}”" for row in words]
        listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
        head += f" with {listed}" + (f" in {against(words[0].share, words[0].reference)}" if len(words) == 1 else "")
    elif sequence:
        head += f" with the pattern “{sequence.text}” in {against(sequence.share, sequence.reference)}"
    if tag:
        head += f"{' and' if words or sequence else ' with'} {tag[1]}"
    parts = [head] if head != "sentences" else []
    parts += [
        f"{percent(row.share)} {'' if row.pattern[0] == 'domain' else row.pattern[0] + ' '}{row.text}"
        + (f" (corpus {percent(row.reference)})" if row.reference is not None else "")
        for row in metadata
    ]
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _nothing(view: NeuronView) -> str:
    text = "Nothing stands out: words, tags, length and metadata are all near the corpus."
    rows = [row for row in view.of("words") if row.stands_out and _has_letters(row)]
    if not rows:
        return text
    best = max(rows, key=lambda row: (_bits(row), row.text))
    return f"Little stands out; the clearest trace is “{best.text}” in {against(best.share, best.reference)}."


def _has_letters(row: Evidence) -> bool:
    return any(map(str.isalnum, row.text))


def _bits(row: Evidence) -> float:
    return row.share * max(0.0, row.log_ratio)


def _share_bits(share: Share) -> float:
    return share.value * math.log2(share.value / share.corpus) if share.corpus and share.value else 0.0


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
