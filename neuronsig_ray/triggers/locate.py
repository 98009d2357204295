"""Triggers of all neurons: sentences forwarded once by replicas, then located and covered by tasks, a block each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from neuronsig.collection.job import Job
from neuronsig.config import TriggersConfig
from neuronsig.evaluation.blocks import Block
from neuronsig.neuron import Neuron
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.storage.location import location
from neuronsig.tables import DETECTORS, TRIGGERS
from neuronsig.triggers.cover import CodedVotes, cover
from neuronsig.triggers.detectors import detector_row
from neuronsig.triggers.locate import locate
from neuronsig_ray.evaluate.judge import read_signatures
from neuronsig_ray.session import Pool
from neuronsig_ray.triggers.listed import Listed
from neuronsig_ray.triggers.token_activations import Pairs, TokenReplica
from neuronsig_ray.verify.rescore import ask

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What every task knows. Folders as text, for clients of stores survive no fork."""

    signatures: str
    profiles: str
    triggers: str
    detectors: str
    markers: str
    fingerprint: str
    mining: Mapping[str, Any]
    rules: TriggersConfig

    def marker(self, block: Block, table: str) -> Path:
        return location(self.markers) / f"{block.name}.{table}.json"


def forward(
    job: Job, pool: Pool, folder: str, fingerprint: str, chunks: Sequence[Pairs], done: Callable[[int], None]
) -> None:
    """Have replicas commit the chunks; `done` counts sentences."""
    replica = ray.remote(num_cpus=pool.cpus, num_gpus=pool.gpus)(TokenReplica)
    actors: list[Any] = [replica.remote(job, folder, fingerprint) for _ in range(min(pool.replicas, len(chunks)))]
    todo, idle = list(chunks), list(actors)
    working: dict[Any, Any] = {}
    try:
        while todo or working:
            while todo and idle:
                actor = idle.pop()
                working[actor.chunk.remote(todo.pop(0))] = actor
            (ready, *_), _ = ray.wait(list(working), num_returns=1)
            idle.append(working.pop(ready))
            done(ask(ready))
    finally:
        for actor in actors:
            ray.kill(actor)


def locate_blocks(
    plan: Plan,
    blocks: Sequence[Block],
    listed: Listed,
    found: pa.Table,
    ranks: Mapping[Neuron, Ids],
    baselines: npt.NDArray[np.float32],
    at_once: int,
    done: Callable[[int], None],
) -> None:
    """Write the rows of TRIGGERS and DETECTORS of every block; `found` are the chunks' rows, baselines (rows,)."""
    shared = ray.put(dataclasses.replace(listed, input_ids=np.zeros(0, np.int64)))
    task = ray.remote(num_cpus=1)(_locate)
    found = found.sort_by("row").combine_chunks()
    bounds = np.searchsorted(found["row"].to_numpy(), [[block.start, block.stop] for block in blocks])
    waiting: dict[Any, Block] = {}
    todo = list(zip(blocks, bounds.tolist(), strict=True))
    while todo or waiting:
        while todo and len(waiting) < at_once:
            block, (start, stop) = todo.pop(0)
            # A slice would take the whole table along.
            mine = found.take(pa.array(np.arange(start, stop)))
            own = {neuron: ranks[neuron] for neuron in block.neurons}
            waiting[task.remote(plan, block, shared, mine, own, baselines[block.start : block.stop])] = block
        (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
        block = waiting.pop(ready)
        ask(ready)
        done(len(block.neurons))


def _locate(
    plan: Plan,
    block: Block,
    listed: Listed,
    found: pa.Table,
    ranks: Mapping[Neuron, Ids],
    baselines: npt.NDArray[np.float32],
) -> None:
    markers = {name: plan.marker(block, name) for name in ("triggers", "detectors")}
    if all(committed(marker, plan.fingerprint) for marker in markers.values()):
        return
    rows = located_rows(block, listed, found, ranks, baselines)
    signatures = read_signatures(plan.signatures, plan.profiles, block.neurons)
    votes = [signatures[neuron].votes for neuron in block.neurons]
    numbers = np.array([row.pop("neuron") for row in rows], np.int64)
    places = np.array([row.pop("place") for row in rows], np.int64)
    covered = cover(
        CodedVotes(votes, listed.text, plan.mining),
        listed.text,
        numbers,
        places,
        np.array([r["trigger"] for r in rows]),
    )
    for row, number, vote, offset in zip(rows, numbers, covered.vote, covered.offset, strict=True):
        named = votes[number][vote] if vote >= 0 else None
        row |= {
            "covered": named is not None and int(offset) == 0,
            "kind": named.kind if named else None,
            "pattern": list(named.pattern) if named else None,
            "offset": int(offset) if named else None,
        }
    detectors = []
    bounds = np.searchsorted(numbers, np.arange(len(block.neurons) + 1))
    for number, neuron in enumerate(block.neurons):
        mine = range(bounds[number], bounds[number + 1])
        of = [rows[i] for i in mine]
        if not of:
            continue
        words, tags = zip(*(listed.trigger(int(places[i]), rows[i]["trigger"]) for i in mine), strict=True)
        measured = detector_row(of, words, tags, plan.rules)
        chance = float(covered.words[list(mine)].mean())
        detectors.append({**_key(neuron), "baseline": float(baselines[number]), "words_covered": chance, **measured})
    for name, schema, made in (("triggers", TRIGGERS, rows), ("detectors", DETECTORS, detectors)):
        table = pa.Table.from_pylist(made, schema=schema)
        data = location(getattr(plan, name)) / unique_name(block.name, ".parquet")
        commit(data, markers[name], plan.fingerprint, _writer(table))


def _writer(table: pa.Table) -> Callable[[Path], Mapping[str, Any]]:
    def write(path: Path) -> dict[str, Any]:
        pq.write_table(table, path, compression="zstd")
        return {"rows": table.num_rows}

    return write


def located_rows(
    block: Block,
    listed: Listed,
    found: pa.Table,
    ranks: Mapping[Neuron, Ids],
    baselines: npt.NDArray[np.float32],
) -> list[dict[str, Any]]:
    """Rows of TRIGGERS up to concentration, by neuron and rank, with the places of neuron and sentence."""
    rows: list[dict[str, Any]] = []
    numbers, ids = found["row"].to_numpy() - block.start, found["sentence_id"].to_numpy()
    lists = found["activations"].chunk(0) if len(found) else pa.array([], pa.list_(pa.float32()))
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    of_pair = {pair: i for i, pair in enumerate(zip(numbers.tolist(), ids.tolist(), strict=True))}
    for number, neuron in enumerate(block.neurons):
        for rank, sentence_id in enumerate(ranks[neuron].tolist()):
            i = of_pair[number, sentence_id]
            place = int(listed.places(np.array([sentence_id]))[0])
            activations = values[offsets[i] : offsets[i + 1]][None, :]
            at = locate(activations, baselines[number : number + 1], listed.tokens(place))
            rows.append(
                {
                    **_key(neuron),
                    "neuron": number,
                    "place": place,
                    "rank": rank,
                    "sentence_id": sentence_id,
                    "activations": at.activations[0],
                    "special": _number(at.special[0]),
                    "trigger": int(at.trigger[0]),
                    "on_special": bool(at.on_special[0]),
                    "concentration": _number(at.concentration[0]),
                }
            )
    return rows


def _key(neuron: Neuron) -> dict[str, Any]:
    return {"site": neuron.site, "layer": neuron.layer, "unit": neuron.unit, "sign": neuron.sign}


def _number(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
