"""The tokens' own activations in some sentences, for those neurons alone that list the sentence.

The trunk is the collection's, and so are the places where it is read; only what is asked for leaves the forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from neuronsig.collection.job import Job
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file
from neuronsig_ray.collect.process_memory import keep_few_kernels
from neuronsig_ray.model.inference import InspectedModel

SCHEMA = pa.schema([("row", pa.int32()), ("sentence_id", pa.int64()), ("activations", pa.list_(pa.float32()))])
SUMS, TOKENS = b"sums", b"tokens"


@dataclass(frozen=True)
class Pairs:
    """Sentences of a chunk as token ids, and which neurons list which of them."""

    index: int
    sentence_ids: npt.NDArray[np.int64]  # (n,) ascending in length
    offsets: npt.NDArray[np.int64]  # (n + 1,) of the tokens
    tokens: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]  # (pairs,) neuron's row of the job
    sentences: npt.NDArray[np.int64]  # (pairs,) place in sentence_ids, ascending


class TokenModel(InspectedModel):
    """An inspected model that hands over the activations of chosen tokens instead of pooling them."""

    def __init__(self, job: Job) -> None:
        self._asked: list[tuple[Tensor, Tensor, Tensor]] | None = None
        super().__init__(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling)

    @torch.inference_mode()
    def activations(
        self, input_ids: Tensor, prefix: int, suffix: int, asked: list[tuple[Tensor, Tensor, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Of input_ids (batch, length), for each group: activations (pairs, length) and sums (units,).

        `asked` has for each group the sentences (pairs,), units (pairs,) and signs (pairs,); activations are times
        sign. Sums, of all units without sign, are over the tokens prefix..length - suffix of all sentences.
        """
        self._asked = asked
        self._found: list[Tensor] = [torch.empty(0)] * len(asked)
        self._sums: list[Tensor] = [torch.empty(0)] * len(asked)
        try:
            self._score(input_ids, prefix, suffix)
        finally:
            self._asked = None
        return self._found, self._sums

    def _pool(self, place: int, state: Tensor) -> None:
        if self._asked is None:
            return super()._pool(place, state)
        batch, length, first, last = self._span
        values = state.reshape(batch, length, -1)  # (batch, tokens, units)
        sentences, units, signs = self._asked[place]
        self._found[place] = values[sentences, :, units].float() * signs[:, None]  # (pairs, tokens)
        self._sums[place] = values[:, first:last].sum(dim=(0, 1), dtype=torch.float32)
        self._pooled[place] = [values.new_zeros(batch, 0) for _ in self.signs]


class TokenReplica:
    """Scores chunks on one device: one committed file a chunk."""

    def __init__(self, job: Job, folder: str, fingerprint: str) -> None:
        self.job, self.folder, self.fingerprint = job, folder, fingerprint
        torch.set_num_threads(job.threads or 1)
        keep_few_kernels()
        self.model = TokenModel(job)
        # Row of the job -> group, unit, sign.
        where = [(place, unit) for place, group in enumerate(job.groups) for unit in range(group.units)]
        self.group, self.unit = (np.array(column, np.int64) for column in zip(*where, strict=True))

    def chunk(self, pairs: Pairs) -> int:
        """Commit the activations of a chunk, unless an earlier attempt has; the number of its sentences."""
        marker = chunk_marker(self.folder, pairs.index)
        if committed(marker, self.fingerprint) is None:
            data = location(self.folder) / unique_name(f"chunk-{pairs.index:05d}", ".parquet")
            commit(data, marker, self.fingerprint, lambda path: self._write(path, pairs))
        return len(pairs.sentence_ids)

    def _write(self, path: Path, pairs: Pairs) -> dict[str, Any]:
        job = self.job
        lengths = np.diff(pairs.offsets)
        first = np.searchsorted(pairs.sentences, np.arange(len(lengths) + 1))
        sums = [np.zeros(group.units) for group in job.groups]
        tables = []
        for start, stop in batches_of(lengths, job.batch_tokens):
            length = int(lengths[start])
            flat = pairs.tokens[pairs.offsets[start] : pairs.offsets[stop]]
            ids = torch.from_numpy(flat.reshape(stop - start, length)).to(job.device)
            mine = slice(int(first[start]), int(first[stop]))
            rows, sentences = pairs.rows[mine], pairs.sentences[mine]
            signs, units = np.divmod(rows, job.units)
            groups = self.group[units]
            members = [np.flatnonzero(groups == place) for place in range(len(job.groups))]
            asked = [
                (
                    torch.from_numpy(sentences[of] - start).to(job.device),
                    torch.from_numpy(self.unit[units[of]]).to(job.device),
                    torch.from_numpy(np.array(job.signs, np.float32)[signs[of]]).to(job.device),
                )
                for of in members
            ]
            found, added = self.model.activations(ids, job.skip_prefix, job.skip_suffix, asked)
            for place, (of, values) in enumerate(zip(members, found, strict=True)):
                tables.append(_table(rows[of], pairs.sentence_ids[sentences[of]], values.cpu().numpy()))
                sums[place] += added[place].double().cpu().numpy()
        pooled = int(np.maximum(lengths - job.skip_prefix - job.skip_suffix, 0).sum())
        facts = {SUMS: np.concatenate(sums).tobytes(), TOKENS: str(pooled).encode()}
        pq.write_table(pa.concat_tables(tables).replace_schema_metadata(facts), path, compression="zstd")
        return {"sentences": len(lengths), "pairs": len(pairs.rows)}


def chunk_marker(folder: str, index: int) -> Path:
    return location(folder) / f"chunk-{index:05d}.json"


def batches_of(lengths: npt.NDArray[np.int64], batch_tokens: int) -> list[tuple[int, int]]:
    """Cut ascending lengths into [start, stop) of equal length and at most `batch_tokens` tokens, one at least."""
    found = []
    start = 0
    while start < len(lengths):
        same = int(np.searchsorted(lengths, lengths[start], side="right"))
        stop = min(same, start + max(1, batch_tokens // max(int(lengths[start]), 1)))
        found.append((start, stop))
        start = stop
    return found


def read_chunks(files: Sequence[Path]) -> tuple[pa.Table, npt.NDArray[np.float64], int]:
    """All chunks' rows; the sums (units,) of all pooled tokens, by group; and the number of these."""
    tables, sums, tokens = [], np.zeros(1), 0
    for file in files:
        table = parquet_file(file).read()
        facts = table.schema.metadata
        sums = sums + np.frombuffer(facts[SUMS], np.float64)
        tokens += int(facts[TOKENS])
        tables.append(table.replace_schema_metadata(None))
    return pa.concat_tables(tables), sums, tokens


def _table(rows: npt.NDArray[np.int64], sentences: npt.NDArray[np.int64], values: npt.NDArray[np.float32]) -> pa.Table:
    offsets = np.arange(0, values.size + 1, max(values.shape[1], 1), dtype=np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))
    return pa.Table.from_arrays([pa.array(rows.astype(np.int32)), pa.array(sentences), lists], schema=SCHEMA)
