"""Which token of a neuron's top sentences is the strongest, by how much, and does a pattern of its signature hold it?

Reads RUN/topk/<model> (jobs.collect), RUN/signatures/<model> and RUN/profiles/<model> (jobs.mine), RUN/sentences and
the model. The top triggers.sentences sentences of every neuron are forwarded again, each sentence once, and only the
listing neurons' activations are kept, a number a token. What was collected is one number a sentence: with mean pooling
the mean of its tokens' activations, so that a high one may come from one token, from all, or from a special one.
Writes RUN/triggers/<model>, a row a neuron and sentence (activations by word, the trigger, the pattern that holds it or
the nearest one), and RUN/detectors/<model>, a row a neuron: a detector of a special token, of nothing local, of a
token, of a part of speech, or of a context (neuronsig.triggers.detectors has the rules). Metadata and subtrees of
bracketed trees (mining.trees) stand on no word, and hold none. Memory grows with neurons x sentences x words. The same
command again does only what is missing.

Example:  neuronsig triggers run=runs/demo model=minilm triggers.sentences=50
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.collection.job import Job
from neuronsig.collection.listed import top_sentences
from neuronsig.config import Config, as_plan
from neuronsig.evaluation.blocks import blocks_of
from neuronsig.neuron import SITES
from neuronsig.progress import show_table, task
from neuronsig.run.commits import all_committed, committed, sweep
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, read_table
from neuronsig.tables import DETECTORS, PROFILES, SIGNATURES
from neuronsig.triggers.cover import placeless_kinds
from neuronsig.triggers.detectors import DETECTORS as KINDS
from neuronsig_jobs.launch import Summary, command
from neuronsig_jobs.stage import enter_on_ray, inputs_of, mining_of
from neuronsig_ray.finished_run import FinishedRun, on_any_device, same_model_run
from neuronsig_ray.session import Pool, resources
from neuronsig_ray.triggers.listed import chunks_of, listed_table, tokenized
from neuronsig_ray.triggers.locate import Plan, forward, locate_blocks
from neuronsig_ray.triggers.token_activations import chunk_marker, read_chunks

COVERED = ("covered_share", "words_covered")


def run(config: Config) -> Summary:
    run, name = RunDirectory(config.run), config.model.name
    inputs, finished = inputs_of(config, "triggers"), same_model_run(config, "neuronsig triggers")
    # The order of the rules is part of what they say.
    plan = {"inputs": inputs, "triggers": as_plan(config.triggers), "detectors": list(KINDS)}
    outputs = [run.triggers(name), run.detectors(name)]
    with enter_on_ray(config, "triggers", plan) as (stage, start_ray):
        if not stage.done:
            check_table(run.signatures(name), SIGNATURES)
            check_table(run.profiles(name), PROFILES)
            start_ray()
            # Triggers are asked for, not bits.
            here = on_any_device(config, finished)
            stage.begin()
            _make(config, finished, *here, stage, mining_of(config))
    show_table(
        "What the strongest tokens are",
        ("layer", *KINDS, "covered", "any word"),
        layers(read_table(outputs[1], DETECTORS)),
    )
    return {**stage.counts, "tables": ", ".join(map(str, outputs))}


def _make(config: Config, finished: FinishedRun, job: Job, pool: Pool, stage: Stage, mining: Mapping[str, Any]) -> None:
    run, name = finished.run, config.model.name
    work = run.work("triggers", name)
    with task("reading lists", 1, "tables") as bar:
        lists = top_sentences(run.topk(name), config.triggers.sentences)
        bar.advance()
    row_of = {finished.job.neuron(row): row for row in range(finished.job.rows)}
    rows = np.concatenate([np.full(len(ids), row_of[neuron]) for neuron, ids in lists.items()])
    sentence_ids = np.concatenate(list(lists.values()))
    with task("reading listed sentences", None, "files") as bar:
        table = listed_table(run.sentences, np.unique(sentence_ids), bar.advance)
    with task("tokenizing", table.num_rows, "sentences") as bar:
        listed = tokenized(table, finished.tokenizer, job)
        bar.advance(table.num_rows)
    folder, chunks = absolute(work / "tokens"), chunks_of(listed, rows, sentence_ids)
    with task("forwarding", table.num_rows, "sentences") as bar:
        forward(job, pool, folder, stage.fingerprint, chunks, bar.advance)
    markers = [committed(chunk_marker(folder, chunk.index), stage.fingerprint) for chunk in chunks]
    found, sums, tokens = read_chunks([location(folder) / marker["file"] for marker in markers if marker])
    means = sums / max(tokens, 1)  # (units,)
    baselines = np.concatenate([sign * means for sign in job.signs]).astype(np.float32)  # (rows,)
    made = Plan(
        signatures=absolute(run.signatures(name)),
        profiles=absolute(run.profiles(name)),
        triggers=absolute(run.triggers(name)),
        detectors=absolute(run.detectors(name)),
        markers=absolute(work / "located"),
        fingerprint=stage.fingerprint,
        mining=mining,
        rules=config.triggers,
    )
    blocks = blocks_of(job)
    with task("locating triggers", job.rows, "neurons") as bar:
        locate_blocks(made, blocks, listed, found, lists, baselines, resources(config.ray).cpus, bar.advance)
    for folder_of, kind in ((run.triggers(name), "triggers"), (run.detectors(name), "detectors")):
        valid = all_committed([made.marker(block, kind) for block in blocks], stage.fingerprint)
        sweep(folder_of, [marker["file"].split("/")[-1] for marker in valid if marker])
    stage.counts = counts_of(run, name, table.num_rows, found.num_rows)
    stage.counts["kinds that hold no word"] = ", ".join(placeless_kinds(mining))
    remove(work)


def counts_of(run: RunDirectory, name: str, sentences: int, pairs: int) -> dict[str, Any]:
    table = read_table(run.detectors(name), DETECTORS)
    kinds = Counter(table["detector"].to_pylist())
    return {
        "neurons": table.num_rows,
        "sentences forwarded": sentences,
        "sentences of all neurons": pairs,
        "detectors": {kind: kinds[kind] for kind in KINDS},
        "share that a pattern holds": {
            "of triggers": round(float(np.mean(table["covered_share"].to_numpy())), 4),
            "of all words": round(float(np.mean(table["words_covered"].to_numpy())), 4),
        },
    }


def layers(table: pa.Table) -> list[list[Any]]:
    """Share of each kind of detector by site and layer, and mean shares of triggers and words that a pattern holds."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in table.select(["site", "layer", "detector", *COVERED]).to_pylist():
        found.setdefault((SITES.index(row["site"]), row["layer"]), []).append(row)
    shown = []
    for (site, layer), rows in sorted(found.items()):
        kinds = Counter(row["detector"] for row in rows)
        shares = [f"{kinds[kind] / len(rows):.1%}" for kind in KINDS]
        covered = [f"{np.mean([row[name] for row in rows]):.1%}" for name in COVERED]
        shown.append([f"{SITES[site]} L{layer}", *shares, *covered])
    return shown


main = command("triggers", run)
