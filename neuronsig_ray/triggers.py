"""The top sentences of all neurons forwarded once more, for what each of their tokens activates.

Replicas commit what they find below RUN/work/tokens, where it stays: the job that asks first makes the pass, and others
that ask for the same sentences of the same collection read it. The trunk is the collection's, and so are the places
where it is read; only the activations of neurons that list the sentence leave the forward pass.

Triggers are then located and covered by tasks, a block of neurons each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import torch
from numpy.typing import NDArray
from ray.util import ActorPool
from torch import Tensor

from neuronsig.collection.dominance import Strongest
from neuronsig.collection.job import Job
from neuronsig.collection.shards import rectangles
from neuronsig.config import MiningConfig
from neuronsig.encoding.counting import SOURCE
from neuronsig.evaluation.held_out import Block
from neuronsig.neuron import Neuron
from neuronsig.progress import Done, task
from neuronsig.readers import read_top_lists
from neuronsig.run.commits import all_committed, committed, committed_once, sweep, unique_name
from neuronsig.run.directory import RunDirectory
from neuronsig.run.rules import work_fingerprint
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, parquet_file, table_files
from neuronsig.tables import DETECTORS, SENTENCES, TRIGGERS
from neuronsig.triggers.locate import PAIRS, Floats, LocatedPairs, block_rows, strongest_tokens
from neuronsig.triggers.model_tokens import Chunk, Ids, ModelTokens, chunks_of
from neuronsig.triggers.votes import read_votes
from neuronsig_ray.blocks import BlockTables
from neuronsig_ray.collect.scorer import keep_few_kernels
from neuronsig_ray.finished_run import FinishedRun
from neuronsig_ray.model.inference import InspectedModel
from neuronsig_ray.pool import Pool
from neuronsig_ray.tasks import actors, listed_sentences

SUMS, TOKENS = b"sums", b"tokens"


@dataclass(frozen=True)
class TokenPass:
    """What the tokens of neurons' top sentences activate."""

    tokens: ModelTokens
    pairs: pa.Table  # rows.PAIRS, by the neuron's row and the sentence's rank
    baselines: Floats  # (rows,) mean over the pooled tokens of all these sentences, times sign

    def of(self, start: int, stop: int) -> tuple[pa.Table, Floats]:
        """Pairs and baselines of the neurons of some rows."""
        low, high = np.searchsorted(self.pairs["row"].to_numpy(), [start, stop])
        # A slice would take the whole table along.
        return self.pairs.take(pa.array(np.arange(low, high))), self.baselines[start:stop]

    def strongest(self, blocks: Sequence[Block], name: Callable[[int], str | None]) -> dict[Neuron, list[Strongest]]:
        """The strongest tokens of every neuron's sentences, by rank; `name` is the text of a token's id."""
        found: dict[Neuron, list[Strongest]] = {}
        for block in blocks:
            table, baselines = self.of(block.start, block.stop)
            pairs = LocatedPairs.of(table, block.start, baselines, self.tokens)
            named = strongest_tokens(pairs, len(block.neurons), self.tokens, name)
            found |= zip(block.neurons, named, strict=True)
        return found


def token_pass(finished: FinishedRun, model: str, job: Job, pool: Pool, top: int) -> TokenPass:
    """The `top` best sentences of every neuron, each forwarded once, but for those that an earlier pass committed.

    `job` is the finished run's, on the devices of the replicas in `pool`. Raises InputError when a listed sentence is
    lost. Memory grows with neurons x sentences x tokens.
    """
    run = finished.run
    with task("reading lists", 1, "tables") as bar:
        lists = read_top_lists(run.topk(model), first=top).by_neuron()
        bar.advance()
    row_of = {job.neuron(row): row for row in range(job.rows)}
    rows = np.concatenate([np.full(len(ids), row_of[neuron]) for neuron, ids in lists.items()])
    sentence_ids = np.concatenate(list(lists.values()))
    with task("reading listed sentences", None, "files") as bar:
        check_table(run.sentences, SENTENCES)
        table = listed_sentences(table_files(run.sentences), np.unique(sentence_ids), [*SOURCE, "text"], bar.advance)
    with task("tokenizing", table.num_rows, "sentences") as bar:
        tokens = ModelTokens.of(table, finished.tokenizer, job.skip_prefix, job.skip_suffix)
        bar.advance(table.num_rows)
    inputs = {"annotate": run.fingerprint("annotate", "neuronsig"), f"collect/{model}": job.fingerprint}
    fingerprint = work_fingerprint("triggers", {"inputs": inputs, "sentences": top})
    folder, chunks = run.work("tokens", model), chunks_of(tokens, rows, sentence_ids)
    with run.alone(f"tokens/{model}"), task("forwarding", table.num_rows, "sentences") as bar:
        _forward(job, pool, absolute(folder), fingerprint, chunks, bar.advance)
        markers = [chunk_marker(folder, chunk.index) for chunk in chunks]
        files = [folder / marker["file"] for marker in all_committed(markers, fingerprint) if marker]
        sweep(folder, [path.name for path in (*markers, *files)])
        found, means = read_chunks(files)
    baselines = np.concatenate([sign * means for sign in job.signs]).astype(np.float32)
    order = np.argsort(rows, kind="stable")
    return TokenPass(tokens, _in_order(found, rows[order], sentence_ids[order]), baselines)


def _in_order(found: pa.Table, rows: Ids, sentence_ids: Ids) -> pa.Table:
    """The rows of `found`, each with another neuron or sentence, as `rows` and `sentence_ids` (pairs,) order them."""
    place = np.empty(len(rows), np.int64)
    place[np.lexsort((sentence_ids, rows))] = np.lexsort((found["sentence_id"].to_numpy(), found["row"].to_numpy()))
    return found.take(pa.array(place)).combine_chunks()


def _forward(job: Job, pool: Pool, folder: str, fingerprint: str, chunks: Sequence[Chunk], done: Done) -> None:
    """Have replicas commit the chunks that are not yet; `done` counts sentences."""
    todo = [chunk for chunk in chunks if committed(chunk_marker(folder, chunk.index), fingerprint) is None]
    done(sum(len(chunk.sentence_ids) for chunk in chunks) - sum(len(chunk.sentence_ids) for chunk in todo))
    number = min(pool.replicas, len(todo))
    with actors(TokenReplica, job, folder, fingerprint, number=number, cpus=pool.cpus, gpus=pool.gpus) as replicas:
        for sentences in ActorPool(replicas).map_unordered(lambda replica, chunk: replica.forward.remote(chunk), todo):
            done(sentences)


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
        data = location(self.folder) / unique_name(f"chunk-{chunk.index:05d}", ".parquet")
        marker = chunk_marker(self.folder, chunk.index)
        committed_once(data, marker, self.fingerprint, lambda path: self._write(path, chunk))
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


def read_chunks(files: Sequence[Path]) -> tuple[pa.Table, NDArray[np.float64]]:
    """All chunks' rows of PAIRS, and the means (units,) of all pooled tokens, by group, without sign."""
    tables, sums, tokens = [], np.zeros(1), 0
    for file in files:
        table = parquet_file(file).read()
        facts = table.schema.metadata
        sums = sums + np.frombuffer(facts[SUMS], np.float64)
        tokens += int(facts[TOKENS])
        tables.append(table.replace_schema_metadata(None))
    return pa.concat_tables(tables), sums / max(tokens, 1)


def _table(rows: Ids, sentences: Ids, values: Floats) -> pa.Table:
    offsets = np.arange(0, values.size + 1, max(values.shape[1], 1), dtype=np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))
    return pa.Table.from_arrays([pa.array(rows.astype(np.int32)), pa.array(sentences), lists], schema=PAIRS)


def locate_blocks(
    run: RunDirectory,
    model: str,
    fingerprint: str,
    mining: MiningConfig,
    blocks: Sequence[Block],
    seen: TokenPass,
    done: Done,
) -> None:
    """Make the tables of TRIGGERS and DETECTORS; `fingerprint` is the stage's, `done` counts neurons."""
    work, folders = run.work("triggers", model), (run.triggers(model), run.detectors(model))
    schemas = dict(zip(map(absolute, folders), (TRIGGERS, DETECTORS), strict=True))
    shared = ray.put(replace(seen.tokens, input_ids=np.zeros(0, np.int64)))
    first = (absolute(run.signatures(model)), mining, shared)
    tables = BlockTables(schemas, absolute(work), fingerprint)
    tables.make(located_rows, blocks, lambda block: (*first, *seen.of(block.start, block.stop)), done)
    remove(work)


def located_rows(
    block: Block,
    signatures: str,
    mining: MiningConfig,
    tokens: ModelTokens,
    mine: pa.Table,
    baselines: Floats,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A block's rows of TRIGGERS and DETECTORS; signatures is their table's folder."""
    of = read_votes(signatures, block.neurons)
    votes = [of[neuron] for neuron in block.neurons]
    pairs = LocatedPairs.of(mine, block.start, baselines, tokens)
    return block_rows(block.neurons, pairs, votes, tokens, baselines, mining)
