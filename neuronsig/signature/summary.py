"""A neuron in one sentence, made from its statistics alone, and saying so when nothing stands out.

What is told, and why, is `neuronsig.signature.telling`; here it is put into words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neuronsig.signature.telling import (
    FACET_SHARE,
    TAGS,
    Told,
    against,
    bits,
    has_letters,
    percent,
    phrase_text,
    telling_ending,
    telling_facets,
    telling_length,
    telling_metadata,
    telling_order,
    telling_phrase,
    telling_place,
    telling_tag,
    telling_words,
)
from neuronsig.signature.view import Evidence, NeuronView, TriggerView

__all__ = [
    "KINDS",
    "LITTLE",
    "NOTHING",
    "Description",
    "against",
    "describe",
    "percent",
    "strongest_token",
    "telling_words",
]

FEW = 10  # sentences below which nothing is said
KINDS = ("metadata", "words", "tags", "length", "none")
NOTHING, LITTLE = "nothing stands out", "little stands out"
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


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
    words, length = telling_words(view), telling_length(view)
    phrase = telling_phrase(view, words)
    if tags := telling_order(view, phrase):
        phrase = None
    tag = telling_tag(view, tags)
    place, metadata = telling_place(view), telling_metadata(view)
    strengths = {
        "metadata": sum(bits(row) for row in metadata[:1]),
        "words": sum(bits(row) for row in words) or (bits(phrase) if phrase else 0.0),
        "tags": tag.strength if tag else 0.0,
        "length": max(
            0.5 * abs(math.log2(view.length.ratio)) if length and view.length.ratio else 0.0,
            place.strength if place else 0.0,
        ),
    }
    kind = max(strengths, key=lambda name: strengths[name])
    if strengths[kind] <= 0:
        text = _nothing(view)
        return Description(LITTLE if text.startswith("Little") else NOTHING, text, "none", 0.0)
    labels = {
        "metadata": " · ".join(row.text for row in metadata[:1]),
        "words": ", ".join(row.text for row in words[:3]) or (f"“{phrase_text(phrase)}”" if phrase else ""),
        "tags": tag.label if tag else "",
        "length": f"{length.lower()} sentences" if length else place.label if place else "",
    }
    order = sorted((name for name in labels if labels[name]), key=lambda name: -strengths[name])
    label = " · ".join(labels[name] for name in order[:2])
    text = _sentence(view, words, phrase, length, tag, place, metadata)
    return Description(_clip(label, 60), text, kind, strengths[kind])


def _sentence(
    view: NeuronView,
    words: Sequence[Evidence],
    phrase: Evidence | None,
    length: str,
    tag: Told | None,
    place: Told | None,
    metadata: Sequence[Evidence],
) -> str:
    ending = telling_ending(view)
    noun = ending[0] if ending else "sentences"
    head = f"{length} {noun}".strip()
    if length and view.length.corpus:
        head += f" ({view.length.value:.1f} words, corpus {view.length.corpus:.1f})"
    having = []
    if words:
        shares = [f" ({percent(row.share)})" for row in words]
        one = [f" in {against(words[0].share, words[0].reference)}"]
        having.append(_either([row.text for row in words], one if len(words) == 1 else shares))
    if phrase:
        having.append(f"the pattern “{phrase_text(phrase)}” in {against(phrase.share, phrase.reference)}")
    having += [tag.text] if tag else []
    if facets := telling_facets(view):
        all_kinds = [facet for facet in view.facets or () if facet.share >= FACET_SHARE]
        head += f" of {NUMBERS.get(len(all_kinds), len(all_kinds))} kinds: " + "; ".join(
            f"{percent(facet.share)} rich in {_either(facet.words[:3])}" for facet in facets
        )
        head += "; the others have no such words" if len(facets) < len(all_kinds) else ""
        having = having[bool(words) :]  # the kinds' words are these words told apart
        head += f"; {_and(having)}" if having else ""
    elif having:
        head += f" with {_and(having)}"
    if head == "sentences":
        parts = [f"{head} {place.text}"] if place else []
    else:
        parts = [head] + ([place.text] if place else [])
    parts += [
        f"{percent(row.share)} {'' if row.pattern[0] == 'domain' else row.pattern[0] + ' '}{row.text}"
        + (f" (corpus {percent(row.reference)})" if row.reference is not None else "")
        for row in metadata
    ]
    parts += _carrier(view)
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "." + _score(view)


def _carrier(view: NeuronView) -> list[str]:
    """Which word is the strongest, where it is the same word or part of speech."""
    found = view.trigger
    if found and found.detector == "token":
        what = f"“{found.word}” in {percent(found.word_share)}"
    elif found and found.detector == "tag":
        what = f"of the {TAGS.get(found.tag, f'words tagged {found.tag}')} in {percent(found.tag_share)}"
    else:
        return []
    return [f"the strongest word is {what} of {found.looked_at}, {strongest_token(found)}"]


def strongest_token(trigger: TriggerView) -> str:
    """How much of the activation is on one token, without which it says little that it is often the same word."""
    return f"the strongest token holds {percent(trigger.concentration)} of what is above the unit's mean"


def _score(view: NeuronView) -> str:
    """Whether any of it holds for sentences that mining has not seen."""
    if view.score is None:
        return ""
    if not view.score.beats_chance:
        return " On unseen sentences it is not clearly better than chance."
    return f" On unseen sentences: average precision {view.score.ap:.2f} (chance {view.score.chance:.2f})."


def _nothing(view: NeuronView) -> str:
    text = "Nothing stands out: words, tags, length and metadata are all near the corpus."
    rows = [row for row in view.of("words") if row.stands_out and has_letters(row)]
    if not rows:
        return text
    best = max(rows, key=lambda row: (bits(row), row.text))
    return f"Little stands out; the clearest trace is “{best.text}” in {against(best.share, best.reference)}."


def _either(texts: Sequence[str], notes: Sequence[str] = ()) -> str:
    quoted = [f"“{text}”{note}" for text, note in zip(texts, notes or [""] * len(texts), strict=True)]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _and(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
