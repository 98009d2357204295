"""A shard's files in memory: its tokenized text, and the lists of its best sentences, or of several shards' merged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.collection.job import Group
from neuronsig.collection.shards import Shard
from neuronsig.collection.topk import Keys, dense
from neuronsig.errors import InputError
from neuronsig.ragged import offsets_of
from neuronsig.storage.files import read_bytes
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file


@dataclass(frozen=True)
class ShardText:
    """A shard in memory: ids (n,), offsets (n + 1,) and token ids end to end, sorted by length."""

    sentence_ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int32]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each sentence, (n,)."""
        return np.diff(self.offsets)

    def take(self, places: npt.NDArray[np.int64]) -> ShardText:
        """Some of its sentences, in the order of `places`."""
        lengths = self.lengths[places]
        offsets = offsets_of(lengths)
        tokens = np.repeat(self.offsets[places] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return ShardText(self.sentence_ids[places], offsets, self.tokens[tokens])


def read_shard(folder: Path, shard: Shard) -> ShardText:
    """Read a tokenized shard; raises InputError when the file is not the one that plan.json names."""
    file = folder / shard.file
    remedy = "delete that file and run neuronsig tokenize again"
    try:
        content = read_bytes(file)
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise InputError(f"{file} is not the file that plan.json names (its checksum differs); {remedy}")
        table = pq.read_table(pa.BufferReader(content)).combine_chunks()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file} cannot be read ({error}); {remedy}") from None
    lists = table["input_ids"].chunk(0) if table.num_rows else pa.array([], pa.list_(pa.int32()))
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return ShardText(table["sentence_id"].to_numpy(), offsets, lists.values.to_numpy())


# One row a neuron, with the lowest score of all sentences, listed or not; one row group for each group of units, so
# that a reducer reads one group of many files.
SHARD_TOPK = pa.schema([("layer", pa.int16()), ("lowest", pa.float32()), ("keys", pa.large_list(pa.uint64()))])


def keys_writer(path: Path) -> pq.ParquetWriter:
    """A writer of SHARD_TOPK files. Split by bytes, sorted keys take two thirds of the room, a quarter of the time."""
    split = {"keys.list.element": "BYTE_STREAM_SPLIT"}
    return pq.ParquetWriter(path, SHARD_TOPK, compression="zstd", use_dictionary=False, column_encoding=split)


def keys_table(group: Group, keys: Keys, offsets: npt.NDArray[np.int64], lowest: npt.NDArray[np.float32]) -> pa.Table:
    """The SHARD_TOPK rows of one group, from its neurons' keys end to end and their lowest scores."""
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(keys))
    layer = pa.array(np.full(len(offsets) - 1, group.layer, np.int16))
    return pa.table([layer, pa.array(lowest), lists], schema=SHARD_TOPK)


def read_keys(file: str, position: int) -> Keys:
    """One group's lists of a shard or node file: (rows, longest list), rows ending in EMPTY."""
    return keys_of(parquet_file(location(file)), position)


def keys_of(file: pq.ParquetFile, position: int) -> Keys:
    """The same of a file that is open."""
    column = file.read_row_group(position, ["keys"], use_threads=False)["keys"]
    lists = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return dense(lists.values.to_numpy(), lists.offsets.to_numpy())


def read_lowest(file: str, position: int) -> npt.NDArray[np.float32]:
    """The lowest score of each neuron of one group, in a shard or the shards of a node: (rows,).

    NaN where an earlier version, which did not keep it, has written the file.
    """
    opened = parquet_file(location(file))
    if "lowest" not in opened.schema_arrow.names:
        return np.full(opened.metadata.row_group(position).num_rows, np.nan, np.float32)
    return np.asarray(opened.read_row_group(position, ["lowest"], use_threads=False)["lowest"].to_numpy())
