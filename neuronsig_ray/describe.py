"""Every neuron's statements, by Ray tasks: a block of neurons each, whose sentences the task reads."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow.compute as pc
import ray

from neuronsig.config import MiningConfig
from neuronsig.constant_units import constant_neurons
from neuronsig.evaluation.held_out import Block
from neuronsig.holdout import Holdout
from neuronsig.kinds import kind_of
from neuronsig.neuron import Neuron
from neuronsig.progress import Done, task, uncounted
from neuronsig.readers import Ids, held_out_ids, listed_neurons, mined_neurons, read_top_lists
from neuronsig.run.directory import RunDirectory
from neuronsig.statements.rows import as_rows
from neuronsig.statements.signature import describe as describe_list
from neuronsig.statements.statement import Single
from neuronsig.statements.tokens import read_text
from neuronsig.statements.training import TrainingText, fitted, reference_of
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, read_rows, read_table, table_files
from neuronsig.tables import SENTENCES, STATEMENTS, TOPK
from neuronsig.triggers.votes import read_votes
from neuronsig_ray.blocks import BlockTables
from neuronsig_ray.tasks import map_tasks

NEURONS = 32
"""Neurons of a block, at most: a task reads the sentences of all of their lists."""


def describe(run: RunDirectory, model: str, mining: MiningConfig, fingerprint: str) -> dict[str, Any]:
    """Write the statements of all neurons that were mined, and return what is counted.

    A block of neurons that is committed is not made again.
    """
    work = run.work("describe", model)
    files = [absolute(file) for file in table_files(run.sentences)]
    lists = len(listed_neurons(run.topk(model))) + len(constant_neurons(run.topk(model)))
    kept = check_table(run.topk(model), TOPK) // lists
    neurons = mined_neurons(run.profiles(model))
    with task("choosing the reference", None, "files") as bar:
        held_out, reference = reference_ids(files, mining.held_out, kept, bar.advance)
    blocks = blocks_of_neurons(neurons)
    with task("describing", len(neurons), "neurons") as bar:
        tables = BlockTables({absolute(run.statements(model)): STATEMENTS}, absolute(work), fingerprint)
        places = (absolute(run.topk(model)), absolute(run.signatures(model)), files)
        shared = (*places, ray.put(held_out), ray.put(reference), mining, len(neurons))
        tables.make(statement_rows, blocks, lambda block: shared, bar.advance)
    found = read_table(run.statements(model), STATEMENTS, ["site", "layer", "unit", "sign", "told"])
    told = found.filter(pc.is_valid(found["told"]))
    described = told.group_by(["site", "layer", "unit", "sign"]).aggregate([]).num_rows
    remove(work)
    return {
        "neurons": len(neurons),
        "neurons of which something is told": described,
        "statements told": told.num_rows,
        "statements": found.num_rows,
        "sentences of the reference": len(reference),
        "sentences held out": len(held_out),
    }


def blocks_of_neurons(neurons: Sequence[Neuron]) -> list[Block]:
    """Blocks of at most NEURONS of one site, layer and sign."""
    blocks: list[Block] = []
    start = 0
    for _, group in groupby(sorted(neurons, key=_group), key=_group):
        some = list(group)
        for first in range(0, len(some), NEURONS):
            part = tuple(some[first : first + NEURONS])
            blocks.append(Block(start, start + len(part), part))
            start += len(part)
    return blocks


def _group(neuron: Neuron) -> tuple[str, int, int]:
    return neuron.site, neuron.layer, neuron.sign


def reference_ids(files: Sequence[str], holdout: Holdout, listed: int, done: Done = uncounted) -> tuple[Ids, Ids]:
    """Ids of the sentences held out, and of those that lists of `listed` sentences are set against, both ascending.

    `done` counts files.
    """
    parts = map_tasks(_ids_of, [(file, holdout) for file in files], done)
    held_out, mined = (np.sort(np.concatenate(ids)) for ids in zip(*parts, strict=True))
    return held_out, reference_of(mined, listed)


def _ids_of(file: str, holdout: Holdout) -> tuple[Ids, Ids]:
    """Ids of a file's sentences that are held out, and of the others."""
    held_out = held_out_ids([location(file)], holdout)
    ids = np.asarray(read_rows(file, SENTENCES, ["sentence_id"])["sentence_id"].to_numpy())
    return held_out, ids[~np.isin(ids, held_out)]


def mined_patterns(signatures: str, neurons: Sequence[Neuron]) -> set[Single]:
    """The patterns of several items of some neurons that are beyond chance and say nothing again."""
    votes = (vote for votes in read_votes(signatures, neurons).values() for vote in votes)
    return {Single(vote.kind, vote.pattern) for vote in votes if kind_of(vote.kind).mined}


def block_lists(topk: str, block: Block, held_out: Ids) -> dict[Neuron, Ids]:
    """The lists of a block's neurons, best sentence first, without the sentences held out."""
    lists = read_top_lists(location(topk), block.neurons).by_neuron()
    return {neuron: ids[~np.isin(ids, held_out)] for neuron, ids in lists.items()}


def statement_rows(
    block: Block,
    topk: str,
    signatures: str,
    files: Sequence[str],
    held_out: Ids,
    reference: Ids,
    mining: MiningConfig,
    lists: int,
) -> tuple[list[dict[str, Any]]]:
    """A block's rows of STATEMENTS."""
    of = block_lists(topk, block, held_out)
    ids = np.unique(np.concatenate([reference, *(fitted(list_) for list_ in of.values())]))
    mined = (mined_patterns(signatures, block.neurons), mining)
    text = TrainingText.of(read_text(files, ids), reference, mined)
    return ([row for neuron, ids in of.items() for row in as_rows(neuron, describe_list(text, ids, lists))],)
