"""How stable are signatures: do two disjoint halves of the corpus give the same ones, and from how many sentences on?

Reads RUN/topk/<model>, RUN/sentences and how RUN/signatures/<model> was mined. Every sentence belongs to one of two
halves by a hash of its id, so each neuron's list falls into the exact top lists of both. From the first stability.k
sentences of each, words and word sequences are mined and judged as jobs.mine does it, and the strongest stability.top
compared by rank-biased overlap and Jaccard index, for stability.neurons neurons. Writes
RUN/analysis/<model>/stability.parquet (one row a neuron, kind and k), stability.csv (by layer) and stability.png, and
says how many sentences are enough: the fewest with stability.enough of the agreement of the most, or that it still
rises there. An interrupted run
goes on where it stopped.

Example:  neuronsig stability run=runs/six model=minilm
          neuronsig stability run=runs/six stability.neurons=0 stability.k=[500,2000,4000]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neuronsig.config import Config, MiningConfig, StabilityConfig, as_plan
from neuronsig.errors import InputError
from neuronsig.figures.stability import stability_figure
from neuronsig.figures.style import save
from neuronsig.mining.halves import KINDS, Lists, Settings, half_lists
from neuronsig.mining.stability import enough, usable_sizes
from neuronsig.neuron import Neuron
from neuronsig.progress import show_table, task
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.run.plan import fingerprint_of
from neuronsig.signature.findings import STABILITY_FILE
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import check_table, iter_tables, read_parquet, table_files
from neuronsig.storage.whole_files import atomic_write, written
from neuronsig.tables import SENTENCES, TOPK
from neuronsig_jobs.launch import Summary, command
from neuronsig_jobs.stage import enter_on_ray, inputs_of
from neuronsig_ray.evaluate.stability import measure

SHORTEST = 20
"""Sentences of a half below which no signature is made."""


def run(config: Config) -> Summary:
    run, name = RunDirectory.existing(config.run), config.model.name
    plan = {"inputs": inputs_of(config, "stability"), "stability": as_plan(config.stability)}
    file = run.analysis(name, STABILITY_FILE)
    with enter_on_ray(config, "stability", plan) as (stage, start_ray):
        if not stage.done:
            check_table(run.sentences, SENTENCES)
            check_table(run.topk(name), TOPK)
            mining = mining_of((run.stage_record(f"mine/{name}") or {})["plan"].get("mining", {}))
            lists = long_lists(config, run, mining)
            start_ray()
            stage.begin()
            _measure(config, run, stage, mining, lists, fingerprint_of(plan))
    return {**stage.counts, "table": absolute(file)}


def mining_of(plan: dict[str, Any]) -> MiningConfig:
    """The settings that signatures were mined with; those that the plan does not tell have their defaults."""
    names = {field.name for field in dataclasses.fields(MiningConfig)}
    return MiningConfig(**{key: value for key, value in plan.items() if key in names})


def long_lists(config: Config, run: RunDirectory, mining: MiningConfig) -> tuple[Lists, int]:
    """What `read_lists` gives. Raises InputError when a half has too few sentences."""
    name = config.model.name
    lists, neurons = read_lists(run, name, config.stability, mining)
    if (shortest := lists.shortest) < SHORTEST:
        raise InputError(
            f"topk/{name} in run={run.root}: a neuron's list has {shortest} sentences in one half of the corpus, at "
            f"least {SHORTEST} are needed; collect longer lists (collect.k=...)"
        )
    return lists, neurons


def _measure(
    config: Config, run: RunDirectory, stage: Stage, mining: MiningConfig, read: tuple[Lists, int], plan: str
) -> None:
    name, rules = config.model.name, config.stability
    lists, neurons = read
    sizes = usable_sizes(rules.k, lists.shortest)
    settings = Settings(tuple(sizes), rules, mining, neurons)
    folder = run.work("stability", name, plan)
    with task("signatures of both halves", len(lists.neurons), "neurons") as t:
        parts = measure(table_files(run.sentences), lists, settings, folder, t.advance)
    table = pa.concat_tables([read_parquet(part) for part in parts])
    rows = table.to_pandas()
    fewest = {kind: enough(sizes, _mean(rows, kind, "overlap"), rules.enough) for kind in KINDS}
    _write(run, name, table, rows)
    save(stability_figure(rows, fewest, rules.enough, name), run.analysis(name), "stability")
    remove(folder)
    _show(rows, sizes)
    stage.counts |= {
        "neurons": len(lists.neurons),
        "sizes": ", ".join(f"{k:,}" for k in sizes),
        "sizes asked for that the lists do not have": len(set(rules.k) - set(sizes)),
        "sentences that are enough": {kind: _said(n, sizes) for kind, n in fewest.items()},
        "overlap at the most sentences": {
            kind: round(_mean(rows, kind, "overlap").get(sizes[-1], float("nan")), 3) for kind in KINDS
        },
        "neurons without a pattern beyond chance": {
            kind: int(rows[(rows["kind"] == kind) & (rows["k"] == sizes[-1])]["overlap"].isna().sum()) for kind in KINDS
        },
    }


def read_lists(run: RunDirectory, model: str, rules: StabilityConfig, mining: MiningConfig) -> tuple[Lists, int]:
    """The lists of the neurons looked at, cut into halves, and the number of all neurons; two passes over topk/."""
    key = ["site", "layer", "unit", "sign"]
    every: set[Neuron] = set()
    for table in iter_tables(run.topk(model), TOPK, key):
        distinct = table.group_by(key).aggregate([])
        every |= {Neuron(*row) for row in zip(*(distinct[name].to_pylist() for name in key), strict=True)}
    chosen = choose(sorted(every), rules.neurons, rules.seed)
    place = {neuron: number for number, neuron in enumerate(chosen)}
    parts: list[pa.Table] = []
    for table in iter_tables(run.topk(model), TOPK, [*key, "rank", "sentence_id"]):
        distinct = table.group_by(key).aggregate([])
        names = [Neuron(*row) for row in zip(*(distinct[name].to_pylist() for name in key), strict=True)]
        numbers = pa.array([place.get(neuron) for neuron in names], pa.int32())
        numbered = distinct.append_column("number", numbers).filter(pc.is_valid(numbers))
        parts.append(table.join(numbered, key, join_type="inner").select(["number", "rank", "sentence_id"]))
    ranked = pa.concat_tables(parts).sort_by([("number", "ascending"), ("rank", "ascending")])
    bounds = np.searchsorted(ranked["number"].to_numpy(), np.arange(len(chosen) + 1))
    ids = ranked["sentence_id"].to_numpy()
    halves = [half_lists(ids[bounds[i] : bounds[i + 1]], mining.holdout) for i in range(len(chosen))]
    return Lists(chosen, halves), len(every)


def choose(neurons: Sequence[Neuron], n: int, seed: int) -> list[Neuron]:
    """`n` neurons drawn by seed, as many of each site, layer and sign as can be; all when `n` is 0; sorted."""
    if n == 0 or n >= len(neurons):
        return sorted(neurons)
    groups: dict[tuple[str, int, int], list[Neuron]] = {}
    for neuron in neurons:
        groups.setdefault((neuron.site, neuron.layer, neuron.sign), []).append(neuron)
    draw = np.random.default_rng(seed)
    drawn = [[group[place] for place in draw.permutation(len(group))] for _, group in sorted(groups.items())]
    rounds = [group[turn] for turn in range(max(map(len, drawn))) for group in drawn if turn < len(group)]
    return sorted(rounds[:n])


def _said(fewest: int | None, sizes: Sequence[int]) -> str:
    if fewest is None:
        return "not known: no pattern is beyond chance"
    if fewest == sizes[-1]:
        return f"more than {sizes[-2]:,}: agreement still rises at {fewest:,}" if len(sizes) > 1 else f"{fewest:,}"
    return f"{fewest:,}"


def _mean(rows: pd.DataFrame, kind: str, column: str) -> dict[int, float]:
    mean = rows[rows["kind"] == kind].groupby("k")[column].mean()
    return dict(zip(mean.index.tolist(), mean.to_list(), strict=True))


def _write(run: RunDirectory, model: str, table: pa.Table, rows: pd.DataFrame) -> None:
    by_layer = rows.groupby(["kind", "site", "layer", "k"])[["overlap", "jaccard"]].mean().round(4).reset_index()
    folder: Path = run.analysis(model)
    atomic_write(folder / "stability.csv", by_layer.to_csv(index=False).encode())
    with written(folder / STABILITY_FILE) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _show(rows: pd.DataFrame, sizes: Sequence[int]) -> None:
    columns = ("patterns", "measure", *(f"{k:,}" for k in sizes))
    shown = []
    for kind in KINDS:
        for measured in ("overlap", "jaccard"):
            mean = _mean(rows, kind, measured)
            cells = ["" if np.isnan(mean.get(k, np.nan)) else f"{mean[k]:.2f}" for k in sizes]
            shown.append((kind.replace("_", " "), measured, *cells))
    show_table("Agreement of two halves of the corpus, by sentences of each", columns, shown)


main = command("stability", run)
