"""The tokens' own activations in some sentences, for those neurons alone that list the sentence.

The trunk is the collection's, and so are the places where it is read; only what is asked for leaves the forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from neuronsig.collection.job import Job
from neuronsig.collection.shards import rectangles
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file
from neuronsig.triggers.model_tokens import Chunk
from neuronsig.triggers.rows import PAIRS
from neuronsig_ray.collect.process_memory import keep_few_kernels
from neuronsig_ray.model.inference import InspectedModel

SUMS, TOKENS = b"sums", b"tokens"


class TokenModel(InspectedModel):
    """An inspected model that hands over the activations of chosen tokens instead of pooling them."""

    def __init__(self, job: Job) -> None:
        self._asked: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
        self._job = job
        where = [(place, unit) for place, group in enumerate(job.groups) for unit in range(group.units)]
        self._group, self._unit = torch.tensor(where, device=job.device).t()  # of each unit of the job
        super().__init__(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling)

    @torch.inference_mode()
    def activations(self, input_ids: Tensor, rows: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor]:
        """Of input_ids (batch, length): activations (pairs, length) and sums (units,), both float32.

        The pairs are `rows` (pairs,) of the job and `sentences` (pairs,) of the batch; activations are times the row's
        sign. Sums, of all units without sign, are over the tokens of all sentences that are pooled.
        """
        job = self._job
        signs, units = rows // job.units, rows % job.units
        signs = torch.tensor(job.signs, dtype=torch.float32, device=rows.device)[signs]
        self._asked = self._group[units], sentences, self._unit[units], signs
        self._found = torch.empty(len(rows), input_ids.shape[1], device=rows.device)
        self._sums: list[Tensor] = [torch.empty(0)] * len(job.groups)
        try:
            self._score(input_ids, job.skip_prefix, job.skip_suffix)
        finally:
            self._asked = None
        return self._found, torch.cat(self._sums)

    def _pool(self, place: int, state: Tensor) -> None:
        if self._asked is None:
            return super()._pool(place, state)
        batch, length, first, last = self._span
        values = state.reshape(batch, length, -1)  # (batch, tokens, units)
        mine = (self._asked[0] == place).nonzero()[:, 0]
        sentences, units, signs = (of[mine] for of in self._asked[1:])
        self._found[mine] = values[sentences, :, units].float() * signs[:, None]  # (pairs, tokens)
        self._sums[place] = values[:, first:last].sum(dim=(0, 1), dtype=torch.float32)
        self._pooled[place] = [values.new_zeros(batch, 0) for _ in self.signs]


class TokenReplica:
    """Scores chunks on one device: one committed file a chunk."""

    def __init__(self, job: Job, folder: str, fingerprint: str) -> None:
        self.job, self.folder, self.fingerprint = job, folder, fingerprint
        torch.set_num_threads(job.threads or 1)
        keep_few_kernels()
        self.model = TokenModel(job)

    def forward(self, chunk: Chunk) -> int:
        """Commit the activations of a chunk, unless an earlier attempt has; the number of its sentences."""
        marker = chunk_marker(self.folder, chunk.index)
        if committed(marker, self.fingerprint) is None:
            data = location(self.folder) / unique_name(f"chunk-{chunk.index:05d}", ".parquet")
            commit(data, marker, self.fingerprint, lambda path: self._write(path, chunk))
        return len(chunk.sentence_ids)

    def _write(self, path: Path, chunk: Chunk) -> dict[str, Any]:
        job = self.job
        lengths = np.diff(chunk.offsets)
        first = np.searchsorted(chunk.sentences, np.arange(len(lengths) + 1))
        sums, tables = np.zeros(job.units), []
        for start, stop, length in sorted(rectangles(lengths, job.batch_tokens)):
            flat = chunk.tokens[chunk.offsets[start] : chunk.offsets[stop]]
            mine = slice(int(first[start]), int(first[stop]))
            rows, sentences = chunk.rows[mine], chunk.sentences[mine]
            asked = (flat.reshape(stop - start, length), rows, sentences - start)
            found, added = self.model.activations(*(torch.from_numpy(array).to(job.device) for array in asked))
            tables.append(_table(rows, chunk.sentence_ids[sentences], found.cpu().numpy()))
            sums += added.double().cpu().numpy()
        pooled = int(np.maximum(lengths - job.skip_prefix - job.skip_suffix, 0).sum())
        facts = {SUMS: sums.tobytes(), TOKENS: str(pooled).encode()}
        pq.write_table(pa.concat_tables(tables).replace_schema_metadata(facts), path, compression="zstd")
        return {"sentences": len(lengths), "pairs": len(chunk.rows)}


def chunk_marker(folder: Path | str, index: int) -> Path:
    return location(folder) / f"chunk-{index:05d}.json"


def read_chunks(files: Sequence[Path]) -> tuple[pa.Table, npt.NDArray[np.float64]]:
    """All chunks' rows of PAIRS, and the means (units,) of all pooled tokens, by group, without sign."""
    tables, sums, tokens = [], np.zeros(1), 0
    for file in files:
        table = parquet_file(file).read()
        facts = table.schema.metadata
        sums = sums + np.frombuffer(facts[SUMS], np.float64)
        tokens += int(facts[TOKENS])
        tables.append(table.replace_schema_metadata(None))
    return pa.concat_tables(tables), sums / max(tokens, 1)


def _table(rows: npt.NDArray[np.int64], sentences: npt.NDArray[np.int64], values: npt.NDArray[np.float32]) -> pa.Table:
    offsets = np.arange(0, values.size + 1, max(values.shape[1], 1), dtype=np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))
    return pa.Table.from_arrays([pa.array(rows.astype(np.int32)), pa.array(sentences), lists], schema=PAIRS)
