"""Files of a shard's lists, and of those of several shards merged: every neuron's keys, in groups of units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.collection.job import Group
from neuronsig.collection.topk import Keys, dense
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file

# One row a neuron; one row group for each group of units, so that a reducer reads one group of many files.
SHARD_TOPK = pa.schema([("layer", pa.int16()), ("keys", pa.large_list(pa.uint64()))])


def keys_writer(path: Path) -> pq.ParquetWriter:
    """A writer of SHARD_TOPK files. Split by bytes, sorted keys take two thirds of the room, a quarter of the time."""
    split = {"keys.list.element": "BYTE_STREAM_SPLIT"}
    return pq.ParquetWriter(path, SHARD_TOPK, compression="zstd", use_dictionary=False, column_encoding=split)


def keys_table(group: Group, keys: Keys, offsets: npt.NDArray[np.int64]) -> pa.Table:
    """The SHARD_TOPK rows of one group, from its neurons' keys end to end."""
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(keys))
    return pa.table([pa.array(np.full(len(offsets) - 1, group.layer, np.int16)), lists], schema=SHARD_TOPK)


def read_keys(file: str, position: int) -> Keys:
    """One group's lists of a shard or node file: (rows, longest list), rows ending in EMPTY."""
    return keys_of(parquet_file(location(file)), position)


def keys_of(file: pq.ParquetFile, position: int) -> Keys:
    """The same of a file that is open."""
    column = file.read_row_group(position, ["keys"], use_threads=False)["keys"]
    lists = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return dense(lists.values.to_numpy(), lists.offsets.to_numpy())
