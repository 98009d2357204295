"""Print what a run would cost before anybody pays for it: tokens, FLOPs, bytes, hours, ids, files, requests, shuffles.

The corpus's size is estimate.sentences where it is given, else that of the run's finished sentences/ table, else it
is told roughly from the sizes of the corpus's files, which are not read. Rates were measured on two cores; time is
that of a machine that does nothing else, with no start of engines in it.

Examples:
  neuronsig estimate corpus=six data=../shared/data
  neuronsig estimate preset=paper
  neuronsig estimate run=runs/six corpus=six collect.k=10000 hardware=h200x8
"""

import json
from collections.abc import Mapping
from pathlib import Path

from neuronsig.checkpoint import load_tokenizer, resolve_model_path
from neuronsig.config import Config
from neuronsig.corpora.plan import estimated_sentences
from neuronsig.errors import InputError, NeuronsigError
from neuronsig.estimate import ModelShape, estimate
from neuronsig.progress import say, show_table
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.files import files_below
from neuronsig.storage.parquet import check_table
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import Summary


def run(config: Config) -> Summary:
    """Calculate and print the estimate; starts no engine and writes nothing."""
    shape = model_shape(config)
    sentences, tokens_per_sentence, source = corpus_size(config)
    cost = estimate(config, shape, sentences, tokens_per_sentence)
    say(f"\n{cost.sentences:,} sentences ({source}), {cost.tokens:,.0f} tokens, {cost.shards:,} shards")
    say(
        f"{config.model.name}: {shape.layers} blocks x {shape.width}, {cost.neurons:,} neurons, "
        f"{shape.flops_per_token(tokens_per_sentence) / 1e6:,.1f} MFLOP a token, {cost.flops:.3g} FLOP in all"
    )
    show_table(
        "Bytes on disk", ("stage", "size"), [(name, _size(value)) for name, value in cost.bytes_by_stage.items()]
    )
    hours = [(name, _hours(value)) for name, value in cost.hours_by_stage.items()]
    show_table(f"Time on {config.hardware.name}", ("stage", "time"), hours)
    scale = cost.scale
    show_table("Files that stay", ("table", "files"), _counted(scale.files))
    show_table("Requests, where the run is on a store", ("step", "requests"), _counted(scale.requests))
    memory = [(f"driver of {name}", _size(value)) for name, value in scale.driver.items()]
    shuffled = [(f"shuffled by {name}", _size(value)) for name, value in scale.shuffled.items()]
    show_table("Bytes on the way, and in drivers beside their heap", ("what", "size"), [*shuffled, *memory])
    return {
        "ids": scale.ids,
        "disk in all": _size(sum(cost.bytes_by_stage.values())),
        "time in all": _hours(sum(cost.hours_by_stage.values())),
        "memory of a replica": _size(cost.replica.host),
        **({"GPU memory of a replica": _size(cost.replica.device)} if config.hardware.gpu else {}),
    }


def model_shape(config: Config) -> ModelShape:
    """The model's shape from `model.shape`, or from the config.json of its folder."""
    if config.model.shape:
        return ModelShape(*config.model.shape)
    file = Path(resolve_model_path(config.model.path, "model.path")) / "config.json"
    if not file.is_file():
        raise InputError(
            f"model.path={config.model.path} has no config.json on this machine; "
            "set model.shape=[layers,width,feed_forward] or model.path to a folder"
        )
    return ModelShape.from_config(file)


def corpus_size(config: Config) -> tuple[int, float, str]:
    """(sentences, tokens a sentence, where the figures come from)."""
    given = config.estimate
    if given.sentences:
        return given.sentences, given.tokens_per_sentence, "estimate.sentences"
    directory = RunDirectory(config.run)
    annotated = directory.stage_record("annotate")
    if annotated and annotated["status"] == "complete" and directory.sentences.is_dir():
        rows = check_table(directory.sentences, SENTENCES)
        if plan := tokenized_plan(config, directory):
            tokens = sum(shard["tokens"] for shard in json.loads(plan.read_text())["shards"])
            return rows, tokens / rows, f"sentences/ and tokenized/{plan.parent.name} of run={config.run}"
        return rows, given.tokens_per_sentence, f"sentences/ of run={config.run}"
    found = estimated_sentences(config.corpus)
    return found, given.tokens_per_sentence, "told roughly from the sizes of the corpus's files"


def tokenized_plan(config: Config, directory: RunDirectory) -> Path | None:
    """plan.json of the model's own tokens; where that cannot be told, of the tokens there are; None without any."""
    plans = [file for file in files_below(directory.root / "tokenized") if file.name == "plan.json"]
    if len(plans) > 1:
        collected = directory.stage_record(f"collect/{config.model.name}")
        try:
            own = collected["plan"]["tokenizer"] if collected else load_tokenizer(config.model).name
        except NeuronsigError:
            own = ""  # the model is not on this machine
        return next((plan for plan in plans if plan.parent.name == own), plans[0])
    return plans[0] if plans else None


def _counted(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in counts.items()]


def _size(value: float) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= factor:
            return f"{value / factor:,.1f} {unit}"
    return f"{value / 1e3:,.1f} kB"


def _hours(value: float) -> str:
    if value >= 1:
        return f"{value:,.1f} h"
    return f"{value * 60:,.1f} min" if value >= 1 / 60 else f"{value * 3600:,.1f} s"
