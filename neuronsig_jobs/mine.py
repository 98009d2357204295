"""Signatures of every neuron: what its top sentences have that the rest of the corpus has not (P1 3.2, 4.3; P2).

Reads topk/<model>/ and sentences/; writes profiles/<model>/ (one row a neuron: lengths, POS shares, selectivity,
metadata) and signatures/<model>/ (words, POS tags and metadata values by keyness; sequences of words, of tags and of
both, itemsets, and subtrees of the dependency trees). All neurons are mined, unless mining.neurons, mining.layers or
mining.selective name some; mining.kinds are the kinds of patterns. Every pattern is counted exactly in the rest of the
corpus, matched in length, without the documents that are held out (mining.holdout) to judge signatures on.

With a parser of your own: parse the run's sentences/ and give mining.trees=PATH, a table (Parquet or JSON Lines) of
sentence_id and tree, such as (ROOT (S (NP (PRP It)) (VP (VBZ rains)))). Its subtrees are mined in place of those of the
dependency trees, labelled with the names of constituents and tags, and with mining.subtree_labels=words the words at
the leaves besides; single constituents are listed too. Sentences without a tree are counted.

mining.engine=grouped mines each neuron as one group on Spark's executors. mining=mllib takes Spark MLlib's PrefixSpan
and FPGrowth, and the kinds that these know. The same command again does only what is missing, by batches of neurons;
other neurons need overwrite=true, which keeps the results of those mined before. Units that are constant (collect finds
them) have neither profile nor signature, and are counted.

    neuronsig mine run=runs/demo
    neuronsig mine run=runs/six mining.layers=[5,6] mining.kinds=[word_sequence,itemset]
    neuronsig mine run=runs/demo mining=mllib mining.neurons=[L4/U123,L6/U7] overwrite=true
    neuronsig mine run=runs/demo mining.trees=my_trees.parquet overwrite=true
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronsig.config import Config, as_plan
from neuronsig.errors import InputError
from neuronsig.mining.kinds import MAX_SHARE
from neuronsig.mining.profiling import WORDS_KEPT
from neuronsig.mining.user_trees import tree_units, trees_fingerprint
from neuronsig.neuron import NEURON_COLUMNS, Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.run.rules import work_fingerprint
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, read_table
from neuronsig.tables import PROFILES, SENTENCES, TOPK
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter, inputs_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENCODING = ("min_count", "metadata_skip", "metadata_max_values", "holdout", "holdout_by", "match")
TREES = ("trees_fingerprint", "subtree_labels")
"""What the encoding depends on besides, where trees are a user's."""
HOW = ("concurrency",)
"""Settings that do not change what is found."""
FIXED = {
    **{f"{part}_max_window": 0 for part in ("word", "pos", "mixed")},
    "itemset_max_size": 3,
    "itemset_max_share": MAX_SHARE,
    "words_kept": WORDS_KEPT,
}
"""What is no setting any more, and in the plan as it was when it was one: a run that was mined then is the same."""
SELECTION = ("neurons", "layers", "selective", "signs", "patterns_kept", "frequent_kept", "trees", *HOW)


def run(config: Config) -> Summary:
    """Mine one model's neurons; raises InputError and ConfigError before any engine starts where it can be known."""
    directory = RunDirectory.existing(config.run)
    model = config.model.name
    inputs = inputs_of(config, "mine")
    settings = FIXED | {key: value for key, value in as_plan(config.mining).items() if key not in HOW}
    trees = None
    if config.mining.trees:
        tree_units(config.mining.trees)
        settings["trees"] = absolute(location(config.mining.trees))
        settings["trees_fingerprint"] = trees_fingerprint(config.mining.trees)
        # A user's trees are parsed into another folder for other trees, sentences or labels.
        trees = directory.work(
            "trees", work_fingerprint("mine", [inputs["annotate"], [settings[key] for key in TREES]])
        )
    else:
        del settings["trees"]  # runs mined before there was such a key stay as they are
    with enter(config, "mine", {"inputs": inputs, "mining": settings}, checks=True) as stage:
        if stage.done:
            return {"nothing to do": "all signatures are there", **stage.counts}
        _keep_from_harm(config, directory, inputs)
        session = _session(config)
        if trees is not None:
            from spark_jobs.mining.encode import parse_trees

            # Before the stage begins: when trees are mended they are others, and not in its plan.
            check_table(directory.sentences, SENTENCES)
            words = config.mining.subtree_labels == "words"
            parse_trees(session, config.mining.trees, directory.sentences, trees, words)
        stage.begin()
        check_table(directory.sentences, SENTENCES)
        check_table(directory.topk(model), TOPK)
        stage.counts |= _mine(session, config, directory, inputs, settings, trees)
        return stage.counts


def _keep_from_harm(config: Config, directory: RunDirectory, inputs: dict[str, str]) -> None:
    """Raise what would stop mining, before the results that are to be overwritten are gone."""
    from neuronsig.mining.chosen import require_neurons, require_not_constant, require_trees

    model = config.model.name
    require_not_constant(config.mining, directory.topk(model))
    record = directory.stage_record(f"mine/{model}")
    if record is None or record["status"] != "complete":
        return
    rows: list[dict[str, Any]] = []
    if record["plan"].get("inputs") == inputs:
        with suppress(InputError):  # a table that is lost or broken is a reason to make it again
            rows = read_table(directory.profiles(model), PROFILES, NEURON_COLUMNS).to_pylist()
    if rows:
        codes = [Neuron.of_row(row).code for row in rows]
        require_neurons(config.mining, codes, directory.topk(model))
    if config.mining.with_subtrees and not config.mining.trees:
        require_trees(directory.sentences)


def _session(config: Config) -> SparkSession:
    from spark_jobs.connect import is_connected, is_wished, refusal
    from spark_jobs.preflight import check_workers
    from spark_jobs.session import spark_session

    spark, mllib = config.spark, config.mining.engine == "mllib"
    if mllib and not is_wished(spark):
        # Several neurons are mined at once; first in, first out would let one of them wait for all others.
        spark = dataclasses.replace(spark, conf=["spark.scheduler.mode=FAIR", *spark.conf])
    session = spark_session(spark, f"neuronsig mine {config.model.name}")
    if mllib and is_connected(session):
        raise refusal("mining=mllib (mining=grouped can)")
    check_workers(session, config.run, "numba")
    return session


def _mine(
    session: SparkSession,
    config: Config,
    directory: RunDirectory,
    inputs: dict[str, str],
    settings: dict[str, Any],
    trees: Path | None,
) -> dict[str, Any]:
    from spark_jobs.mining.signatures import MiningPaths, mine_model

    model = config.model.name
    encoding = [inputs["annotate"], {key: settings[key] for key in (*ENCODING, *TREES * (trees is not None))}]
    mining = [inputs, {key: value for key, value in settings.items() if key not in SELECTION}]
    paths = MiningPaths(
        sentences=directory.sentences,
        topk=directory.topk(model),
        encoded=directory.work("encoded", work_fingerprint("mine", encoding)),
        work=directory.work("mine", model, work_fingerprint("mine", mining)),
        signatures=directory.signatures(model),
        profiles=directory.profiles(model),
        trees=trees,
    )
    return mine_model(session, paths, config.mining)
