"""A query answered from the index: the neurons that respond, ranked, and how many in each layer."""

import difflib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuronsig.errors import ConfigError, InputError
from neuronsig.find.query import CLASSES, LABEL, SEPARATOR, TAG, VALUE, WORD, Query, parse, shown
from neuronsig.kinds import ITEM, KINDS, SEQUENCE, SET, SUBTREE, kind_of, pattern_kinds
from neuronsig.miners.brackets import brackets, nodes_of
from neuronsig.miners.containment import has_subtree, in_order
from neuronsig.neuron import Neuron
from neuronsig.signature.view import reference, share

NAMES = {WORD: "word", TAG: "tag", VALUE: "metadata value", LABEL: "label of a tree"}


@dataclass(frozen=True)
class Hit:
    """One neuron's strongest pattern that is the query (`exact`) or contains it, with its counts.

    f1 of n1 of the neuron's sentences (tokens for kind `pos`), f2 of n2 in the reference; `matched` is the share of
    the matched reference and `q` the false-discovery rate, None where mining gave none.
    """

    neuron: Neuron
    exact: bool
    kind: str
    pattern: str
    f1: int
    n1: int
    f2: int
    n2: int
    log_ratio: float
    lrc: float
    matched: float | None
    q: float | None

    @property
    def share(self) -> float:
        """Relative frequency with the neuron, 0 to 1."""
        return share(self.f1, self.n1)

    @property
    def reference(self) -> float | None:
        """Relative frequency in the reference, matched where there is one; None without a reference."""
        return reference(self.f2, self.n2, self.matched)


@dataclass(frozen=True)
class PartsHit:
    """A neuron that has every part of the query beyond chance, each by itself: `shares` of its sentences (of its words
    for tags), in the order of the query; `lrc` is the parts' sum."""

    neuron: Neuron
    shares: tuple[float, ...]
    lrc: float


@dataclass(frozen=True)
class LayerCount:
    """Neurons of one site and layer that respond, those to the pattern itself, and all of them."""

    site: str
    layer: int
    responding: int
    exact: int
    neurons: int


@dataclass(frozen=True)
class Answer:
    """`hits`: the first ones; `neurons`: all that respond; `notes`: what a reader must know of the answer.

    `parts`: the first neurons with every part of a query that no signature holds as a whole; `with_parts`: all of them.
    """

    query: Query
    hits: tuple[Hit, ...]
    neurons: int
    exact: int
    layers: tuple[LayerCount, ...]
    notes: tuple[str, ...]
    parts: tuple[PartsHit, ...] = ()
    with_parts: int = 0


def search(index: Path, text: str, shown_hits: int = 20) -> Answer:
    """Answer a pattern: neurons with the pattern itself before those with one that contains it, each by LRC.

    `shown_hits` = 0 gives all. Raises ConfigError for a malformed pattern, and for a word, tag, value or label to
    which no neuron responds; InputError when the index cannot be read.
    """
    with _opened(index) as base:
        base.execute("PRAGMA temp_store = MEMORY")
        facts = {name: json.loads(value) for name, value in base.execute("SELECT name, value FROM fact")}
        query = parse(text, frozenset(facts["tags"]))
        codes = [_item(base, query, item, facts["kept"]) for item in dict.fromkeys(query.items)]
        _choose(base, query, codes)
        answer = _answer(base, query, facts, shown_hits)
        if answer.neurons or query.form == SUBTREE or len(codes) < 2:
            return answer
        parts = _by_parts(base, [(number, name) for number, name, _ in codes])
        return replace(answer, parts=tuple(parts[: shown_hits or None]), with_parts=len(parts))


def metadata_fields(index: Path) -> list[str]:
    """The metadata fields that tell some neuron from the corpus; InputError when the index cannot be read."""
    with _opened(index) as base:
        return _fields(base)


@contextmanager
def _opened(index: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            yield base
    except sqlite3.DatabaseError as error:
        raise InputError(f"{index} cannot be read ({error}); delete it: the next search makes it again") from None


def _fields(base: sqlite3.Connection) -> list[str]:
    found = base.execute("SELECT DISTINCT substr(name, 3, instr(name, '=') - 3) FROM item WHERE name GLOB 'm:*'")
    return sorted(row[0] for row in found)


def _item(base: sqlite3.Connection, query: Query, item: str, kept: int | None) -> tuple[int, str, int]:
    """(number, name, patterns) of an item, as it is written or in other capitals; ConfigError when there is none."""
    columns = "SELECT id, name, patterns FROM item WHERE "
    found = base.execute(columns + "name = ?", (item,)).fetchone()
    found = found or base.execute(columns + "folded = ? ORDER BY name LIMIT 1", (item.casefold(),)).fetchone()
    if found:
        return found  # type: ignore[no-any-return]
    of, name = item[:2], shown(item)
    beginning = f"{VALUE}{name.partition('=')[0]}=" if of == VALUE else f"{of}{name[:1]}"
    where = "name >= ? AND name < ? ORDER BY patterns DESC LIMIT 5000"
    names = [
        row[0] for row in base.execute(f"SELECT name FROM item WHERE {where}", (beginning, beginning + "\U0010ffff"))
    ]
    if of == VALUE and not names:
        known = ", ".join(_fields(base)) or "none"
        raise ConfigError(
            f"pattern {query.text!r}: no metadata field {name.partition('=')[0]!r} tells any neuron from the corpus; "
            f"fields that do: {known} (word:{name} looks for it as a word; keys of the job are in --help)"
        )
    near = difflib.get_close_matches(item, names, n=3, cutoff=0.7) or (names[:5] if of == VALUE else [])
    hint = f"; near it: {', '.join(map(shown, near))}" if near else ""
    raise ConfigError(
        f"pattern {query.text!r}: the {NAMES[of]} {name!r} is in no signature beyond chance, neither alone nor in "
        f"one of {_strongest(kept)} patterns of a kind{hint}"
    )


def _strongest(kept: int | None) -> str:
    """What of a kind's patterns a signature keeps (neuronsig.mining.pattern_keyness)."""
    return "each neuron's strongest" + ("" if kept is None else f" {kept}")


def _choose(base: sqlite3.Connection, query: Query, codes: Sequence[tuple[int, str, int]]) -> None:
    """Put the patterns that are the query (level 0) or contain it (level 1) into the table `chosen`."""
    base.execute("CREATE TEMP TABLE chosen (pattern INTEGER PRIMARY KEY, level INTEGER)")
    names = {item: name for item, (_, name, _) in zip(dict.fromkeys(query.items), codes, strict=True)}
    wanted = tuple(names[item] for item in query.items)
    rarest = sorted(codes, key=lambda code: code[2])
    if query.form == SEQUENCE and len(rarest) == 1 and len(wanted) == 1:
        base.execute(
            "INSERT INTO chosen SELECT id, items <> ? FROM posting JOIN pattern ON pattern = id WHERE item = ?",
            (wanted[0], rarest[0][0]),
        )
        return
    also = "".join(" AND EXISTS (SELECT 1 FROM posting o WHERE o.item = ? AND o.pattern = p.id)" for _ in rarest[1:])
    rows = base.execute(
        f"SELECT p.id, p.kind, p.items, p.tree FROM posting JOIN pattern p ON p.id = pattern WHERE item = ?{also}",
        [code for code, _, _ in rarest],
    )
    levels = ((number, _level(query, wanted, kind, items, tree)) for number, kind, items, tree in rows)
    base.executemany("INSERT INTO chosen VALUES (?, ?)", [row for row in levels if row[1] is not None])


def _level(query: Query, wanted: tuple[str, ...], kind: str, items: str, tree: str | None) -> int | None:
    """0: the pattern is the query; 1: it contains it; None: neither."""
    if query.form == SUBTREE:
        if tree is None:
            return None
        nodes = [(depth, shown(name)) for (depth, _), name in zip(query.nodes, wanted, strict=True)]
        return 0 if tree == brackets(nodes) else 1 if has_subtree(nodes_of(tree), nodes) else None
    held = tuple(items.split(SEPARATOR))
    shape = kind_of(kind).shape
    if query.form == SET:
        return int(set(held) != set(wanted)) if shape == SET else None
    return int(held != wanted) if shape in (ITEM, SEQUENCE) and in_order(held, wanted) else None


def _answer(base: sqlite3.Connection, query: Query, facts: dict[str, Any], shown_hits: int) -> Answer:
    best: dict[int, tuple[int, float, int, int]] = {}
    # SQLite gives the other columns of the row that has the maximum.
    for neuron, level, lrc, row, pattern in base.execute(
        "SELECT e.neuron, c.level, max(e.lrc), e.id, p.id FROM chosen c JOIN pattern p ON p.id = c.pattern "
        "JOIN evidence e ON e.id BETWEEN p.first AND p.first + p.n - 1 GROUP BY e.neuron, c.level"
    ):
        best[neuron] = min(best.get(neuron, (2, 0.0, 0, 0)), (level, -lrc, row, pattern))
    names = _neurons(base)
    order = sorted(best.items(), key=lambda entry: (*entry[1][:2], names[entry[0]]))
    hits = [_hit(base, names[neuron], *found) for neuron, found in order[: shown_hits or None]]
    return Answer(
        query,
        tuple(hits),
        len(best),
        sum(level == 0 for level, *_ in best.values()),
        _layers(names, best),
        tuple(_notes(query, facts, bool(best), len(names))),
    )


def _by_parts(base: sqlite3.Connection, items: Sequence[tuple[int, str]]) -> list[PartsHit]:
    """The neurons that have each of the items alone beyond chance, the largest sum of LRC first."""
    single = [kind.name for kind in KINDS.values() if not kind.mined]
    rows = [
        {
            neuron: (share(f1, n1), lrc)
            for neuron, f1, n1, lrc in base.execute(
                "SELECT e.neuron, e.f1, e.n1, e.lrc FROM posting JOIN pattern p ON p.id = pattern "
                "JOIN evidence e ON e.id BETWEEN p.first AND p.first + p.n - 1 "
                f"WHERE item = ? AND p.items = ? AND p.kind IN ({', '.join('?' * len(single))})",
                [*item, *single],
            )
        }
        for item in items
    ]
    names = _neurons(base)
    found = [
        PartsHit(names[neuron], tuple(row[neuron][0] for row in rows), sum(row[neuron][1] for row in rows))
        for neuron in set(rows[0]).intersection(*rows[1:])
    ]
    return sorted(found, key=lambda hit: (-hit.lrc, hit.neuron))


def _hit(base: sqlite3.Connection, neuron: Neuron, level: int, _: float, row: int, pattern: int) -> Hit:
    kind, items, tree = base.execute("SELECT kind, items, tree FROM pattern WHERE id = ?", (pattern,)).fetchone()
    numbers = "f1, n1, f2, n2, log_ratio, lrc, matched, q"
    counts = base.execute(f"SELECT {numbers} FROM evidence WHERE id = ?", (row,)).fetchone()
    return Hit(neuron, level == 0, kind, tree or kind_of(kind).joint.join(map(shown, items.split(SEPARATOR))), *counts)


def _neurons(base: sqlite3.Connection) -> dict[int, Neuron]:
    return {row[0]: Neuron(*row[1:]) for row in base.execute("SELECT id, site, layer, unit, sign FROM neuron")}


def _layers(names: dict[int, Neuron], best: dict[int, tuple[int, float, int, int]]) -> tuple[LayerCount, ...]:
    counted: dict[tuple[str, int], list[int]] = {}
    for number, neuron in names.items():
        row = counted.setdefault((neuron.site, neuron.layer), [0, 0, 0])
        row[0] += number in best
        row[1] += number in best and best[number][0] == 0
        row[2] += 1
    return tuple(LayerCount(*key, *row) for key, row in sorted(counted.items()))


def _answering(query: Query) -> str | None:
    """The kind of pattern that a query of several parts is answered from; None for one of a single item."""
    if query.form == SEQUENCE and len(query.items) == 1:
        return None
    held = {item[:2] for item in query.items}
    kinds = [kind for kind in pattern_kinds() if kind.shape == query.form]
    return next(k.name for k in kinds if k.shape != SEQUENCE or {CLASSES[layer] for layer in k.layers} == held)


def _notes(query: Query, facts: dict[str, Any], found: bool, neurons: int) -> list[str]:
    """Whether the kind of pattern that could answer was mined for some of the neurons only, or not at all."""
    kind = _answering(query)
    if kind is None:
        return []
    name, of = kind.replace("_", " ") + "s", facts["neurons by kind"].get(kind, 0)
    if of == 0:
        return [f"no neuron has {name}: neuronsig mine mines them"]
    notes = []
    if of < neurons:
        notes.append(f"{name} were found for {of:,} of {neurons:,} neurons: the others may respond unseen")
    if len(query.items) > 1 and not found:
        among = _strongest(facts["kept"])
        notes.append(
            f"every part is in some signature, but not all of them in one of the {name} among {among} "
            "(mining.patterns_kept)"
        )
    return notes
