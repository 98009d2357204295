"""A neuron in one sentence, made from its statistics alone, and saying so when nothing stands out.

What is told, and why, is `neuronsig.signature.salience`; here it is put into words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from neuronsig.kinds import METADATA, WORDS
from neuronsig.names import MARKS, TAGS
from neuronsig.signature.salience import (
    FACET_SHARE,
    Fact,
    against,
    bits,
    named,
    percent,
    phrase_text,
    salient_ending,
    salient_facets,
    salient_length,
    salient_marks,
    salient_metadata,
    salient_order,
    salient_phrase,
    salient_place,
    salient_set,
    salient_tag,
    salient_trace,
    salient_words,
    word_text,
)
from neuronsig.signature.told import told_label, told_text
from neuronsig.signature.view import Evidence, NeuronView

FEW = 10  # sentences below which nothing is said
ASPECTS = ("metadata", "words", "tags", "length", "none")
NOTHING, LITTLE = "nothing stands out", "little stands out"
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


@dataclass(frozen=True)
class Description:
    """`label`: two or three words; `text`: one sentence; `kind`: what is strongest, one of ASPECTS.

    `strength` is in bits: share times log2 of share over corpus share for words, marks and metadata, the same per word
    for tags (doubled), half of |log2| of the mean length's ratio. It orders neurons of one kind and picks the kind.
    """

    label: str
    text: str
    kind: str
    strength: float


class _Findings(NamedTuple):
    words: list[Evidence]
    marks: list[Evidence]
    ending: tuple[str, Evidence] | None
    phrase: Evidence | None
    tag: Fact | None
    length: str
    place: Fact | None
    metadata: list[Evidence]
    together: Evidence | None = None

    @classmethod
    def of(cls, view: NeuronView) -> _Findings:
        words, ending = salient_words(view), salient_ending(view)
        marks = salient_marks(view, words, ending)
        phrase = salient_phrase(view, words)
        if order := salient_order(view, phrase):
            phrase = None
        tag, length = salient_tag(view, order, marks), salient_length(view)
        found = cls(words, marks, ending, phrase, tag, length, salient_place(view), salient_metadata(view))
        return found if any(found) else found._replace(together=salient_set(view))

    def strengths(self, view: NeuronView) -> dict[str, float]:
        patterns = (*self.marks, *(self.ending or ())[1:], *filter(None, [self.together]))
        ratio = view.length.ratio if self.length else None
        return {
            "metadata": sum(bits(row) for row in self.metadata[:1]),
            "words": sum(bits(row) for row in self.words or filter(None, [self.phrase])) + sum(map(bits, patterns)),
            "tags": self.tag.strength if self.tag else 0.0,
            "length": max(0.5 * abs(math.log2(ratio)) if ratio else 0.0, self.place.strength if self.place else 0.0),
        }

    @property
    def noun(self) -> str:
        return self.ending[0] if self.ending else "sentences"

    def labels(self) -> dict[str, str]:
        pattern = self.phrase or self.together
        names = [row.text for row in self.words] or [f"“{phrase_text(row)}”" for row in [pattern] if row]
        names = names or [word_text(row) for row in self.marks] or [self.noun] * (self.ending is not None)
        if self.length and names == [self.noun]:
            names = []  # the length's label has it
        return {
            "metadata": " · ".join(row.text for row in self.metadata[:1]),
            "words": ", ".join(names[:3]),
            "tags": self.tag.label if self.tag else "",
            "length": f"{self.length.lower()} {self.noun}" if self.length else self.place.label if self.place else "",
        }


def describe(view: NeuronView) -> Description:
    """Say in one sentence what the neuron's top sentences have that the corpus has not."""
    if view.n_sentences < FEW:
        return Description(
            NOTHING, f"Only {view.n_sentences} sentences were collected, too few to say anything.", "none", 0.0
        )
    if view.told is not None:
        return _told(view)
    found = _Findings.of(view)
    strengths, labels = found.strengths(view), found.labels()
    kind = max(strengths, key=lambda name: strengths[name])
    if strengths[kind] <= 0:
        return _nothing(view)
    order = sorted((name for name in labels if labels[name]), key=lambda name: -strengths[name])
    label = " · ".join(labels[name] for name in order[:2])
    return Description(_clip(label, 60), _sentence(view, found), kind, strengths[kind])


def _told(view: NeuronView) -> Description:
    """Of the statements that predict the list, where they are known."""
    if not view.told:
        return Description(NOTHING, told_text(view), "none", 0.0)
    first = view.told[0]
    return Description(_clip(told_label(view), 60), told_text(view), first.aspect, first.bits)


def _sentence(view: NeuronView, found: _Findings) -> str:
    head, facts = f"{found.length} {found.noun}".strip(), []
    if found.length and view.length.corpus:
        facts.append(f"{view.length.value:.1f} words, corpus {view.length.corpus:.1f}")
    if found.ending:
        mark = found.ending[1]
        corpus = "" if mark.reference is None else f", corpus {percent(mark.reference)}"
        facts.append(f"“{mark.text}” in {percent(mark.share)}{corpus}")
    head += f" ({'; '.join(facts)})" if facts else ""
    having = _rows([f"“{row.text}”" for row in found.words], found.words)
    having += _rows([_named(row) for row in found.marks], found.marks)
    having += [_trace(row) for row in (found.phrase, found.together) if row]
    having += [found.tag.text] if found.tag else []
    if facets := salient_facets(view):
        all_kinds = [facet for facet in view.facets or () if facet.share >= FACET_SHARE]
        head += f" of {NUMBERS.get(len(all_kinds), len(all_kinds))} kinds: " + "; ".join(
            f"{percent(facet.share)} rich in {_either([f'“{word}”' for word in facet.words[:3]])}" for facet in facets
        )
        head += "; the others have no such words" if len(facets) < len(all_kinds) else ""
        having = having[bool(found.words) :]  # the kinds' words are these words told apart
        head += f"; {_and(having)}" if having else ""
    elif having:
        head += f" with {_and(having)}"
    if head == "sentences":
        parts = [f"{head} {found.place.text}"] if found.place else []
    else:
        parts = [head] + ([found.place.text] if found.place else [])
    parts += [
        f"{percent(row.share)} {_named(row)}"
        + (f" (corpus {percent(row.reference)})" if row.reference is not None else "")
        for row in found.metadata
    ]
    parts += _carrier(view)
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "." + _score(view)


def _rows(names: Sequence[str], rows: Sequence[Evidence]) -> list[str]:
    """`“a” (30%) or “b” (20%)`; of a single one the corpus's share too; nothing of none."""
    if len(rows) < 2:
        return [f"{name} in {against(row.share, row.reference)}" for name, row in zip(names, rows, strict=True)]
    return [_either([f"{name} ({percent(row.share)})" for name, row in zip(names, rows, strict=True)])]


def _trace(row: Evidence) -> str:
    if row.of_kind.per_token:
        return f"{_named(row)}, {percent(row.share)} of words" + (
            "" if row.reference is None else f" (corpus {percent(row.reference)})"
        )
    return f"{_named(row)} in {against(row.share, row.reference)}"


def _named(row: Evidence) -> str:
    if row.of_kind.layers == (METADATA,):
        return row.text if row.pattern[0] == "domain" else f"{row.pattern[0]} {row.text}"
    mark = MARKS.get(row.text) if row.of_kind.layers == (WORDS,) else None
    return mark or named(row)


def _carrier(view: NeuronView) -> list[str]:
    """Which word is the strongest, where it is the same word or part of speech."""
    found = view.trigger
    if found and found.detector == "token":
        what = f"“{found.word}” in {percent(found.word_share)}"
    elif found and found.detector == "tag":
        what = f"of the {TAGS.get(found.tag, f'words tagged {found.tag}')} in {percent(found.tag_share)}"
    else:
        return []
    return [f"the strongest word is {what} of {found.looked_at}, {strongest_token(found.concentration)}"]


def strongest_token(concentration: float) -> str:
    """How much of the activation is on one token, without which it says little that it is often the same word."""
    return f"the strongest token holds {percent(concentration)} of what is above the unit's mean"


def _score(view: NeuronView) -> str:
    """Whether any of it holds for sentences that mining has not seen."""
    if view.score is None:
        return ""
    if not view.score.beats_chance:
        return " On unseen sentences it is not clearly better than chance."
    return f" On unseen sentences: average precision {view.score.ap:.2f} (chance {view.score.chance:.2f})."


def _nothing(view: NeuronView) -> Description:
    if best := salient_trace(view):
        return Description(LITTLE, f"Little stands out; the clearest trace is {_trace(best)}.", "none", 0.0)
    what = "word, tag, pattern or metadata value" if view.mined else "word, tag or metadata value"
    length = f"{view.length.value:.1f} words a sentence"
    length += f" (corpus {view.length.corpus:.1f})" if view.length.corpus else ""
    return Description(NOTHING, f"Nothing stands out: no {what} is beyond chance; {length}.", "none", 0.0)


def _either(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _and(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
