"""How good is each signature, without any language model as judge: does it tell which unseen sentences activate?

Reads RUN/statements/<model> (from describe), the documents that mining left out (mining.holdout) from RUN/sentences and
RUN/tokenized, and the model. Scores those sentences for every neuron, but for those whose words mined text has too; its
positives are the top fraction of them, as large as its list is in the corpus. The signature then ranks them as a
classifier that has never seen them: nothing is fitted on them. Beside it stand classifiers that are fitted on the same
mined text: the length, words and length, naive Bayes, a ceiling of what words, pairs, tags, shapes and length have to
give (neuronsig.evaluation.baselines), and another neuron's signature; and the score of what is told of the neuron.
Writes RUN/evaluation/<model>, one row for each neuron that was mined: average precision and AUROC with 95 % limits, and
RUN/analysis/<model>/evaluation.csv and .png by layer. The same sentences are scored once more with their words
shuffled: contextuality is 1 - Spearman's correlation of both activations, and beside it stands the share of the
positives that stay among the best. While it works the disk holds 8 bytes a neuron and held-out sentence. The same
command again does only what is missing.

Example:  neuronsig evaluate run=runs/demo model=minilm

The null: the same on a model whose blocks are random (P1 4.1); the commands are those of reinitialise. It keeps
its word embeddings, so that its neurons respond to words, and signatures tell of them as well: what training adds is
what differs between both, not the distance to chance.
"""

from typing import Any

import pyarrow as pa

from neuronsig.config import Config, as_plan
from neuronsig.evaluation.held_out import held_out_share, positive_fraction, require_positives
from neuronsig.evaluation.judging import RULES
from neuronsig.evaluation.layers import LAYER_COLUMNS, by_layer, median_curve, shown
from neuronsig.figures.layers import evaluation_by_layer
from neuronsig.figures.style import save
from neuronsig.progress import show_table
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.files import remove
from neuronsig.storage.parquet import check_table, read_table, write_csv
from neuronsig.tables import EVALUATION, STATEMENTS
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter_on_ray, inputs_of
from neuronsig_ray.evaluate.evaluation import evaluate, split
from neuronsig_ray.finished_run import on_any_device, same_model_run


def run(config: Config) -> Summary:
    """Score, judge, and show what is found by layer, unless it is there already."""
    name, inputs = config.model.name, inputs_of(config, "evaluate")
    finished, mining = same_model_run(config, "neuronsig evaluate"), RunDirectory(config.run).mined_with(name)
    directory, job = finished.run, finished.job
    share = held_out_share(config, mining, job.sentences)
    fraction = positive_fraction(config, job.k, job.kept, job.sentences)
    require_positives(config.evaluation.least_positives, share * job.sentences)
    plan = {"inputs": inputs, "evaluation": as_plan(config.evaluation), "rules": RULES}
    with enter_on_ray(config, "evaluate", plan) as (stage, start_ray):
        if not stage.done:
            check_table(directory.statements(name), STATEMENTS)
            directory.require_space(8 * job.rows * round(share * job.sentences))
            start_ray()
            of = split(directory, mining.held_out, share, job.kept)
            require_positives(config.evaluation.least_positives, len(of.judged))
            here = on_any_device(config, finished)  # ranks are asked for, not bits
            stage.begin()
            work = directory.work("evaluate", name)
            stage.counts = evaluate(config, mining, here, finished.tokenizer, stage.fingerprint, work, of, fraction)
            stage.counts |= _tell(read_table(directory.evaluation(name), EVALUATION), directory, name)
            remove(work)
    return {**stage.counts, "table": str(directory.evaluation(name))}


def _tell(found: pa.Table, directory: RunDirectory, name: str) -> dict[str, Any]:
    """Show what the table says by layer, write it and its picture; returns the shares of all neurons."""
    rows = by_layer(found)
    show_table(
        "Signatures on unseen documents: median average precision, and the share that is better",
        LAYER_COLUMNS,
        shown(rows),
    )
    write_csv(pa.Table.from_pylist(rows), directory.analysis(name, "evaluation.csv"))
    figure = evaluation_by_layer(found, f"Source: {name}, run {directory.root.name}")
    save(figure, directory.analysis(name), "evaluation")
    shares = {
        "> chance": "better than chance",
        "> words": "than words and length",
        "> Bayes": "than naive Bayes",
        "> other": "than another neuron's",
    }
    curve = {number: round(value, 4) for number, value in median_curve(found).items()}
    return {
        "median average precision by number of statements": curve,
        "share of signatures": {title: round(rows[-1][key] or 0.0, 4) for key, title in shares.items()},
        "median contextuality": round(rows[-1]["context"] or 0.0, 4),
    }
