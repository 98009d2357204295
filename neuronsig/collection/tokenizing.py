"""Sentences to tokenized shards, with no engine: one file a shard, sorted by length inside, with a commit each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neuronsig.checkpoint import TokenizerSpec, tokenizer_of
from neuronsig.collection.shards import Shard, ShardPart, ShardPlan, shard_of, shard_sizes
from neuronsig.errors import InputError
from neuronsig.ragged import offsets_of
from neuronsig.run.commits import commit
from neuronsig.storage.files import concurrently, list_files, read_bytes
from neuronsig.storage.location import location
from neuronsig.tables import TOKENIZED

if TYPE_CHECKING:
    from tokenizers import Tokenizer

COUNTS = ("truncated", "dropped_empty")

COMMITTED = pa.schema([("shard", pa.int32())])
_BATCH = 2048
PLACED = pa.schema([("shard", pa.int32()), ("sentence_id", pa.int64()), ("text", pa.string())])
"""Texts, and the shard that each goes to."""


@dataclass(frozen=True)
class ShardTask:
    """What a Spark worker needs to make the shards of `sentences` ids from `first_id` on."""

    folder: str
    fingerprint: str
    sentences: int
    shard_sentences: int
    seed: int
    tokenizer: TokenizerSpec
    first_id: int = 0
    first_shard: int = 0

    @property
    def shards(self) -> range:
        """Indices of the shards."""
        count = len(shard_sizes(self.sentences, self.shard_sentences))
        return range(self.first_shard, self.first_shard + count)

    def next(self, fingerprint: str, sentences: int) -> ShardTask:
        """The same for sentences that were appended."""
        first_id, first_shard = self.first_id + self.sentences, self.shards.stop
        return replace(self, fingerprint=fingerprint, sentences=sentences, first_id=first_id, first_shard=first_shard)

    def marker(self, shard: int) -> Path:
        """The record of a shard's commit."""
        return location(self.folder) / "_shards" / f"shard-{shard:05d}.json"


def finished_shards(folder: Path) -> int:
    """Markers in the folder, for progress."""
    return sum(file.name.endswith(".json") for file in list_files(folder / "_shards"))


def place(task: ShardTask, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of PLACED, of `sentence_id` and `text`."""
    for batch in batches:
        ids = batch.column("sentence_id").to_numpy()
        shard = shard_of(ids - task.first_id, task.sentences, task.shard_sentences, task.seed)
        shard = pa.array(shard + np.int32(task.first_shard))
        yield pa.RecordBatch.from_arrays([shard, batch.column("sentence_id"), batch.column("text")], schema=PLACED)


def make_shards(task: ShardTask, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Tokenize rows of PLACED that hold whole shards, and commit each; rows of COMMITTED."""
    parts: dict[int, list[tuple[pa.Table, int]]] = {}
    for batch in batches:
        for shard in pc.unique(batch.column("shard")).to_pylist():
            rows = batch.filter(pc.equal(batch.column("shard"), shard))
            for start in range(0, rows.num_rows, _BATCH):
                piece = rows.slice(start, _BATCH)
                made = tokenize_texts(task.tokenizer, piece.column("sentence_id"), piece.column("text"))
                parts.setdefault(shard, []).append(made)
    for shard in sorted(parts):
        table = pa.concat_tables([part for part, _ in parts[shard]])
        _commit_shard(task, shard, table, sum(truncated for _, truncated in parts[shard]))
        yield pa.RecordBatch.from_arrays([pa.array([shard], pa.int32())], schema=COMMITTED)


def tokenize_texts(spec: TokenizerSpec, sentence_ids: pa.Array, texts: pa.Array) -> tuple[pa.Table, int]:
    """Token ids of texts as a TOKENIZED table, and how many inputs were cut to spec.max_tokens."""
    encodings = one_tokenizer(spec).encode_batch_fast(texts.to_pylist())
    truncated = sum(1 for encoding in encodings if encoding.overflowing)
    lengths = np.fromiter((len(encoding) for encoding in encodings), np.int32, len(encodings))
    offsets = offsets_of(lengths).astype(np.int32)
    flat = np.empty(int(offsets[-1]), np.int32)
    for encoding, start, stop in zip(encodings, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        flat[start:stop] = encoding.ids
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
    return pa.table([sentence_ids.cast(pa.int64()), lists], schema=TOKENIZED), truncated


def _commit_shard(task: ShardTask, shard: int, table: pa.Table, truncated: int) -> None:
    """Drop sentences without a token of their own, sort by (length, sentence_id), commit."""
    spec = task.tokenizer
    length = pc.list_value_length(table["input_ids"])
    ids = np.sort(table["sentence_id"].to_numpy())
    repeated = ids[1:][ids[1:] == ids[:-1]]
    kept = table.filter(pc.greater(length, spec.prefix_tokens + spec.suffix_tokens))
    lengths = pc.list_value_length(kept["input_ids"]).to_numpy()
    order = np.lexsort((kept["sentence_id"].to_numpy(), lengths))
    kept = kept.take(pa.array(order)).combine_chunks()
    flat = pc.list_flatten(kept["input_ids"])
    facts: dict[str, int | None] = {
        "shard": shard,
        "sentences": kept.num_rows,
        "tokens": int(lengths.sum()),
        "longest": int(lengths.max(initial=0)),
        "max_token_id": pc.max(flat).as_py() or 0,
        "truncated": truncated,
        "dropped_empty": table.num_rows - kept.num_rows,
        "repeated_id": int(repeated[0]) if repeated.size else None,
    }

    def write(path: Path) -> dict[str, int | None]:
        pq.write_table(kept, path, compression="zstd")
        return facts

    data = location(task.folder) / f"shard-{shard:05d}.parquet"
    commit(data, task.marker(shard), task.fingerprint, write)


def finish(tasks: Sequence[ShardTask]) -> ShardPlan:
    """Gather the markers into plan.json; every sentence must be in a shard once or be counted as dropped."""
    folder = location(tasks[0].folder)
    contents = concurrently(read_bytes, [task.marker(index) for task in tasks for index in task.shards])
    markers = [json.loads(content) for content in contents]
    repeated = [marker["repeated_id"] for marker in markers if marker["repeated_id"] is not None]
    if repeated:
        raise InputError(f"sentences/ sentence_id {repeated[0]} occurs more than once; run neuronsig annotate again")
    counts = {name: sum(marker[name] for marker in markers) for name in COUNTS}
    facts = ("sentences", "tokens", "longest", "sha256")
    shards = [Shard(m["shard"], f"shard-{m['shard']:05d}.parquet", *(m[name] for name in facts)) for m in markers]
    spec = tasks[0].tokenizer
    highest = max(marker["max_token_id"] for marker in markers)
    parts = [ShardPart(t.fingerprint, t.first_id, t.sentences, t.first_shard, len(t.shards)) for t in tasks]
    plan = ShardPlan(spec.name, spec.prefix_tokens, spec.suffix_tokens, spec.max_tokens, highest, counts, shards, parts)
    found, wanted = plan.sentences + counts["dropped_empty"], sum(task.sentences for task in tasks)
    if found != wanted:
        raise InputError(
            f"{folder} holds {found} sentences, sentences/ has {wanted}: rows were lost on the way; "
            "run neuronsig annotate again"
        )
    plan.write(folder)
    return plan


def one_tokenizer(spec: TokenizerSpec) -> Tokenizer:
    """The tokenizer of this worker process, in one thread: the tasks are the parallelism."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return tokenizer_of(spec)
