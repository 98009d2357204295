"""Neurons mined in batches, each committed once: what a killed job had finished is not mined again.

A batch is a folder of Spark's, written with its `_SUCCESS`, and then a marker beside it that lists its neurons. Which
neurons make a batch may change from one command to the next (other neurons are asked for): a neuron is mined when a
marker lists it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.mining.pattern_rows import PATTERNS
from neuronsig.neuron import Neuron
from neuronsig.progress import task
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.files import read_bytes, remove
from neuronsig.storage.whole_files import atomic_write
from spark_jobs.paths import uri
from spark_jobs.schemas import spark_schema

CODES = pa.schema([("neuron", pa.int64())])


def mine_batches(
    folder: Path, neurons: Sequence[int], size: int, mine: Callable[[list[int], Path], None]
) -> dict[str, int]:
    """Call `mine(codes, table folder)` for batches of the neurons that no marker in `folder` lists yet."""
    done = finished(folder)
    missing = [code for code in neurons if code not in done]
    with task("mining patterns", len(neurons), "neurons") as progress:
        progress.advance(len(neurons) - len(missing))
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            name = fingerprint_of(batch)
            remove(folder / name)
            mine(batch, folder / name)
            atomic_write(folder / f"{name}.json", json.dumps(batch).encode())
            progress.advance(len(batch), f"to {Neuron.of_code(batch[-1])}")
    return {"mined now": len(missing), "mined before": len(neurons) - len(missing)}


def finished(folder: Path) -> dict[int, Path]:
    """Neuron -> the table it is in."""
    found: dict[int, Path] = {}
    for marker in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        found |= dict.fromkeys(json.loads(read_bytes(marker)), marker.with_suffix(""))
    return found


def read_patterns(session: SparkSession, folder: Path, neurons: Sequence[int]) -> DataFrame:
    """The rows of PATTERNS of these neurons, all of which are mined."""
    done = finished(folder)
    tables = {done[code] for code in neurons}
    rows = session.read.schema(spark_schema(PATTERNS)).parquet(*[uri(table) for table in sorted(tables, key=str)])
    others = any(table in tables for code, table in done.items() if code not in set(neurons))
    if not others:
        return rows
    wanted = session.createDataFrame([(code,) for code in neurons], spark_schema(CODES))
    return rows.join(F.broadcast(wanted), "neuron", how="left_semi")
