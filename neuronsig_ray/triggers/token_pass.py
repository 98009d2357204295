"""The top sentences of all neurons forwarded once more, for what each of their tokens activates.

Replicas commit what they find below RUN/work/tokens, where it stays: the job that asks first makes the pass, and others
that ask for the same sentences of the same collection read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import ray
from ray.util import ActorPool

from neuronsig.collection.dominance import Strongest
from neuronsig.collection.job import Job
from neuronsig.encoding.counting import SOURCE
from neuronsig.evaluation.held_out import Block
from neuronsig.neuron import Neuron
from neuronsig.progress import task
from neuronsig.readers import in_order, read_top_lists, sentences_by_id
from neuronsig.run.commits import all_committed, committed, sweep
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import check_table, table_files
from neuronsig.tables import SENTENCES
from neuronsig.triggers.locate import Floats
from neuronsig.triggers.model_tokens import Chunk, Ids, ModelTokens, chunks_of
from neuronsig.triggers.rows import LocatedPairs, strongest_tokens
from neuronsig_ray.finished_run import FinishedRun
from neuronsig_ray.session import Pool
from neuronsig_ray.tasks import actors, map_tasks
from neuronsig_ray.triggers.token_activations import TokenReplica, chunk_marker, read_chunks


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
        table = _listed_table(run.sentences, np.unique(sentence_ids), bar.advance)
    with task("tokenizing", table.num_rows, "sentences") as bar:
        tokens = ModelTokens.of(table, finished.tokenizer, job.skip_prefix, job.skip_suffix)
        bar.advance(table.num_rows)
    inputs = {"annotate": run.fingerprint("annotate", "neuronsig"), f"collect/{model}": job.fingerprint}
    fingerprint = fingerprint_of({"inputs": inputs, "sentences": top})
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


def _forward(
    job: Job, pool: Pool, folder: str, fingerprint: str, chunks: Sequence[Chunk], done: Callable[[int], None]
) -> None:
    """Have replicas commit the chunks that are not yet; `done` counts sentences."""
    todo = [chunk for chunk in chunks if committed(chunk_marker(folder, chunk.index), fingerprint) is None]
    done(sum(len(chunk.sentence_ids) for chunk in chunks) - sum(len(chunk.sentence_ids) for chunk in todo))
    number = min(pool.replicas, len(todo))
    with actors(TokenReplica, job, folder, fingerprint, number=number, cpus=pool.cpus, gpus=pool.gpus) as replicas:
        for sentences in ActorPool(replicas).map_unordered(lambda replica, chunk: replica.forward.remote(chunk), todo):
            done(sentences)


def _listed_table(sentences: Path, ids: Ids, done: Callable[[int], None]) -> pa.Table:
    """The sentences with these ids, ascending, of all files by Ray tasks; `done` counts files.

    Raises InputError when one is not there.
    """
    check_table(sentences, SENTENCES)
    shared, columns = ray.put(ids), [*SOURCE, "text"]
    calls = [(str(path), shared, columns) for path in table_files(sentences)]
    return in_order(map_tasks(sentences_by_id, calls, done), ids, sentences, "topk")
