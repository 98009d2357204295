"""From a finished collection and its statements to the table of EVALUATION, on documents that mining left out."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.collection.job import Job
from neuronsig.config import Config, MiningConfig
from neuronsig.errors import TooLittleTextError
from neuronsig.evaluation.held_out import (
    SENTENCES_AT_LEAST,
    Block,
    blocks_of,
    read_block,
    shuffled,
)
from neuronsig.evaluation.judging import JudgedText, judge_block
from neuronsig.evaluation.near_copies import sentence_keys
from neuronsig.evaluation.word_order import contextuality
from neuronsig.holdout import Holdout
from neuronsig.neuron import Neuron
from neuronsig.progress import task
from neuronsig.readers import Ids, mined_neurons, rows_by_neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.statements.rows import Weighed, of_row
from neuronsig.statements.tokens import read_text
from neuronsig.statements.training import TrainingText, fitted
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, read_table, scan, table_files
from neuronsig.tables import EVALUATION, SENTENCES, STATEMENTS
from neuronsig_ray.blocks import BlockTables
from neuronsig_ray.describe import block_lists, mined_patterns, reference_ids
from neuronsig_ray.evaluate.scoring import markers, score, scored_ids
from neuronsig_ray.pool import Pool
from neuronsig_ray.tasks import map_tasks


@dataclass(frozen=True)
class Split:
    """Which sentences are judged, and which are not mined; all ascending in id."""

    judged: Ids
    held_out: Ids
    reference: Ids
    near_copies: int
    """Held-out sentences that are not judged, because mined text has the same words."""


def split(run: RunDirectory, holdout: Holdout, share: float, listed: int) -> Split:
    """Of the sentences held out, those of the share `share` of all text are judged, but for copies of mined ones.

    `listed` is the length of the lists.

    Raises TooLittleTextError when mining has held out nothing, all, or too little.
    """
    files = [absolute(file) for file in table_files(run.sentences)]
    with task("reading held-out sentences", None, "files") as bar:
        check_table(run.sentences, SENTENCES)
        held_out, reference = reference_ids(files, holdout, listed, bar.advance)
        if not len(held_out) or not len(reference):
            raise TooLittleTextError(
                f"mining.holdout={holdout.share} by {holdout.by} holds out {'all' if len(held_out) else 'none'} of the "
                f"text in {run.sentences}: it has too few documents; mine with mining.holdout_by=sentence"
            )
        some = Holdout(share, holdout.by)
        parts = map_tasks(_keys, [(file, holdout, some) for file in files], bar.advance)
    mined = np.unique(np.concatenate([part[0] for part in parts]))
    ids, keys = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
    copied = np.isin(keys, mined)
    if (left := len(ids) - int(copied.sum())) < SENTENCES_AT_LEAST:
        raise TooLittleTextError(
            f"mining.holdout={holdout.share} by {holdout.by} leaves {left} sentences that mined text has not too, "
            f"{SENTENCES_AT_LEAST} are needed; mine with a larger mining.holdout, or more text"
        )
    return Split(np.sort(ids[~copied]), held_out, reference, int(copied.sum()))


def _keys(file: str, holdout: Holdout, some: Holdout) -> tuple[Ids, Ids, Ids]:
    """Keys of mined sentences, ids of those that may be judged, and their keys."""
    columns = list(dict.fromkeys(("sentence_id", "tokens", *holdout.columns)))
    mined, ids, keys = [], [], []
    for batch in scan(file, SENTENCES, columns):
        key, out, judged = sentence_keys(batch.column("tokens")), holdout.of(batch), some.of(batch)
        mined.append(np.unique(key[~out]))
        ids.append(batch.column("sentence_id").to_numpy()[judged])
        keys.append(key[judged])
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *mined]), np.concatenate([none, *ids]), np.concatenate([none, *keys])


def evaluate(
    config: Config,
    mining: MiningConfig,
    here: tuple[Job, Pool],
    tokenizer: TokenizerSpec,
    fingerprint: str,
    work: Path,
    of: Split,
    fraction: float,
) -> dict[str, Any]:
    """Score the held-out sentences, judge every signature on them, and return what was counted.

    `fingerprint` is that of the stage; `here` the collection's job on the devices that there are, `tokenizer` its
    tokenizer. Of the sentences judged `fraction` are a neuron's positives. In `work` is left what the same call goes on
    from.
    """
    run, name, seed = RunDirectory(config.run), config.model.name, config.evaluation.seed
    files = [absolute(file) for file in table_files(run.sentences)]
    job = score(*here, work, files, tokenizer, of.judged, seed)
    scores = [absolute(location(job.commits) / marker["file"]) for marker in markers(job)]
    scored = np.sort(np.concatenate([scored_ids(file) for file in scores]))
    positives = max(config.evaluation.least_positives, round(fraction * len(scored)))
    neurons = frozenset(mined_neurons(run.profiles(name)))
    blocks = [block for block in blocks_of(job) if not neurons.isdisjoint(block.neurons)]
    with task("judging signatures", sum(len(block.neurons) for block in blocks), "neurons") as bar:
        tables = BlockTables({absolute(run.evaluation(name)): EVALUATION}, absolute(work / "judged"), fingerprint)
        tables_read = (run.topk(name), run.signatures(name), run.statements(name))
        ids = (ray.put(of.held_out), ray.put(of.reference), ray.put(scored))
        shared = (*map(absolute, tables_read), files, scores, *ids, mining, neurons, positives, seed)
        tables.make(judged_rows, blocks, lambda block: shared, bar.advance)
    found = read_table(run.evaluation(name), EVALUATION)
    return {
        "neurons": found.num_rows,
        "held-out sentences": len(scored),
        "held-out copies of mined sentences, left out": of.near_copies,
        "positives of a neuron": positives,
        "neurons of which nothing is told": found["told"].to_pylist().count(0),
    }


def read_statements(folder: str, neurons: Sequence[Neuron]) -> dict[Neuron, list[Weighed]]:
    """The statements of some neurons, as they are told; none of a neuron without any."""
    rows = rows_by_neuron(folder, STATEMENTS, STATEMENTS.names, neurons)
    return {neuron: [of_row(row) for row in sorted(of, key=lambda row: row["rank"])] for neuron, of in rows.items()}


def judged_rows(
    block: Block,
    topk: str,
    patterns: str,
    statements: str,
    files: Sequence[str],
    scores: Sequence[str],
    held_out: Ids,
    reference: Ids,
    judged: Ids,
    mining: MiningConfig,
    mined: Set[Neuron],
    positives: int,
    seed: int,
) -> tuple[list[dict[str, Any]]]:
    """Rows of EVALUATION of a block's neurons that were mined.

    topk, patterns (signatures) and statements are tables' folders, scores files. Raises InputError when a sentence is
    lost.
    """
    read = [location(file) for file in scores]
    (ids, found), (_, mixed) = (
        read_block(read, name, len(block.neurons)) for name in (block.name, shuffled(block.name))
    )
    assert np.array_equal(ids, judged)
    columns = [place for place, neuron in enumerate(block.neurons) if neuron in mined]
    found, mixed = found[:, columns], mixed[:, columns]
    block = replace(block, neurons=tuple(block.neurons[place] for place in columns))
    lists = block_lists(topk, block, held_out)
    table = read_text(files, np.unique(np.concatenate([judged, reference, *map(fitted, lists.values())])))
    every = table["sentence_id"].to_numpy()
    patterns_of = (mined_patterns(patterns, block.neurons), mining)
    text = JudgedText(TrainingText.of(table, reference, patterns_of, judged), np.searchsorted(every, judged))
    signatures = read_statements(statements, block.neurons)
    rows = judge_block(lists, signatures, found, text, positives, seed)
    return ([row | of for row, of in zip(rows, contextuality(found, mixed, positives), strict=True)],)
