"""Parquet files and tables of them, of a path or a store, read whole, file by file or by condition.

A *table* is a directory of Parquet files. Files and folders whose name begins with `_` or `.` are no part of it, nor,
of a table that is written in batches, what no manifest names (neuronsig.storage.manifests).
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from neuronsig.errors import InputError, reason
from neuronsig.storage.files import concurrently, files_below
from neuronsig.storage.location import is_local, location, store_of
from neuronsig.storage.manifests import named_files
from neuronsig.storage.whole_files import written

_LARGEST = 2**63 - 1


def parquet_file(path: Path) -> pq.ParquetFile:
    """A Parquet file to be read by row group; of a store's, only the row groups and columns asked for are fetched."""
    if is_local(path):
        return pq.ParquetFile(path)
    store, name = store_of(path)
    # Parquet knows which bytes it needs: they are asked for together, and no reading ahead is wanted.
    return pq.ParquetFile(store.open(name, "rb", cache_type="none"), pre_buffer=True)


def parquet_source(files: Sequence[Path]) -> dict[str, Any]:
    """Names and file system of Parquet files of one store, as pyarrow's readers take them."""
    if is_local(files[0]):
        return {"source": [str(path) for path in files], "filesystem": None}
    return {"source": [store_of(path)[1] for path in files], "filesystem": store_of(files[0])[0]}


def read_parquet(place: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole Parquet file, or a folder of them (names that begin with `_` or `.` are left out), without partitions."""
    files = [place]
    if place.is_dir():
        files = [p for p in files_below(place) if p.name.endswith(".parquet") and not p.name.startswith(("_", "."))]
    return pq.read_table(**parquet_source(files), columns=None if columns is None else list(columns), partitioning=None)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a Parquet file, whole or not at all."""
    with written(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a CSV file, whole or not at all."""
    with written(path) as temporary:
        pyarrow.csv.write_csv(table, temporary)


def table_files(directory: Path | str) -> list[Path]:
    """The Parquet files of a table directory, sorted by name; temporary and marker files are left out.

    Raises InputError when the directory is missing, holds no Parquet file, or has lost one that a manifest names.
    """
    return table_parts(directory)[0]


def table_parts(directory: Path | str) -> tuple[list[Path], list[Path]]:
    """`table_files`, and the other Parquet files there, which no manifest names: a reader must pass them by."""
    directory = location(directory)
    below = files_below(directory)
    if not below and not directory.is_dir():
        raise InputError(f"table {directory} does not exist; run the job that makes it first")
    files = [p for p in below if p.name.endswith(".parquet")]
    files = [p for p in files if not any(part.startswith(("_", ".")) for part in p.relative_to(directory).parts)]
    named = named_files(directory, below)
    others: list[Path] = []
    if named is not None:
        others = [file for file in files if file.name not in named]
        files = [file for file in files if file.name in named]
        if lost := named - {file.name for file in files}:
            raise InputError(f"table {directory} has lost {min(lost)}; restore it, or run the job that makes it again")
    if not files:
        raise InputError(f"table {directory} holds no Parquet file; delete it and run the job that makes it again")
    return files, others


def check_table(directory: Path | str, schema: pa.Schema) -> int:
    """Check the footer of every file against `schema` and return the number of rows.

    Column order is free and further columns are allowed. Raises InputError that names the file and the
    column that is missing or of another type, or the file that cannot be read as Parquet.
    """

    def rows_of(file: Path) -> int:
        metadata = _footer(file)
        found = metadata.schema.to_arrow_schema()
        for field in schema:
            index = found.get_field_index(field.name)
            if index < 0:
                raise InputError(f"{file} has no column {field.name!r}; found {', '.join(found.names)}")
            if not _same_type(found.field(index).type, field.type):
                raise InputError(f"{file} column {field.name!r} is {found.field(index).type}, expected {field.type}")
        return int(metadata.num_rows)

    return sum(concurrently(rows_of, table_files(directory)))


def id_bounds(files: Sequence[Path]) -> list[tuple[int, int] | None]:
    """Bounds of each file's `sentence_id`, from its footer: least and greatest, where it tells; None without a row."""

    def bounds(file: Path) -> tuple[int, int] | None:
        metadata = _footer(file)
        place = metadata.schema.names.index("sentence_id")
        groups = [metadata.row_group(index).column(place) for index in range(metadata.num_row_groups)]
        found = [group.statistics for group in groups if group.num_values]
        if not all(one is not None and one.has_min_max for one in found):
            return 0, _LARGEST
        return (min(one.min for one in found), max(one.max for one in found)) if found else None

    return concurrently(bounds, files)


def _footer(file: Path) -> pq.FileMetaData:
    try:
        return parquet_file(file).metadata
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file} cannot be read as Parquet ({reason(error)}); delete the table and run its job again"
        ) from error


def _files_at(place: Path) -> list[Path]:
    """The files of a table, or the file itself: its name tells which it is, and no request is made."""
    return [place] if place.suffix == ".parquet" else table_files(place)


def read_table(directory: Path | str, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Check and read a table, or some columns of it, as `schema` has them; for what a driver can hold."""
    check_table(directory, schema)
    return read_rows(directory, schema, schema.names if columns is None else columns)


def read_rows(
    place: Path | str, schema: pa.Schema, columns: Sequence[str], condition: ds.Expression | None = None
) -> pa.Table:
    """Rows of a table, or of one of its files, that fulfil a condition; nothing else is held. Errors as `scan`.

    Files of a table are looked into several at once.
    """
    wanted = pa.schema([schema.field(name) for name in columns])

    def rows_of(file: Path) -> pa.Table:
        return pa.Table.from_batches(scan(file, schema, columns, condition), wanted)

    return pa.concat_tables(concurrently(rows_of, _files_at(location(place))))


def scan(
    place: Path | str, schema: pa.Schema, columns: Sequence[str], condition: ds.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of a table, or of one of its files, in its order, as `schema` has them, batch by batch.

    Row groups that cannot fulfil the condition are not read. Raises InputError for what cannot be read; that columns
    are there and of their types is for `check_table` to say.
    """
    place = location(place)
    files = _files_at(place)
    try:
        dataset = ds.dataset(**parquet_source(files), schema=schema, format="parquet")
        yield from dataset.to_batches(
            columns=list(columns), filter=condition, batch_readahead=2, fragment_readahead=1, use_threads=True
        )
    except (pa.ArrowException, OSError) as error:
        line = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(f"{place} cannot be read ({line}); delete it and run the job that makes it again") from error


def _same_type(found: pa.DataType, expected: pa.DataType) -> bool:
    """Equal but for the names of nested fields (`element`, `item`) and large/small offsets."""
    if pa.types.is_map(expected):
        return (
            pa.types.is_map(found)
            and _same_type(found.key_type, expected.key_type)
            and _same_type(found.item_type, expected.item_type)
        )
    if pa.types.is_list(expected):
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return is_list and _same_type(found.value_type, expected.value_type)
    if pa.types.is_struct(expected):
        names = [field.name for field in expected]
        return (
            pa.types.is_struct(found)
            and [field.name for field in found] == names
            and all(_same_type(found.field(name).type, expected.field(name).type) for name in names)
        )
    if pa.types.is_string(expected):
        return pa.types.is_string(found) or pa.types.is_large_string(found)
    return bool(found.equals(expected))
