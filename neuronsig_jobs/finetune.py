"""Fine-tune the model on labelled documents that the run leaves out, to compare it with what it was (P1 4.1; P2 4.4).

A run leaves a share of a source's documents out when it is annotated with corpus.sources.NAME.reserve=0.5, say. Those
that have exactly one value of the metadata field finetune.field are examples: a part of them trains, the others
(finetune.test) test. No sentence of the run is trained on: a document that has one is no example, and is counted (a
sentence of fewer than five words counts where it is the whole document). One linear layer reads the first token's last
state ([CLS]; a causal model's last token), and all weights move. Ray Train runs one worker for each GPU or CPU replica
(ray.replicas); a killed job goes on from its last checkpoint, with as many workers. Reads RUN/sentences and the corpora
that it was made of, where they were then, or where corpus= says now; writes a folder that every job takes as a model,
by default RUN/models/<name>-finetuned-<field>, with the last layer (classifier.npz) and what was measured
(finetune.json).

Example:  neuronsig annotate run=runs/six corpus=six corpus.sources.sentiment140.reserve=0.5
          neuronsig finetune run=runs/six finetune=sentiment140
          neuronsig finetune run=runs/six finetune=sentiment140 finetune.epochs=2 finetune.learning_rate=5e-5
          neuronsig collect run=runs/six model=local model.name=tuned model.path=RUN/models/minilm-finetuned-sentiment
"""

import json
import re
from collections import Counter
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.checkpoint import TokenizerSpec, load_tokenizer, model_config, read_config, weights_fingerprint
from neuronsig.config import Config, CorpusConfig, SourceConfig, as_plan
from neuronsig.corpora.check import check_source
from neuronsig.corpora.plan import corpus_fingerprint
from neuronsig.errors import ConfigError, InputError
from neuronsig.evaluation.intervals import share_limits
from neuronsig.finetuning.examples import Split, shares, split, with_sentences
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.files import list_files, remove
from neuronsig.storage.parquet import check_table, table_files
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.model_output import model_output, require_writable, tokenizer_source

RECORD = "finetune.json"


def run(config: Config) -> Summary:
    """Write the model, unless the same one is there."""
    asked, directory = config.finetune, RunDirectory.existing(config.run)
    if not asked.field:
        raise ConfigError(
            "finetune.field='': must be a metadata field of the corpus; give one, as finetune.field=category"
        )
    sentences = directory.fingerprint("annotate", "neuronsig finetune")
    check_table(directory.sentences, SENTENCES)
    sources = reserved_sources(directory, config.corpus)
    tokenizer, (folder, _) = load_tokenizer(config.model), model_config(config.model)
    target = model_output(config, "finetune", asked.output, "finetuned-" + re.sub(r"[^\w.-]", "_", asked.field))
    settings = {key: value for key, value in as_plan(asked).items() if key != "output"}
    plan = {
        "inputs": {"annotate": sentences},
        "files": corpus_fingerprint(CorpusConfig(sources=sources)),
        "weights": weights_fingerprint(folder),
        "tokenizer": [tokenizer.name, tokenizer.sha256],
        "finetune": settings,
        "versions": {name: metadata.version(name) for name in ("torch", "transformers")},
    }
    fingerprint = fingerprint_of(plan)
    with directory.alone(f"finetune/{fingerprint}"):
        made = _record(target)
        if made.get("fingerprint") != fingerprint:
            require_writable(target, folder, "finetune.output", config.overwrite, "fine-tuned")
            made = _make(config, directory, sources, tokenizer, folder, target, fingerprint)
    return {**made["counts"], "model.path": str(target)}


def reserved_sources(directory: RunDirectory, corpus: CorpusConfig) -> dict[str, SourceConfig]:
    """The sources of the run that leave documents out, at their paths in `corpus` where it has sources of those names.

    Raises InputError where none leaves any out, one is not there, or the text is another than the run's.
    """
    moved = {name: source.path for name, source in corpus.sources.items()}
    sources = directory.annotated_sources()
    sources = {name: replace(one, path=moved.get(name, one.path)) for name, one in sources.items()}
    reserving = {name: source for name, source in sources.items() if source.reserve}
    if not reserving:
        raise InputError(
            f"run={directory.root} leaves no document out, and no sentence of a run is trained on; annotate the text "
            f"in another run=... with corpus.sources.NAME.reserve=0.5, NAME one of {', '.join(sources)}"
        )
    for name, source in reserving.items():
        check_source(source, f"corpus.sources.{name}")
    plan = (directory.stage_record("annotate") or {})["plan"]
    first = {name: sources[name] for name in plan["corpus"]["sources"]}
    if corpus_fingerprint(CorpusConfig(sources=first)) != plan["corpus_files"]:
        raise InputError(
            f"the files of {', '.join(first)} are not those that run={directory.root} was made of, and other documents "
            "may be left out; restore them, or annotate them in another run=..."
        )
    return reserving


def _make(
    config: Config, directory: RunDirectory, sources: dict[str, SourceConfig], tokenizer: TokenizerSpec, folder: Path,
    target: Path, fingerprint: str,
) -> dict[str, Any]:  # fmt: skip
    from neuronsig_ray.finetune.trainer import Shape, fine_tuned
    from neuronsig_ray.finetune.training import Task
    from neuronsig_ray.model.loading import require_weights
    from neuronsig_ray.model.saving import save_model
    from neuronsig_ray.pool import replica_pool, resources, wait_for_places
    from neuronsig_ray.preflight import ready_session

    asked = config.finetune
    require_weights(str(folder))
    with ready_session(config):
        examples, counts = chosen(config, directory, sources, tokenizer)
        pool = replica_pool(config.ray, resources(config.ray), asked.batch)
        wait_for_places(replace(config.ray, replicas=pool.replicas), pool)
        shape = Shape(str(folder.resolve()), examples.labels, asked.dropout, tokenizer.prefix_tokens > 0)
        task = Task(asked.epochs, asked.learning_rate, asked.batch, asked.seed, _padding(folder))
        # Dropout is drawn for each worker: with another number of them it is another curve.
        work = directory.work("finetune", fingerprint)
        classifier, state = fine_tuned(
            shape, task, examples, pool, work, f"{pool.replicas}-{'gpu' if pool.gpus else 'cpu'}"
        )
    counts |= measured(examples, state.history)
    record = {"fingerprint": fingerprint, "labels": examples.labels, "epochs": state.history, "counts": counts}

    def more(saved: Path) -> None:
        head = classifier.head
        np.savez(saved / "classifier.npz", weight=head.weight.detach().numpy(), bias=head.bias.detach().numpy())
        (saved / RECORD).write_text(json.dumps(record, indent=1))

    save_model(classifier.model, tokenizer_source(config.model, folder), target, "finetune.output", more)
    remove(work)
    return record


def chosen(
    config: Config, directory: RunDirectory, sources: dict[str, SourceConfig], tokenizer: TokenizerSpec
) -> tuple[Split, dict[str, Any]]:
    """The examples that train and test, and what became of the reserved documents that are neither."""
    from neuronsig_ray.finetune.reading import reserved_examples, sentences_in

    asked, key = config.finetune, f"finetune.field={config.finetune.field}"
    examples, others, fields = reserved_examples(sources, asked.field, tokenizer)
    if not examples.num_rows:
        known = ", ".join(sorted(fields)[:8]) or "no field at all"
        raise InputError(f"{key}: no reserved document has one value of it (they have {known}); choose another field")
    alike = with_sentences(examples, sentences_in(table_files(directory.sentences), examples))
    own = examples.filter(pa.array(~alike))
    found = split(own, asked.test, asked.least, asked.documents, asked.seed, key)
    return found, {
        "documents that train": found.train.num_rows,
        "documents that test": found.test.num_rows,
        "documents left out: a sentence of the run is in them": int(alike.sum()),
        **{f"documents left out: {reason}": number for reason, number in sorted(others.items())},
        **found.counts,
        "documents that train, by label": shares(found.labels, found.train),
    }


def measured(examples: Split, history: list[dict[str, float]]) -> dict[str, Any]:
    """Loss and accuracy after each epoch, the last accuracy with its 95 % limits, and that of the commonest label."""
    n = examples.test.num_rows
    right = round(history[-1]["test accuracy"] * n)
    low, high = share_limits(right, n)
    commonest, _ = Counter(examples.train["label"].to_pylist()).most_common(1)[0]
    majority = shares([commonest], examples.test)[commonest] / n
    return {
        **{f"loss of epoch {one['epoch']:.0f}": round(one["loss"], 4) for one in history},
        "test accuracy": f"{right / n:.3f} ({low:.3f} to {high:.3f})",
        f"test accuracy of always {commonest!r}": f"{majority:.3f}",
    }


def _padding(folder: Path) -> int:
    """A token that fills inputs up: the model's own, else the first; it is masked."""
    return max(0, int(read_config(folder, f"model.path={folder}").get("pad_token_id") or 0))


def _record(target: Path) -> dict[str, Any]:
    """What an earlier run wrote beside a model that is still there; empty where there is none."""
    names = {file.name for file in list_files(target)} if target.is_dir() else set()
    if RECORD not in names or not any(name.endswith(".safetensors") for name in names):
        return {}
    try:
        record = json.loads((target / RECORD).read_text())
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
