"""Parquet files and tables of them, of a path or a store, read whole, file by file or by condition.

A *table* is a directory of Parquet files. Files and folders whose name begins with `_` or `.` are no part of it.
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
from neuronsig.storage.files import files_below
from neuronsig.storage.location import is_local, location, store_of
from neuronsig.storage.whole_files import written


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

    Raises InputError when the directory is missing or holds no Parquet file.
    """
    directory = location(directory)
    if not directory.is_dir():
        raise InputError(f"table {directory} does not exist; run the job that makes it first")
    files = [p for p in files_below(directory) if p.name.endswith(".parquet")]
    files = [p for p in files if not any(part.startswith(("_", ".")) for part in p.relative_to(directory).parts)]
    if not files:
        raise InputError(f"table {directory} holds no Parquet file; delete it and run the job that makes it again")
    return files


def check_table(directory: Path | str, schema: pa.Schema) -> int:
    """Check the footer of every file against `schema` and return the number of rows.

    Column order is free and further columns are allowed. Raises InputError that names the file and the
    column that is missing or of another type, or the file that cannot be read as Parquet.
    """
    rows = 0
    for file in table_files(directory):
        try:
            metadata = parquet_file(file).metadata
            found = metadata.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{file} cannot be read as Parquet ({reason(error)}); delete the table and run its job again"
            ) from error
        for field in schema:
            index = found.get_field_index(field.name)
            if index < 0:
                raise InputError(f"{file} has no column {field.name!r}; found {', '.join(found.names)}")
            if not _same_type(found.field(index).type, field.type):
                raise InputError(f"{file} column {field.name!r} is {found.field(index).type}, expected {field.type}")
        rows += metadata.num_rows
    return rows


def read_table(directory: Path | str, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Check and read a table, or some columns of it, as `schema` has them; for what a driver can hold."""
    check_table(directory, schema)
    return read_rows(directory, schema, schema.names if columns is None else columns)


def read_rows(
    place: Path | str, schema: pa.Schema, columns: Sequence[str], condition: ds.Expression | None = None
) -> pa.Table:
    """Rows of a table, or of one of its files, that fulfil a condition; nothing else is held. Errors as `scan`."""
    wanted = pa.schema([schema.field(name) for name in columns])
    return pa.Table.from_batches(scan(place, schema, columns, condition), wanted)


def scan(
    place: Path | str, schema: pa.Schema, columns: Sequence[str], condition: ds.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of a table, or of one of its files, in its order, as `schema` has them, batch by batch.

    Row groups that cannot fulfil the condition are not read. Raises InputError for what cannot be read; that columns
    are there and of their types is for `check_table` to say.
    """
    place = location(place)
    files = table_files(place) if place.is_dir() else [place]
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
