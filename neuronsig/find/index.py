"""The index of a run's signatures, made where it is not there: one SQLite file, from items to patterns to neurons.

    neuron     one row a neuron
    item       the items of patterns, with the number of patterns that hold them
    posting    (item, pattern)
    pattern    its kind and items; its rows are evidence[first .. first + n - 1], strongest LRC first
    evidence   the rows of SIGNATURES that stand out (LRC above 0): to these patterns a neuron responds
    fact       tags of the run, neurons with rows of each kind, rows left out, patterns kept of a kind

Rows are sorted by SQLite on the disk and streamed, so that memory is flat for any number of them. SQLite rather than
sorted Parquet because of the search: measured on 3.2 million rows, a query takes milliseconds and no import, where
pyarrow takes 0.2 s to be imported and then reads whole row groups.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from neuronsig.errors import InputError, MachineError, reason
from neuronsig.find.index_location import identity, index_file
from neuronsig.find.query import SEPARATOR, items_of
from neuronsig.kinds import SUBTREE, kind_of
from neuronsig.miners.brackets import brackets, nodes_of
from neuronsig.neuron import NEURON_COLUMNS
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig.run.exclusive import HeldError, exclusive
from neuronsig.storage.parquet import check_table, parquet_file, table_files
from neuronsig.storage.whole_files import written
from neuronsig.tables import SIGNATURES

BATCH = 16_384
CACHE_KIB = 65_536
"""Memory SQLite uses for pages, and for each of its sorts, before it goes to the disk."""
WAIT = 3600.0
"""Seconds to wait for another process that makes the same index."""
NUMBERS = ("f1", "n1", "f2", "n2", "log_ratio", "lrc", "matched", "q")

SCHEMA = """
CREATE TABLE neuron (id INTEGER PRIMARY KEY, site TEXT, layer INTEGER, unit INTEGER, sign INTEGER);
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, folded TEXT, patterns INTEGER);
CREATE TABLE pattern (id INTEGER PRIMARY KEY, kind TEXT, items TEXT, tree TEXT, first INTEGER, n INTEGER);
CREATE TABLE evidence (id INTEGER PRIMARY KEY, neuron INTEGER, f1 INTEGER, n1 INTEGER, f2 INTEGER, n2 INTEGER,
                       log_ratio REAL, lrc REAL, matched REAL, q REAL);
CREATE TABLE posting (item INTEGER, pattern INTEGER, PRIMARY KEY (item, pattern)) WITHOUT ROWID;
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE raw.row (kind TEXT, pattern TEXT, neuron INTEGER, f1 INTEGER, n1 INTEGER, f2 INTEGER, n2 INTEGER,
                      log_ratio REAL, lrc REAL, matched REAL, q REAL);
CREATE TABLE raw.pair (item INTEGER, pattern INTEGER);
"""


def ensure_index(run: str, model: str) -> Path:
    """The index of the signatures that the run holds now; made, atomically, where there is none.

    Raises InputError for an unknown run or model and for signatures that are not there, not finished or not of the
    run's present lists; MachineError when the index cannot be written.
    """
    directory = RunDirectory.existing(run)
    directory.fingerprint(f"mine/{model}", "find", earlier=True)
    rows = check_table(directory.signatures(model), SIGNATURES)
    stages = directory.record()["stages"]
    name = identity(stages, model)
    if name is None:
        raise InputError(f"find: mine/{model} is being run in run={run}; wait for it")
    kept = directory.mined_with(model).patterns_kept
    file = index_file(run, model, name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(file.parent / f".{model}.lock", WAIT):
            if not file.exists():
                say(f"making the index of {rows:,} signature rows, once")
                with written(file) as temporary:
                    build_index(directory.signatures(model), temporary, kept=kept)
                # Indices of what the run held before; who has one of them open goes on reading it.
                for other in file.parent.glob(f"{model}-{'?' * 16}.sqlite"):
                    if other != file:
                        other.unlink(missing_ok=True)
    except HeldError as held:
        raise MachineError(f"find: {held} has been making {file} for {WAIT:.0f} s; end that process") from None
    except OSError as error:
        raise MachineError(f"find: {file} cannot be written ({reason(error)}); free some space there") from None
    return file


def build_index(signatures: Path, file: Path, kept: int | None = None) -> dict[str, int]:
    """Write the index of a signatures/ table to a local file that does not exist; returns counts.

    `kept` is mining.patterns_kept of these signatures, None: not known. Memory does not grow
    with the rows. Raises InputError when the table is broken.
    """
    check_table(signatures, SIGNATURES)
    scratch = file.with_name(f"{file.name}.raw")
    with closing(sqlite3.connect(file, isolation_level=None)) as base:
        try:
            base.execute("ATTACH ? AS raw", (str(scratch),))
            for name in ("main", "raw"):
                # A file that is not finished is thrown away: nothing needs to be safe before that.
                base.execute(f"PRAGMA {name}.journal_mode = OFF")
                base.execute(f"PRAGMA {name}.synchronous = OFF")
                base.execute(f"PRAGMA {name}.cache_size = -{CACHE_KIB}")
            base.executescript(SCHEMA)
            base.execute("BEGIN")
            reading = _Reading(base, kept)
            for batch in _batches(signatures):
                reading.add(batch)
            counts = reading.finish()
            base.execute("COMMIT")
        finally:
            scratch.unlink(missing_ok=True)
    return counts


def _batches(signatures: Path) -> Iterator[pa.RecordBatch]:
    wanted = [*SIGNATURES.names, "matched", "q"]
    for path in table_files(signatures):
        try:
            source = parquet_file(path)
            have = source.schema_arrow.names
            yield from source.iter_batches(BATCH, columns=[name for name in dict.fromkeys(wanted) if name in have])
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{path} cannot be read ({reason(error)}); delete {signatures} and run neuronsig mine again"
            ) from error


class _Reading:
    """Rows go into the scratch file as they come, and from there, sorted, into the index."""

    def __init__(self, base: sqlite3.Connection, kept: int | None) -> None:
        self.base, self.kept = base, kept
        self.neurons: dict[tuple[Any, ...], int] = {}
        self.kinds: dict[str, set[int]] = {}
        self.tags: set[str] = set()
        self.rows = self.quiet = 0

    def add(self, batch: pa.RecordBatch) -> None:
        columns = batch.to_pydict()
        keys = zip(*(columns[name] for name in NEURON_COLUMNS), strict=True)
        rows: list[tuple[Any, ...]] = []
        numbers = [columns.get(name) or [None] * batch.num_rows for name in NUMBERS]
        for key, kind, pattern, *values in zip(keys, columns["kind"], columns["pattern"], *numbers, strict=True):
            neuron = self.neurons.setdefault(key, len(self.neurons))
            self.kinds.setdefault(kind, set()).add(neuron)
            if kind_of(kind).per_token:
                self.tags.add(pattern[0])
            if values[5] > 0:
                rows.append((kind, SEPARATOR.join(pattern), neuron, *values))
        self.rows += len(rows)
        self.quiet += batch.num_rows - len(rows)
        self.base.executemany(f"INSERT INTO raw.row VALUES ({', '.join('?' * 11)})", rows)

    def finish(self) -> dict[str, int]:
        base = self.base
        base.executemany(
            "INSERT INTO neuron VALUES (?, ?, ?, ?, ?)", [(number, *key) for key, number in self.neurons.items()]
        )
        patterns = self._patterns()
        base.execute("INSERT INTO posting SELECT item, pattern FROM raw.pair ORDER BY item, pattern")
        base.execute("UPDATE item SET patterns = (SELECT count(*) FROM posting WHERE posting.item = item.id)")
        base.execute("CREATE INDEX item_folded ON item (folded)")
        facts = {
            "tags": sorted(self.tags),
            "neurons by kind": {kind: len(of) for kind, of in sorted(self.kinds.items())},
            "rows": self.rows,
            "rows not beyond chance": self.quiet,
            "kept": self.kept,
        }
        base.executemany("INSERT INTO fact VALUES (?, ?)", [(name, json.dumps(value)) for name, value in facts.items()])
        return {"rows": self.rows, "rows not beyond chance": self.quiet, "patterns": patterns}

    def _patterns(self) -> int:
        """Write patterns and evidence in the order of the patterns; returns the number of patterns."""
        base, numbers = self.base, ", ".join(NUMBERS)
        ordered = base.cursor()
        ordered.arraysize = BATCH
        ordered.execute(
            f"SELECT kind, pattern, neuron, {numbers} FROM raw.row ORDER BY kind, pattern, lrc DESC, neuron"
        )
        items: dict[str, int] = {}
        held: tuple[list[Any], list[Any], list[Any]] = [], [], []
        number = first = 0
        for (kind, text), group in groupby(_many(ordered), key=lambda row: row[:2]):
            rows = [row[2:] for row in group]
            tree = brackets(nodes_of(text)) if kind_of(kind).shape == SUBTREE else None
            names = items_of(kind, text.split(SEPARATOR))
            codes = sorted({items.setdefault(name, len(items)) for name in names})
            held[0].append((number, kind, SEPARATOR.join(names), tree, first, len(rows)))
            held[1].extend((first + place, *row) for place, row in enumerate(rows))
            held[2].extend((code, number) for code in codes)
            number, first = number + 1, first + len(rows)
            if len(held[1]) >= BATCH:
                self._write(held)
        self._write(held)
        # The items of patterns are the words, tags and values of the run: as many as a dictionary holds.
        base.executemany("INSERT INTO item VALUES (?, ?, ?, 0)", [(c, n, n.casefold()) for n, c in items.items()])
        return number

    def _write(self, held: Sequence[list[Any]]) -> None:
        self.base.executemany("INSERT INTO pattern VALUES (?, ?, ?, ?, ?, ?)", held[0])
        self.base.executemany(f"INSERT INTO evidence VALUES ({', '.join('?' * 10)})", held[1])
        self.base.executemany("INSERT INTO raw.pair VALUES (?, ?)", held[2])
        for rows in held:
            rows.clear()


def _many(cursor: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany():
        yield from rows
