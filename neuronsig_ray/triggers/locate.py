"""Triggers of all neurons, located and covered by tasks, a block of neurons each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from neuronsig.config import MiningConfig
from neuronsig.evaluation.held_out import Block
from neuronsig.evaluation.judging import read_signatures
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute
from neuronsig.tables import DETECTORS, TRIGGERS
from neuronsig.triggers.locate import Floats, LocatedPairs, block_rows
from neuronsig.triggers.model_tokens import ModelTokens
from neuronsig_ray.blocks import BlockTables
from neuronsig_ray.triggers.token_pass import TokenPass


def locate_blocks(
    run: RunDirectory,
    model: str,
    fingerprint: str,
    mining: MiningConfig,
    blocks: Sequence[Block],
    seen: TokenPass,
    done: Callable[[int], None],
) -> None:
    """Make the tables of TRIGGERS and DETECTORS; `fingerprint` is the stage's, `done` counts neurons."""
    work, folders = run.work("triggers", model), (run.triggers(model), run.detectors(model))
    schemas = dict(zip(map(absolute, folders), (TRIGGERS, DETECTORS), strict=True))
    shared = ray.put(replace(seen.tokens, input_ids=np.zeros(0, np.int64)))
    first = (absolute(run.signatures(model)), absolute(run.profiles(model)), mining, shared)
    tables = BlockTables(schemas, absolute(work), fingerprint)
    tables.make(located_rows, blocks, lambda block: (*first, *seen.of(block.start, block.stop)), done)
    remove(work)


def located_rows(
    block: Block,
    signatures: str,
    profiles: str,
    mining: MiningConfig,
    tokens: ModelTokens,
    mine: pa.Table,
    baselines: Floats,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A block's rows of TRIGGERS and DETECTORS; signatures and profiles are their tables' folders."""
    voters = read_signatures(signatures, profiles, block.neurons)
    votes = [voters[neuron].votes for neuron in block.neurons]
    pairs = LocatedPairs.of(mine, block.start, baselines, tokens)
    return block_rows(block.neurons, pairs, votes, tokens, baselines, mining)
