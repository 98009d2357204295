"""Which token of a neuron's top sentences is the strongest, by how much, and does a pattern of its signature hold it?

Reads RUN/topk/<model> (from collect), RUN/signatures/<model> and RUN/profiles/<model> (from mine), RUN/sentences and
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

from neuronsig.collection.job import Job
from neuronsig.config import Config, MiningConfig, as_plan
from neuronsig.constant_units import left_out
from neuronsig.evaluation.held_out import blocks_of
from neuronsig.progress import show_table, task
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.storage.parquet import check_table, read_table
from neuronsig.tables import DETECTORS, PROFILES, SIGNATURES
from neuronsig.triggers.cover import placeless_kinds
from neuronsig.triggers.detectors import DETECTORS as KINDS
from neuronsig.triggers.detectors import RULES, detector_counts, detectors_by_layer
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter_on_ray, inputs_of
from neuronsig_ray.finished_run import FinishedRun, on_any_device, same_model_run
from neuronsig_ray.pool import Pool
from neuronsig_ray.triggers import locate_blocks, token_pass


def run(config: Config) -> Summary:
    """Find every neuron's triggers and detectors, unless they are there already."""
    directory, name = RunDirectory(config.run), config.model.name
    inputs, finished = inputs_of(config, "triggers"), same_model_run(config, "neuronsig triggers")
    # The order of the rules is part of what they say.
    plan = {"inputs": inputs, "triggers": RULES | as_plan(config.triggers), "detectors": list(KINDS)}
    outputs = [directory.triggers(name), directory.detectors(name)]
    with enter_on_ray(config, "triggers", plan) as (stage, start_ray):
        if not stage.done:
            check_table(directory.signatures(name), SIGNATURES)
            check_table(directory.profiles(name), PROFILES)
            start_ray()
            # Triggers are asked for, not bits.
            here = on_any_device(config, finished)
            stage.begin()
            _make(config, finished, *here, stage, finished.run.mined_with(name))
    show_table(
        "What the strongest tokens are",
        ("layer", *KINDS, "covered", "any word"),
        detectors_by_layer(read_table(outputs[1], DETECTORS)),
    )
    return {**stage.counts, "tables": ", ".join(map(str, outputs))}


def _make(config: Config, finished: FinishedRun, job: Job, pool: Pool, stage: Stage, mining: MiningConfig) -> None:
    run, name = finished.run, config.model.name
    seen = token_pass(finished, name, job, pool, config.triggers.sentences)
    with task("locating triggers", job.rows, "neurons") as bar:
        locate_blocks(run, name, stage.fingerprint, mining, blocks_of(job), seen, bar.advance)
    table = read_table(run.detectors(name), DETECTORS)
    stage.counts = {
        "neurons": table.num_rows,
        **left_out(run.topk(name)),
        "sentences forwarded": len(seen.tokens.text),
        "sentences of all neurons": seen.pairs.num_rows,
        **detector_counts(table),
        "kinds that hold no word": ", ".join(placeless_kinds(mining)),
    }
