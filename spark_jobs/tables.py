"""What Spark is given: addresses, schemas, and tables that are written once."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from neuronsig.storage.address import MOUNTS, canonical, mount_of
from neuronsig.storage.parquet import table_parts

_LIKE_A_PATTERN = re.compile(r"[][{}*?\\]")


def uri(path: Path | str) -> str:
    """A path as an address that Spark opens: a local one with its scheme, any other by its own.

    Without a scheme Spark looks in Hadoop's default file system, which on a cluster is not this machine's. `s3://`
    becomes `s3a://`, the name of Hadoop's own connector (hadoop-aws), unless this Spark has one for `s3` (EMR). What
    Databricks mounts as a folder is `dbfs:/` to its Spark.
    """
    text = canonical(str(path))
    if mount := mount_of(text):
        return MOUNTS[mount] + text.removeprefix(mount)
    if "://" not in text:
        return f"file://{Path(text).absolute()}"
    if text.startswith("s3://") and not _knows_s3():
        return "s3a" + text.removeprefix("s3")
    return text


def read_files(
    session: SparkSession, *places: str, schema: StructType | None = None, format: str = "parquet", **options: str
) -> DataFrame:
    """The rows of files and of folders of files, whose names are taken literally: `a[1]*` is no pattern.

    The option is Spark's own, for what it reads to infer a schema (`DataSource.GLOB_PATHS_KEY`). With it, Spark takes
    all of the places for each one that looks like a pattern (3.5.9), so that several such are read one by one. Names
    that are escaped with backslashes would be looked up by Hadoop's globber, which fails on colons.
    """
    reader = session.read.format(format).options(__globPaths__="false", **options)
    reader = reader.schema(schema) if schema else reader
    if len(places) == 1 or not any(_LIKE_A_PATTERN.search(place) for place in places):
        return reader.load(list(places))
    first = reader.load(places[0])
    return _united([first, *(reader.schema(first.schema).load(place) for place in places[1:])])


def _united(frames: Sequence[DataFrame]) -> DataFrame:
    """Halves and halves of them: thousands one after the other would be a plan that is too deep for Spark."""
    if len(frames) == 1:
        return frames[0]
    half = len(frames) // 2
    return _united(frames[:half]).unionByName(_united(frames[half:]))


def table_uris(table: Path) -> list[str]:
    """What Spark is given to read a table: its folder, or its files by name where others lie beside them."""
    files, others = table_parts(table)
    return [uri(file) for file in files] if others else [uri(table)]


def open_table(session: SparkSession, table: Path, schema: pa.Schema) -> DataFrame:
    """The rows of a table. Its columns are given: to learn them Spark would start a job that reads a file's footer."""
    return read_files(session, *table_uris(table), schema=spark_schema(schema))


def write_once(folder: Path, make: Callable[[], DataFrame]) -> str:
    """Write what `make` gives, unless Spark has written the folder to its end already; returns its address."""
    if not (folder / "_SUCCESS").exists():
        make().write.mode("overwrite").parquet(uri(folder))
    return uri(folder)


def _knows_s3() -> bool:
    session = SparkSession.getActiveSession()
    context = getattr(session, "_jsc", None)
    return context is not None and context.hadoopConfiguration().get("fs.s3.impl") is not None


def numbered_tasks(
    session: SparkSession, n: int, task: Callable[[int], Iterable[pa.RecordBatch]], schema: StructType
) -> DataFrame:
    """The rows of `task(number)` for every number below `n`, each a Spark task."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                yield from task(number)

    return session.range(0, n, 1, max(n, 1)).mapInArrow(run, schema)


def spark_schema(fields: Iterable[pa.Field | tuple[str, pa.DataType]]) -> StructType:
    """What Spark calls the columns of an Arrow schema, or of (name, Arrow type) pairs."""
    return from_arrow_schema(pa.schema(fields))
