"""Triggers of all neurons, located and covered by tasks, a block of neurons each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from neuronsig.config import MiningConfig, TriggersConfig
from neuronsig.evaluation.held_out import Block
from neuronsig.run.commits import all_committed, commit, committed, sweep, unique_name
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.files import remove
from neuronsig.tables import DETECTORS, TRIGGERS
from neuronsig.triggers.locate import Floats
from neuronsig.triggers.model_tokens import ModelTokens
from neuronsig.triggers.rows import LocatedPairs, block_rows
from neuronsig_ray.evaluate.judge import read_signatures
from neuronsig_ray.tasks import ended_tasks
from neuronsig_ray.triggers.token_pass import TokenPass

TABLES = {"triggers": TRIGGERS, "detectors": DETECTORS}


@dataclass(frozen=True)
class Plan:
    """What every task knows; `run` is the run directory, as text, for clients of stores survive no fork."""

    run: str
    model: str
    fingerprint: str
    mining: MiningConfig
    rules: TriggersConfig

    def marker(self, block: Block, table: str) -> Path:
        return self.markers / f"{block.name}.{table}.json"

    @property
    def markers(self) -> Path:
        return RunDirectory(self.run).work("triggers", self.model)

    def table(self, name: str) -> Path:
        """The folder of a table of TABLES."""
        return RunDirectory(self.run).root / name / self.model


def locate_blocks(plan: Plan, blocks: Sequence[Block], seen: TokenPass, done: Callable[[int], None]) -> None:
    """Write the rows of TRIGGERS and DETECTORS of every block, and delete what others left; `done` counts neurons."""
    shared = ray.put(replace(seen.tokens, input_ids=np.zeros(0, np.int64)))
    calls = ((plan, block, shared, *seen.of(block.start, block.stop)) for block in blocks)
    for place, _ in ended_tasks(_locate, calls):
        done(len(blocks[place].neurons))
    for name in TABLES:
        valid = all_committed([plan.marker(block, name) for block in blocks], plan.fingerprint)
        sweep(plan.table(name), [marker["file"].split("/")[-1] for marker in valid if marker])
    remove(plan.markers)


def _locate(plan: Plan, block: Block, tokens: ModelTokens, mine: pa.Table, baselines: Floats) -> None:
    if all(committed(plan.marker(block, name), plan.fingerprint) for name in TABLES):
        return
    run = RunDirectory(plan.run)
    signatures = read_signatures(str(run.signatures(plan.model)), str(run.profiles(plan.model)), block.neurons)
    votes = [signatures[neuron].votes for neuron in block.neurons]
    pairs = LocatedPairs.of(mine, block.start, baselines, tokens)
    made = block_rows(block.neurons, pairs, votes, tokens, baselines, plan.mining, plan.rules)
    for (name, schema), rows in zip(TABLES.items(), made, strict=True):
        table = pa.Table.from_pylist(rows, schema=schema)
        data = plan.table(name) / unique_name(block.name, ".parquet")
        commit(data, plan.marker(block, name), plan.fingerprint, _writer(table))


def _writer(table: pa.Table) -> Callable[[Path], Mapping[str, Any]]:
    def write(path: Path) -> dict[str, Any]:
        pq.write_table(table, path, compression="zstd")
        return {"rows": table.num_rows}

    return write
