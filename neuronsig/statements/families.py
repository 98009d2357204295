"""The registry of kinds of statements: what of a sentence each is about, and how one reads.

A family gives (sentence, code) pairs, as often as the sentence has it, and the pattern of a code. A further kind of
statement is one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.kinds import pattern_kinds
from neuronsig.ragged import Codes
from neuronsig.statements.statement import Pattern
from neuronsig.statements.tokens import Layer, Tokens, affixes, shapes

Frequent = Callable[[Layer], NDArray[np.bool_]]
"""Which names of a layer are in enough sentences to be worth pairing, (names,)."""

GAP = 2
"""Words between the parts of a pair with a gap, at most."""
REACH = 3
"""Words at the beginning and at the end of a sentence that count as near it."""
ONE_LEMMA = 0.5
"""Share of an affix's words that one lemma has, at most."""
CLASSES = (("N", "noun"), ("V", "verb"), ("J", "adjective"), ("RB", "adverb"), ("PRP", "pronoun"), ("W", "wh-word"))
"""Classes of tags, by how the tags begin."""
BOUNDS = ("length", "position")
"""Families of numbers that are at least, or at most, so large."""
REPEATS = (2, 3, 4, 6, 8)
POSITIONS = (1, 2, 3, 5, 10, 20, 50)
LENGTHS = (*range(3, 21), *range(22, 33, 2), 35, 40, 45, 50, 60, 70, 80, 100)


@dataclass(frozen=True)
class Found:
    """Sentences (found,) and codes (found,) of what is in them; `pattern` reads a code."""

    rows: Codes
    codes: Codes
    pattern: Callable[[int], Pattern]


@dataclass(frozen=True)
class Family:
    """A kind of statement.

    Attributes:
        name: The value of the column `kind` of STATEMENTS.
        says: Of sentences, what it says; {} stands for a part of its pattern, {tag} for one that is a tag, {shape} for
            one that is a shape.
        find: What sentences have of it; None: it is mined (neuronsig.statements.mined).
        repeats: Whether to have it several times is a statement of its own.
    """

    name: str
    says: str
    find: Callable[[Tokens, Frequent], Found] | None = None
    repeats: bool = False


def _single(layer_of: Callable[[Tokens], Layer]) -> Callable[[Tokens, Frequent], Found]:
    def find(tokens: Tokens, frequent: Frequent) -> Found:
        layer = layer_of(tokens)
        return Found(tokens.rows, layer.codes, lambda code: (layer.names[code],))

    return find


def _several(names_of: Callable[[str], list[str]]) -> Callable[[Tokens, Frequent], Found]:
    def find(tokens: Tokens, frequent: Frequent) -> Found:
        token, layer = tokens.several(names_of)
        return Found(tokens.rows[token], layer.codes, lambda code: (layer.names[code],))

    return find


def _affixes(tokens: Tokens, frequent: Frequent) -> Found:
    """Affixes of several words: one that is a single lemma's says no more than that."""
    token, layer = tokens.several(affixes)
    lemmas = tokens.lemmas.codes[token]
    pairs, times = np.unique(layer.codes * len(tokens.lemmas.names) + lemmas, return_counts=True)
    affix = pairs // len(tokens.lemmas.names)
    most = np.zeros(len(layer.names), np.int64)
    np.maximum.at(most, affix, times)
    shared = (most <= ONE_LEMMA * np.bincount(layer.codes, minlength=len(layer.names)))[layer.codes]
    return Found(tokens.rows[token[shared]], layer.codes[shared], lambda code: (layer.names[code],))


def _where(
    layer_of: Callable[[Tokens], Layer], wanted: Callable[[Tokens], NDArray[np.bool_]]
) -> Callable[[Tokens, Frequent], Found]:
    def find(tokens: Tokens, frequent: Frequent) -> Found:
        layer, here = layer_of(tokens), wanted(tokens)
        return Found(tokens.rows[here], layer.codes[here], lambda code: (layer.names[code],))

    return find


def _words(tokens: Tokens) -> Layer:
    return tokens.words


def _lemmas(tokens: Tokens) -> Layer:
    return tokens.lemmas


def _tags(tokens: Tokens) -> Layer:
    return tokens.tags


def _classes(tokens: Tokens) -> Layer:
    """Nouns, verbs, adjectives ...: tags by how they begin (P1 Table 1 counts N, V and J)."""
    names = [next((name for start, name in CLASSES if tag.startswith(start)), tag) for tag in tokens.tags.names]
    distinct = list(dict.fromkeys(names))
    return Layer(np.array([distinct.index(name) for name in names], np.int64)[tokens.tags.codes], distinct)


def _from_end(tokens: Tokens) -> Codes:
    """(tokens,) tokens after each in its sentence."""
    return tokens.lengths[tokens.rows] - 1 - tokens.places


def _pair(
    first_of: Callable[[Tokens], Layer], second_of: Callable[[Tokens], Layer], gap: int
) -> Callable[[Tokens, Frequent], Found]:
    """One thing and then another, with at most `gap` tokens between."""

    def find(tokens: Tokens, frequent: Frequent) -> Found:
        first, second = first_of(tokens), second_of(tokens)
        begins, ends = frequent(first)[first.codes], frequent(second)[second.codes]
        rows, codes = [], []
        for step in range(1, gap + 2):
            here = np.flatnonzero(begins[:-step] & ends[step:] & (tokens.rows[:-step] == tokens.rows[step:]))
            rows.append(tokens.rows[here])
            codes.append(first.codes[here] * len(second.names) + second.codes[here + step])
        return Found(
            np.concatenate(rows),
            np.concatenate(codes),
            lambda code: (first.names[code // len(second.names)], second.names[code % len(second.names)]),
        )

    return find


def _in_a_row(layer_of: Callable[[Tokens], Layer], n: int) -> Callable[[Tokens, Frequent], Found]:
    """`n` names one after the other."""

    def find(tokens: Tokens, frequent: Frequent) -> Found:
        layer = layer_of(tokens)
        width, last = len(layer.names), len(layer.codes) - n + 1
        if last <= 0 or width**n > 2**62:
            return Found(np.zeros(0, np.int64), np.zeros(0, np.int64), lambda code: ())
        codes = sum((layer.codes[i : i + last] * width ** (n - 1 - i) for i in range(n)), np.zeros(last, np.int64))
        whole = tokens.rows[:last] == tokens.rows[n - 1 :]
        return Found(
            tokens.rows[:last][whole],
            codes[whole],
            lambda code: tuple(layer.names[code // width ** (n - 1 - i) % width] for i in range(n)),
        )

    return find


def _edges(layer_of: Callable[[Tokens], Layer]) -> Callable[[Tokens, Frequent], Found]:
    """A word and what hangs on it in the dependency tree."""

    def find(tokens: Tokens, frequent: Frequent) -> Found:
        layer = layer_of(tokens)
        known = frequent(layer)
        child = np.flatnonzero(tokens.heads > 0)
        parent = tokens.offsets[tokens.rows[child]] + tokens.heads[child] - 1
        both = known[layer.codes[child]] & known[layer.codes[parent]]
        child, parent, width = child[both], parent[both], len(layer.names)
        return Found(
            tokens.rows[child],
            layer.codes[parent] * width + layer.codes[child],
            lambda code: (layer.names[code // width], layer.names[code % width]),
        )

    return find


def _metadata(tokens: Tokens, frequent: Frequent) -> Found:
    values: dict[str, int] = {}
    rows, codes = [], []
    for row, (domain, fields) in enumerate(
        zip(tokens.table["domain"].to_pylist(), tokens.table["metadata"].to_pylist(), strict=True)
    ):
        pairs = [("domain", domain)] if domain else []
        pairs += [(name, value) for name, of in fields or () for value in of or () if value]
        for name, value in dict.fromkeys(pairs):
            rows.append(row)
            codes.append(values.setdefault(f"{name}={value}", len(values)))
    names = list(values)
    return Found(np.array(rows, np.int64), np.array(codes, np.int64), lambda code: (names[code],))


def _steps(values: Codes, bounds: Sequence[int]) -> Found:
    """Values of sentences that are at least a bound, or below it; a range is two of them together."""
    rows, codes = [], []
    for number, bound in enumerate(bounds):
        least = values >= bound
        rows += [np.flatnonzero(least), np.flatnonzero(~least)]
        codes += [np.full(np.count_nonzero(least), 2 * number), np.full(np.count_nonzero(~least), 2 * number + 1)]

    def pattern(code: int) -> Pattern:
        bound = bounds[code // 2]
        return ("at most", str(bound - 1)) if code % 2 else ("at least", str(bound))

    return Found(np.concatenate(rows), np.concatenate(codes), pattern)


def _lengths(tokens: Tokens, frequent: Frequent) -> Found:
    return _steps(tokens.lengths, LENGTHS)


def _positions(tokens: Tokens, frequent: Frequent) -> Found:
    return _steps(np.asarray(tokens.table["position"].fill_null(0).to_numpy(), np.int64), POSITIONS)


def _letters(tokens: Tokens) -> NDArray[np.bool_]:
    marks = np.array([not any(map(str.isalnum, name)) for name in tokens.cased.names], bool)
    return ~marks[tokens.cased.codes]


def _first(tokens: Tokens) -> NDArray[np.bool_]:
    return tokens.places == 0


def _last_mark(tokens: Tokens) -> NDArray[np.bool_]:
    """The last token of each sentence where it has no letter and no digit."""
    return (_from_end(tokens) == 0) & ~_letters(tokens)


def _last_word(tokens: Tokens) -> NDArray[np.bool_]:
    """The last token of each sentence that has a letter or a digit."""
    found = np.zeros(len(tokens.rows), bool)
    worded = np.flatnonzero(_letters(tokens))
    last = np.append(tokens.rows[worded][1:] != tokens.rows[worded][:-1], True)[: len(worded)]
    found[worded[last]] = True
    return found


# In this order a reader would choose among those that say the same: where a question mark stands is no news.
_EVERY = (
    Family("last_mark", "ending in “{}”", _where(_words, _last_mark)),
    Family("word", "with “{}”", _single(_words), repeats=True),
    Family("lemma", "with a form of “{}”", _single(_lemmas), repeats=True),
    Family("tag", "with a {tag}", _single(_tags), repeats=True),
    Family("class", "with a {}", _single(_classes), repeats=True),
    Family("shape", "with {shape}", _several(shapes), repeats=True),
    Family("affix", "with a word in {}", _affixes, repeats=True),
    Family("first_word", "beginning with “{}”", _where(_words, _first)),
    Family("last_word", "whose last word is “{}”", _where(_words, _last_word)),
    Family("first_tag", "beginning with a {tag}", _where(_tags, _first)),
    Family("last_tag", "whose last word is a {tag}", _where(_tags, _last_word)),
    Family("early_word", "with “{}” among the first three words", _where(_words, lambda t: t.places < REACH)),
    Family("late_word", "with “{}” among the last three words", _where(_words, lambda t: _from_end(t) < REACH)),
    Family("words_in_a_row", "with “{} {}”", _pair(_words, _words, 0)),
    Family("word_pair", "with “{} … {}”", _pair(_words, _words, GAP)),
    Family("word_then_tag", "with a form of “{}” and then a {tag}", _pair(_lemmas, _tags, GAP)),
    Family("tag_then_word", "with a {tag} and then a form of “{}”", _pair(_tags, _lemmas, GAP)),
    Family("tag_pair", "with a {tag} and then a {tag} near it", _pair(_tags, _tags, GAP)),
    Family("two_tags", "with a {tag} and a {tag} in a row", _in_a_row(_tags, 2), repeats=True),
    Family("three_tags", "with a {tag}, a {tag} and a {tag} in a row", _in_a_row(_tags, 3)),
    Family("four_tags", "with a {tag}, a {tag}, a {tag} and a {tag} in a row", _in_a_row(_tags, 4)),
    Family("tag_edge", "with a {tag} that a {tag} hangs on", _edges(_tags)),
    Family("lemma_edge", "with “{}” that “{}” hangs on", _edges(_lemmas)),
    Family("metadata", "whose {} is {}", _metadata),
    Family("length", "of {} {} words", _lengths),
    Family("position", "{} the first {} of their documents", _positions),
    *(Family(kind.name, "with {}") for kind in pattern_kinds()),
)
FAMILIES = {family.name: family for family in _EVERY}
FOUND = tuple(family.name for family in _EVERY if family.find)
"""Those that are found in every sentence, whatever was mined."""
