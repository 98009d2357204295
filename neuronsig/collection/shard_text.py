"""A tokenized shard in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.collection.shards import Shard
from neuronsig.errors import InputError
from neuronsig.storage.files import read_bytes


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
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
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
