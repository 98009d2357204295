"""Neurons whose top list one thing dominates: a document, near-duplicates, a rare word, or a single token's activation.

Reads RUN/topk/<model> (from collect), RUN/sentences and, for the tokens, the model; writes
RUN/analysis/<model>/outliers.parquet and .csv, one row a neuron, which neuronsig report and neuronsig show tell of. A
document counts where its share is at least twice that in the lists of all neurons. What is told of the strongest token
is the concentration of neuronsig triggers, of the same triggers.sentences: whichever job comes first asks the model,
and the other one reads RUN/work/tokens/<model>. Lists that one thing dominates say little of what a neuron responds to:
look at the special tokens (collect.special_tokens=false leaves them out of the pooling), or collect from a corpus
without near-duplicates (annotator.near_duplicates=0.8).

Example:  neuronsig outliers run=runs/demo model=minilm outliers.share=0.8
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from neuronsig.collection.dominance import ALIKE, FLAGS, OUTLIERS, Strongest, dominance, flags_by_layer, read_listed
from neuronsig.config import Config, as_plan
from neuronsig.constant_units import left_out
from neuronsig.evaluation.held_out import blocks_of
from neuronsig.neuron import Neuron
from neuronsig.progress import say, show_table, task
from neuronsig.readers import read_top_lists
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.results import OUTLIERS_FILE, dominance_view
from neuronsig.signature.wording import dominance_text
from neuronsig.storage.parquet import read_parquet, write_csv, write_parquet
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter, inputs_of
from neuronsig_ray.finished_run import on_any_device, same_model_run
from neuronsig_ray.preflight import ready_session
from neuronsig_ray.triggers import token_pass

SHOWN = 10


def run(config: Config) -> Summary:
    """Flag the lists that one thing dominates, unless it is done already."""
    directory, name = RunDirectory.existing(config.run), config.model.name
    plan = {
        "inputs": inputs_of(config, "outliers"),
        "outliers": {**as_plan(config.outliers), "alike": ALIKE},
        "strongest": config.triggers.sentences if config.outliers.tokens else 0,
        "columns": OUTLIERS.names,
    }
    file = directory.analysis(name, OUTLIERS_FILE)
    with enter(config, "outliers", plan) as stage:
        if not stage.done:
            table = _make(config, directory)
            write_csv(table, file.with_name("outliers.csv"))
            write_parquet(table, file)
            flagged = Counter(flag for flags in table["flags"].to_pylist() for flag in flags.split())
            stage.counts = {
                "neurons": table.num_rows,
                **left_out(directory.topk(name)),
                "dominated by": {flag: flagged[flag] for flag in FLAGS},
            }
    rows = read_parquet(file).to_pylist()
    _show(rows, plan["outliers"])
    return {**stage.counts, "table": str(file)}


def _make(config: Config, run: RunDirectory) -> pa.Table:
    chosen = config.outliers
    lists = read_top_lists(run.topk(config.model.name), first=chosen.sentences).by_neuron()
    ids = np.unique(np.concatenate(list(lists.values())))
    with task("reading listed sentences", len(ids), "sentences") as bar:
        listed = read_listed(run.sentences, ids)
        bar.advance(len(ids))
    strongest = _strongest(config) if chosen.tokens else {}
    rows = []
    with task("looking at lists", len(lists), "neurons") as bar:
        for neuron, ids in lists.items():
            rows.append(dominance(neuron, ids, listed, strongest.get(neuron, []), chosen.share))
            bar.advance()
    return pa.Table.from_pylist(rows, schema=OUTLIERS)


def _strongest(config: Config) -> dict[Neuron, list[Strongest]]:
    """The strongest tokens of the first sentences of every list."""
    finished = same_model_run(config, "neuronsig outliers")
    with ready_session(config):
        job, pool = on_any_device(config, finished)
        seen = token_pass(finished, config.model.name, job, pool, config.triggers.sentences)
    return seen.strongest(blocks_of(job), Tokenizer.from_str(finished.tokenizer.serialized).id_to_token)


def _show(rows: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Flags by layer, and the neurons with most of them in words."""
    show_table("Neurons whose list one thing dominates", ("layer", "neurons", *FLAGS), flags_by_layer(rows))
    flagged = sorted((row for row in rows if row["flags"]), key=lambda row: -len(row["flags"].split()))
    for row in flagged[:SHOWN]:
        neuron = Neuron.of_row(row)
        say(f"  {neuron}: {dominance_text(dominance_view(row, settings))}")
    if len(flagged) > SHOWN:
        say(f"  and {len(flagged) - SHOWN:,} more")
