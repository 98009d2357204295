"""Statements in words, as a reader wants them after `sentences`: `with “cat”`, `of at most 10 words`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from neuronsig.kinds import METADATA, kind_of
from neuronsig.names import ONE, OTHERS
from neuronsig.statements.families import BOUNDS, FAMILIES
from neuronsig.statements.statement import TIMES, Single, Statement

SHAPES = {
    "capital": "a word with a capital", "capitals": "a word in capitals", "digits": "digits", "number": "a number",
    "elongated": "an elongated word", "other script": "letters of another script", "mark": "a mark",
    "joined": "a word that holds a mark",
}  # fmt: skip
_WHOSE = re.compile(r"(whose .+? is )(.*)")
_OFTEN = re.compile(r"with ((?:(?! or ).)+) \((\d+) times or more\)")
_VOWEL = re.compile(r"\ba(?= [“-]?[aeiouAEIOU])")


class ToldStatement(NamedTuple):
    """A statement that is told of a neuron (neuronsig describe), in words that go on `sentences ...`: the share of the
    list's sentences and of others with it, the bits that it adds to those before it, the list's share that it and
    those before it cover, and the aspect (neuronsig.signature.summary)."""

    text: str
    share: float
    reference: float
    bits: float
    covered: float
    aspect: str = "words"


def said(statement: Statement, holds: bool = True) -> str:
    """A statement, or with `holds` False that it does not hold."""
    parts = statement.parts
    if not holds and not statement.operation and (other := _beyond(parts[0])):
        return _single(other)
    if statement.operation == "but_not":
        text = f"{_single(parts[0])}, but {_denied(_single(parts[1]))}"
    elif statement.operation == "either":
        text = f"either {_single(parts[0])} or {_single(parts[1])}, not both"
    elif statement.operation == "or":
        return _any([_single(part) for part in parts], holds)
    elif statement.operation == "and":
        text = _range(parts) or _listed([_single(part) for part in parts], "and")
    else:
        text = _single(parts[0])
    return text if holds else _denied(text)


def _single(single: Single) -> str:
    pattern, often = single.pattern, ""
    if single.kind in BOUNDS:
        return _bound(single.kind, pattern[0], int(pattern[1]))
    if single.kind == METADATA:
        return FAMILIES[METADATA].says.format(*pattern[0].split("=", 1))
    if pattern[-1].startswith(TIMES) and len(pattern) > 1 and pattern[-1][1:].isdigit():
        pattern, often = pattern[:-1], f" ({pattern[-1][1:]} times or more)"
    parts = iter(pattern)

    def part(found: re.Match[str]) -> str:
        name = next(parts)
        if found[0] == "{tag}":
            return ONE.get(name) or OTHERS.get(name) or f"word tagged {name}"
        return SHAPES.get(name, name) if found[0] == "{shape}" else name

    family = FAMILIES[single.kind]
    if family.find is None:
        kind = kind_of(single.kind)
        return family.says.format(kind.named.format(kind.text(pattern)))
    text = re.sub(r"{(?:tag|shape)?}", part, family.says)
    return _VOWEL.sub("an", text) + often


def _beyond(single: Single) -> Single | None:
    """What holds where a bound does not; None where it is no bound."""
    if single.kind not in BOUNDS:
        return None
    side, bound = single.pattern
    if side == "at least":
        return Single(single.kind, ("at most", str(int(bound) - 1)))
    return Single(single.kind, ("at least", str(int(bound) + 1)))


def _range(parts: Sequence[Single]) -> str:
    """`of 10 to 12 words`, where two bounds make it."""
    if len(parts) != 2 or len({part.kind for part in parts}) != 1 or parts[0].kind not in BOUNDS:
        return ""
    bounds = {part.pattern[0]: part.pattern[1] for part in parts}
    if set(bounds) != {"at least", "at most"}:
        return ""
    low, high = int(bounds["at least"]), int(bounds["at most"])
    return f"of {low} to {high} words" if parts[0].kind == "length" else f"{low + 1} to {high + 1} in their documents"


def _bound(kind: str, side: str, bound: int) -> str:
    """`of at most 8 words`, `among the first 3 sentences of their documents`."""
    says = FAMILIES[kind].says
    if kind == "length":
        return says.format(side, bound)
    after = "after" if side == "at least" else "among"
    first = bound + (side == "at most")
    if first == 1:
        return "after the first of their documents" if after == "after" else "that begin their documents"
    return says.format(after, first)


def _any(texts: Sequence[str], holds: bool) -> str:
    """Any of several, or none: `with “a” or “b”`, `without “a” or “b”`, `without “a” and without a verb`."""
    text = _listed(texts, "or")
    if holds:
        return text
    return _denied(text) if text.count("with ") == 1 else " and ".join(map(_denied, texts))


def _denied(text: str) -> str:
    if often := _OFTEN.fullmatch(text):
        return f"with {often[1]} (fewer than {often[2]} times)"
    if text.startswith("with "):
        return "without " + text.removeprefix("with ")
    if (whose := _WHOSE.fullmatch(text)) and " whose " not in whose[2]:
        return f"{whose[1]}not {whose[2]}"
    return f"not {text}"


def _listed(texts: Sequence[str], joint: str) -> str:
    """`with “a”, “b” or “c”`: what all begin with is said once, where nothing but the word differs."""
    start = texts[0].split("“")[0]
    if start and all(re.fullmatch(rf"{re.escape(start)}“[^”]*”( \(.*\))?", text) for text in texts):
        texts = [texts[0], *(text.removeprefix(start) for text in texts[1:])]
    return f"{', '.join(texts[:-1])} {joint} {texts[-1]}"


def aspect(statement: Statement) -> str:
    """What it is about: metadata, words, tags or length."""
    kind = statement.parts[0].kind
    if kind in ("metadata", "length"):
        return kind
    if kind == "position":
        return "metadata"
    return "tags" if "tag" in kind or kind == "class" else "words"
