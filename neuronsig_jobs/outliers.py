"""Neurons whose top list one thing dominates: a document, near-duplicates, a rare word, or a single token's activation.

Reads RUN/topk/<model> (jobs.collect), RUN/sentences and, for the tokens, RUN/tokenized and the model; writes
RUN/analysis/<model>/outliers.parquet and .csv, one row a neuron, which jobs.report and jobs.show tell of. A document
counts where its share is at least twice that in the lists of all neurons. Lists that one thing dominates say little of
what a neuron responds to: look at the special tokens (collect.special_tokens=false leaves them out of the pooling), or
collect from a corpus without near-duplicates (annotator.near_duplicates=0.8).

Example:  neuronsig outliers run=runs/demo model=minilm outliers.share=0.8
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from neuronsig.collection.dominance import FLAGS, OUTLIERS, Strongest, dominance, word_counts
from neuronsig.collection.listed import read_listed, top_sentences
from neuronsig.collection.spot_check import find_tokens
from neuronsig.config import Config, as_plan
from neuronsig.neuron import Neuron
from neuronsig.progress import say, show_table, task
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.findings import OUTLIERS_FILE, dominance_view
from neuronsig.signature.wording import dominance_text
from neuronsig.storage.parquet import parquet_file
from neuronsig.storage.whole_files import written
from neuronsig_jobs.launch import Summary, command
from neuronsig_jobs.stage import enter, inputs_of
from neuronsig_ray.finished_run import FinishedRun, same_model_run
from neuronsig_ray.session import ray_session
from neuronsig_ray.triggers.token_shares import strongest_of

SHOWN = 10


def run(config: Config) -> Summary:
    run, name = RunDirectory.existing(config.run), config.model.name
    plan = {"inputs": inputs_of(config, "outliers"), "outliers": as_plan(config.outliers), "columns": OUTLIERS.names}
    file = run.analysis(name, OUTLIERS_FILE)
    with enter(config, "outliers", plan) as stage:
        if not stage.done:
            table = _make(config, run)
            with written(file.with_name("outliers.csv")) as path:
                pyarrow.csv.write_csv(table, path)
            with written(file) as path:
                pq.write_table(table, path, compression="zstd")
            flagged = Counter(flag for flags in table["flags"].to_pylist() for flag in flags.split())
            stage.counts = {"neurons": table.num_rows, "dominated by": {flag: flagged[flag] for flag in FLAGS}}
    rows = parquet_file(file).read().to_pylist()
    _show(rows, plan["outliers"])
    return {**stage.counts, "table": str(file)}


def _make(config: Config, run: RunDirectory) -> pa.Table:
    chosen = config.outliers
    lists = top_sentences(run.topk(config.model.name), chosen.sentences)
    ids = np.unique(np.concatenate(list(lists.values())))
    with task("reading listed sentences", len(ids), "sentences") as bar:
        listed = read_listed(run.sentences, ids)
        bar.advance(len(ids))
    strongest = _strongest(config, lists) if chosen.token_sentences else {}
    counts = word_counts(listed)
    rows = []
    with task("looking at lists", len(lists), "neurons") as bar:
        for neuron, mine in lists.items():
            tokens = strongest.get(neuron, [])
            rows.append(dominance(neuron, mine, listed, counts, chosen.alike, tokens, chosen.share))
            bar.advance()
    return pa.Table.from_pylist(rows, schema=OUTLIERS)


def _strongest(config: Config, lists: dict[Neuron, Any]) -> dict[Neuron, list[Strongest]]:
    """The strongest tokens of the first sentences of every list."""
    from transformers import AutoTokenizer

    finished = same_model_run(config, "neuronsig outliers")
    wanted: dict[int, list[Neuron]] = defaultdict(list)
    for neuron, ids in lists.items():
        for sentence in ids[: config.outliers.token_sentences].tolist():
            wanted[sentence].append(neuron)
    tokens = _tokens(finished, np.array(sorted(wanted)))
    tokenizer = AutoTokenizer.from_pretrained(config.model.tokenizer or finished.weights)
    with ray_session(config.ray), task("strongest tokens", len(wanted), "sentences") as bar:
        return strongest_of(
            finished.job, wanted, tokens, lambda i: str(tokenizer.convert_ids_to_tokens(i)), bar.advance
        )


def _tokens(finished: FinishedRun, ids: np.ndarray) -> dict[int, list[int]]:
    found = find_tokens(finished.tokenized, finished.job.shards, ids)
    return {sentence: tokens for sentence, (_, tokens) in found.items()}


def _show(rows: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Flags by layer, and the neurons with most of them in words."""
    layers: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        layers[f"{row['site']} L{row['layer']}"].update(["neurons", *row["flags"].split()])
    shown = [(layer, *(counts[name] for name in ("neurons", *FLAGS))) for layer, counts in layers.items()]
    show_table("Neurons whose list one thing dominates", ("layer", "neurons", *FLAGS), shown)
    flagged = sorted((row for row in rows if row["flags"]), key=lambda row: -len(row["flags"].split()))
    for row in flagged[:SHOWN]:
        neuron = Neuron.of_row(row)
        say(f"  {neuron}: {dominance_text(dominance_view(row, settings))}")
    if len(flagged) > SHOWN:
        say(f"  and {len(flagged) - SHOWN:,} more")


main = command("outliers", run)
