"""From a finished collection and its signatures to the table of EVALUATION, on sentences that mining left out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray

from neuronsig.collection.job import Job
from neuronsig.collection.shard_files import ShardText, read_shard
from neuronsig.config import Config, MiningConfig
from neuronsig.corpora.files import Unit
from neuronsig.encoding.counting import NODES, SOURCE
from neuronsig.encoding.text import Text
from neuronsig.evaluation.held_out import Block, HeldOutJob, blocks_of, held_out_of, read_block
from neuronsig.evaluation.judging import judge_block, read_signatures
from neuronsig.mining.holdout import is_held_out
from neuronsig.mining.user_trees import PARSED, parsed_trees, tree_units
from neuronsig.progress import Done, polled, task
from neuronsig.ragged import fixed_binary_column
from neuronsig.readers import picked_sentences, require_sentences
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.run.directory import RunDirectory
from neuronsig.run.heartbeat import Heartbeat, beats
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, parquet_file, read_table, table_files
from neuronsig.tables import EVALUATION, SENTENCES
from neuronsig_ray.blocks import BlockTables
from neuronsig_ray.collect.collection import score_shards
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.model.inference import InspectedModel
from neuronsig_ray.pool import Pool
from neuronsig_ray.tasks import map_tasks


def evaluate(
    config: Config,
    collection: str,
    mining: MiningConfig,
    here: tuple[Job, Pool],
    fingerprint: str,
    work: Path,
    share: float,
    fraction: float,
) -> dict[str, Any]:
    """Score the held-out sentences, judge every signature on them, and return what was counted.

    `collection` is the fingerprint of the collection, `fingerprint` that of the stage; `here` the collection's job on
    the devices that there are. Of all sentences `share` are scored, and `fraction` of those are a neuron's positives.
    In `work` is left what the same call goes on from.
    """
    run, name = RunDirectory(config.run), config.model.name
    # Scores are those of the collection: other signatures of the same neurons are judged on them again.
    job = _score(*here, work, f"{collection} {share!r}", share)
    with task("reading held-out sentences", None, "files") as bar:
        check_table(run.sentences, SENTENCES)
        calls = [(absolute(file), share) for file in table_files(run.sentences)]
        table = pa.concat_tables(map_tasks(_read_held_out, calls, bar.advance))
        if mining.trees:
            table = with_trees(table, mining, share, bar.advance)
    shards = [committed(job.marker(shard.index), job.fingerprint) for shard in job.shards]
    scores = [absolute(location(job.commits) / shard["file"]) for shard in shards if shard]
    text = scored_text(table, scores)
    positives = max(config.evaluation.least_positives, round(fraction * len(text)))
    with task("judging signatures", job.rows, "neurons") as bar:
        tables = BlockTables({absolute(run.evaluation(name)): EVALUATION}, absolute(work / "judged"), fingerprint)
        signatures = (absolute(run.signatures(name)), absolute(run.profiles(name)))
        shared = (*signatures, scores, ray.put(text), mining, positives, config.evaluation.seed)
        tables.make(judged_rows, blocks_of(job), lambda block: shared, bar.advance)
    found = read_table(run.evaluation(name), EVALUATION)
    return {
        "neurons": found.num_rows,
        "held-out sentences": len(text),
        "positives of a neuron": positives,
        "neurons without a pattern that votes": found["patterns"].to_pylist().count(0),
    }


def _score(here: Job, pool: Pool, work: Path, fingerprint: str, share: float) -> HeldOutJob:
    """Score the held-out sentences of the shards that are not scored yet."""
    job = HeldOutJob.of(here, share, absolute(work / "scores"), fingerprint)
    expected = round(share * job.sentences)
    pending = [s.index for s in job.shards if committed(job.marker(s.index), fingerprint) is None]
    done = 0
    with task("scoring held-out sentences", expected, "sentences") as bar:

        def on_row(row: dict[str, Any]) -> None:
            nonlocal done
            done += row["sentences"]
            bar.update(min(done, expected))

        with polled(lambda: bar.update(min(expected, done + beats(location(job.commits))["sentences"]))):
            if pending:
                score_shards(job, pending, pool, on_row, HeldOutReplica)
    return job


class HeldOutReplica(Replica):
    """Scores the held-out sentences of a shard, and commits them as one file; holds those of one batch."""

    job: HeldOutJob

    def _load(self) -> None:
        job = self.job
        self.model = InspectedModel(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling)

    def shard(self, index: int) -> dict[str, Any]:
        """Score and commit one shard, unless another attempt has; return its marker."""
        job = self.job
        marker = committed(job.marker(index), job.fingerprint)
        if marker is None:
            text = held_out_of(read_shard(location(job.tokenized), job.shards[index]), job.held_out)
            heartbeat = Heartbeat(location(job.commits), f"{index:05d}")
            marker = self._device.submit(self._commit, index, text, heartbeat).result()
            heartbeat.stop()
        return marker

    def _commit(self, index: int, text: ShardText, heartbeat: Heartbeat) -> dict[str, Any]:
        job, blocks, done = self.job, blocks_of(self.job), Counter({"sentences": 0, "tokens": 0})
        schema = pa.schema(
            [("sentence_id", pa.int64()), *((b.name, pa.binary(4 * (b.stop - b.start))) for b in blocks)]
        )

        def write(path: Path) -> dict[str, Any]:
            # Scores compress by a tenth; they are read once.
            with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
                for sentence_ids, scores, tokens, _ in self.scores(text):
                    values = np.ascontiguousarray(scores.t().float().cpu().numpy())  # (batch, rows)
                    columns = [fixed_binary_column(values[:, b.start : b.stop]) for b in blocks]
                    ids = pa.array(sentence_ids.cpu().numpy())
                    writer.write_table(pa.Table.from_arrays([ids, *columns], schema=schema))
                    done.update({"sentences": len(ids), "tokens": tokens})
                    self.watch(Counter({"sentences": len(ids), "tokens": tokens}))
                    heartbeat.beat(done)
            return {"shard": index, **done}

        data = location(job.commits) / unique_name(f"shard-{index:05d}", ".parquet")
        return commit(data, job.marker(index), job.fingerprint, write)


def _read_held_out(file: str, share: float) -> pa.Table:
    return picked_sentences(file, lambda ids: is_held_out(ids, share), SOURCE)


def with_trees(table: pa.Table, mining: MiningConfig, share: float, done: Done) -> pa.Table:
    """Held-out sentences with the bracketed trees that their signatures were mined with, in place of `heads`.

    Read by Ray tasks; `done` counts pieces of the table. Raises InputError when it is not what was mined.
    """
    words = mining.subtree_labels == "words"
    read = map_tasks(_read_trees, [(unit, words, share) for unit in tree_units(mining.trees)], done)
    trees = pa.concat_tables(read).combine_chunks()
    place = pc.index_in(table["sentence_id"], value_set=trees["sentence_id"])
    parsed = table.drop_columns(["heads"]).append_column("heads", trees["heads"].take(place))
    return parsed.append_column(NODES, trees["nodes"].take(place))


def _read_trees(unit: Unit, words: bool, share: float) -> pa.Table:
    return pa.Table.from_batches(parsed_trees(unit, words, lambda ids: is_held_out(ids, share)), PARSED)


def scored_text(table: pa.Table, scores: Sequence[str]) -> Text:
    """The held-out sentences that were scored: some are too short for the tokenizer.

    Raises InputError when a scored one is not in the table.
    """
    ids = [parquet_file(location(file)).read(columns=["sentence_id"])["sentence_id"].to_numpy() for file in scores]
    scored = np.concatenate(ids)
    text = Text.of(table.filter(pa.array(np.isin(table["sentence_id"].to_numpy(), scored))))
    require_sentences(scored, text.ids, "sentences/", "tokenized")
    return text


def judged_rows(
    block: Block,
    signatures: str,
    profiles: str,
    scores: Sequence[str],
    text: Text,
    mining: MiningConfig,
    positives: int,
    seed: int,
) -> tuple[list[dict[str, Any]]]:
    """A block's rows of EVALUATION; signatures and profiles are their tables' folders, scores the shards' files."""
    ids, found = read_block([location(file) for file in scores], block)
    assert np.array_equal(ids, text.ids)
    voters = read_signatures(signatures, profiles, block.neurons)
    return (judge_block(block.neurons, voters, found, text, mining, positives, seed),)
