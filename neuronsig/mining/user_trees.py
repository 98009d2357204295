"""Trees that a user brings, from a parser of his own (P2 step 3): a table of `sentence_id` and bracketed `tree`.

The table is Parquet or JSON Lines (`.gz`, `.bz2`, `.xz`, `.zst` too): a file or a folder, local or at a URI. A sentence
whose tree is null or empty, or that has no row, is a sentence without a tree.
"""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.corpora.files import READ_ERRORS, SourceFile, Unit, lines_of, open_file, split_lines
from neuronsig.corpora.plan import STRETCH
from neuronsig.corpora.rows import is_jsonl, is_parquet, split_row_groups
from neuronsig.errors import InputError, printable, reason
from neuronsig.miners.brackets import parse_tree
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.files import file_digest, files_below, size_and_tag
from neuronsig.storage.location import absolute, check_scheme, location

KEY = "mining.trees"
ID, TREE = "sentence_id", "tree"
PARSED = pa.schema(
    [
        (ID, pa.int64()),
        ("nodes", pa.list_(pa.string())),  # labels in preorder; none: no tree
        ("heads", pa.list_(pa.int32())),  # 1-based places in `nodes`; 0: the root
        ("error", pa.string()),  # what is wrong with the row; null: nothing
    ]
)
_ROWS = 1024
_IDS = range(-(1 << 63), 1 << 63)
_HALVES = re.compile("[\ud800-\udfff]")
_Row = tuple[int | None, str | None, str | None]
"""Id, tree, and what is wrong."""


def tree_units(path: str) -> list[Unit]:
    """The table in stretches, each to be read by one task.

    Raises InputError when it does not exist, holds no file of the two formats, cannot be read, or lacks a column.
    """
    units = []
    for file, name in _files(path):
        unit = Unit(absolute(file), name, size_and_tag(file)[0])
        try:
            if is_parquet(name):
                _check_columns(unit)
                units += split_row_groups(unit, STRETCH)
            else:
                _check_first_line(unit)
                units += split_lines(unit, STRETCH)
        except READ_ERRORS as error:
            raise InputError(f"{KEY}: {unit.path} cannot be read ({reason(error)}); make it again") from None
    return units


def trees_fingerprint(path: str) -> str:
    """Of the contents of the table's files, whatever their names; on a store by its checksums or version tags."""
    return fingerprint_of(sorted(size_and_tag(file)[1] or file_digest(file) for file, _ in _files(path)))


def parsed_trees(unit: Unit, words: bool) -> Iterator[pa.RecordBatch]:
    """The rows of PARSED of a stretch; with `words` the leaves are nodes too, in lower case.

    Rows that are wrong in themselves say so in `error`.
    """
    for part in _rows(unit):
        rows = [_parsed(*row, words) for row in part]
        columns = zip(*rows, strict=True) if rows else ([] for _ in PARSED)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, PARSED, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=PARSED)


def _parsed(
    sentence_id: int | None, tree: str | None, error: str | None, words: bool
) -> tuple[int | None, list[str], list[int], str | None]:
    if error or not tree or not tree.strip():
        return sentence_id, [], [], error and printable(error)
    try:
        return sentence_id, *parse_tree(tree, words, lower=True), None
    except InputError as wrong:
        return sentence_id, [], [], f"{ID} {sentence_id}: {wrong}"


def _rows(unit: Unit) -> Iterator[list[_Row]]:
    try:
        yield from _parquet_rows(unit) if is_parquet(unit.name) else _json_rows(unit)
    except READ_ERRORS as error:
        yield [(None, None, f"{unit.path} cannot be read ({reason(error)}); make it again")]


def _files(path: str) -> list[tuple[Path, str]]:
    check_scheme(path, KEY)
    place = location(path)
    try:
        if not place.exists():
            raise InputError(f"{KEY}={path} does not exist; give the table of your trees ({ID}, {TREE})")
        found = [(place, place.name)] if place.is_file() else _below(place)
    except InputError:
        raise
    except Exception as error:  # a store's package raises errors of its own
        raise InputError(f"{KEY}={path} cannot be read ({reason(error)}); check the address and the keys") from None
    found = [(file, name) for file, name in found if is_parquet(name) or is_jsonl(name)]
    if not found:
        raise InputError(f"{KEY}={path}: no file ends in .parquet or .jsonl; give a table of {ID} and {TREE}")
    return found


def _below(folder: Path) -> list[tuple[Path, str]]:
    named = [(file, file.relative_to(folder)) for file in files_below(folder)]
    return [(file, str(name)) for file, name in named if not any(part.startswith((".", "_")) for part in name.parts)]


def _check_columns(unit: Unit) -> None:
    with open_file(unit.path) as stream, pq.ParquetFile(stream) as table:
        schema = table.schema_arrow
    for name, fits, what in (
        (ID, pa.types.is_integer, "whole numbers"),
        (TREE, lambda of: pa.types.is_string(of) or pa.types.is_large_string(of), "strings"),
    ):
        if name not in schema.names:
            raise InputError(f"{KEY}: {unit.path} has no column {name!r}; found {', '.join(schema.names)}")
        if not fits(schema.field(name).type):
            raise InputError(f"{KEY}: {unit.path} column {name!r} is {schema.field(name).type}, expected {what}")


def _check_first_line(unit: Unit) -> None:
    line = next((line for line in lines_of(SourceFile.of(unit)) if line.strip()), b"")
    if line and (error := _row(line)[2]):
        raise InputError(f"{KEY}: {unit.path}, line 1: {error}")


def _parquet_rows(unit: Unit) -> Iterator[list[_Row]]:
    with open_file(unit.path) as stream, pq.ParquetFile(stream) as table:
        groups = list(range(unit.start, unit.end or table.num_row_groups))
        for batch in table.iter_batches(_ROWS, row_groups=groups, columns=[ID, TREE]):
            ids = batch.column(ID).cast(pa.int64()).to_pylist()
            error = f"{unit.name}: a row has no {ID}"
            rows = zip(ids, batch.column(TREE).to_pylist(), strict=True)
            yield [(i, tree, error if i is None else None) for i, tree in rows]


def _json_rows(unit: Unit) -> Iterator[list[_Row]]:
    after = f" after byte {unit.start:,}" if unit.start else ""
    lines = enumerate(lines_of(SourceFile.of(unit)), 1)
    filled = ((number, line) for number, line in lines if line.strip())
    while part := list(itertools.islice(filled, _ROWS)):
        rows = [(number, *_row(line)) for number, line in part]
        yield [(i, tree, error and f"{unit.name}, line {n}{after}: {error}") for n, i, tree, error in rows]


def _row(line: bytes) -> _Row:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None, None, "no JSON"
    if not isinstance(row, dict):
        return None, None, "no JSON object"
    for name in (ID, TREE):
        if name not in row:
            return None, None, f"no {name!r}; found {', '.join(row)}"
    sentence_id, tree = row[ID], row[TREE]
    if not isinstance(sentence_id, int) or isinstance(sentence_id, bool) or sentence_id not in _IDS:
        return None, None, f"{ID!r} is {repr(sentence_id)[:40]}, expected a whole number of 64 bits"
    if tree is not None and not isinstance(tree, str):
        return sentence_id, None, f"{TREE!r} is no string"
    if tree and (half := _HALVES.search(tree)):
        return sentence_id, None, f"{TREE!r} has half a character, {half[0]!r}, as its character {half.start() + 1}"
    return sentence_id, tree, None
