"""Check a finished collection: files, counts, order and uniqueness of every list, and a sample scored from the text.

Reads RUN/topk/<model> (jobs.collect), RUN/tokenized and RUN/sentences, and the model; writes nothing. A random sample
of stored rows is tokenized and scored again: plainly in float32, sentence by sentence, by code the collection does not
use, which must agree within a tolerance; and in the batches of the collection, which must give the same bits where
device class and library versions are those of the plan. What was scored must be in every list it belongs in. Ends with
an error when anything is wrong.

Example:  python -m jobs.verify run=runs/demo model=minilm verify.sample=1000
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from jobs import collect
from jobs.launch import Summary, launch
from neuronsig.checkpoint import TokenizerSpec, load_tokenizer, model_config, weights_fingerprint
from neuronsig.commits import committed
from neuronsig.config import CollectConfig, Config
from neuronsig.errors import InputError
from neuronsig.progress import say, show_table, task
from neuronsig.rundir import RunDirectory
from neuronsig.shards import ShardPlan
from neuronsig.topk import Keys, pack, unpack
from neuronsig.verify import (
    Check,
    GroupFile,
    ListChecks,
    SentenceFile,
    StoredRow,
    check_files,
    find_tokens,
    missing_entries,
    read_texts,
    sample_rows,
    sentence_files,
    tolerance,
)
from neuronsig_ray.job import Job
from neuronsig_ray.model import DeviceClass, device_class
from neuronsig_ray.reduce import final_marker
from neuronsig_ray.session import ray_session, resources
from neuronsig_ray.verify import BatchScorer, PlainScorer, ask

SECTIONS = ("model", "verify", "ray")


@dataclass(frozen=True)
class Subject:
    """What is verified: the plan it was made with, the job that made it, and its groups' files where they are valid."""

    run: RunDirectory
    plan: dict[str, Any]
    job: Job
    tokenizer: TokenizerSpec
    folder: Path
    files: list[GroupFile | None]

    def row(self, group: int, code: int) -> int:
        """Row of the job for a neuron's place in its group's file."""
        file = self.files[group]
        assert file is not None
        unit, sign = divmod(code, len(file.signs))
        return self.job.ranges(group)[self.job.signs.index(file.signs[sign])][0] + unit


def run(config: Config) -> Summary:
    subject, checks = _open(config)
    topk = subject.run.topk(config.model.name)
    dense, texts = sentence_files(subject.run.sentences)
    lists = ListChecks(texts[-1].last + 1 if texts else 0)
    last = _check_lists(subject, lists)
    checks += [dense, *lists.all]
    whole = all(keys is not None for keys in last)
    if config.verify.sample and whole and not checks[0].wrong:
        with ray_session(config.ray):
            checks += _recompute(config, subject, texts, _rows_of(subject, last))
    elif config.verify.sample:
        say("  nothing was scored again: the plan, the model or the lists are not what they should be")
    _show(checks)
    wrong = [check for check in checks if check.wrong]
    if wrong:
        raise InputError(
            f"{topk} fails {len(wrong)} of {len(checks)} checks; {wrong[0].name}: {wrong[0].wrong:,} of "
            f"{wrong[0].checked:,} are wrong, {wrong[0].first}; delete {topk} and run python -m jobs.collect again"
        )
    return {"checks": len(checks), "wrong": 0, "neurons": subject.job.rows, "sentences": subject.job.sentences}


def _open(config: Config) -> tuple[Subject, list[Check]]:
    """The collection as its record in run.json describes it, and what differs from what is here now."""
    run = RunDirectory.existing(config.run)
    name = config.model.name
    fingerprint = run.fingerprint(f"collect/{name}", "jobs.verify")
    entry = run.stage_record(f"collect/{name}") or {}
    plan = entry["plan"]
    tokenizer = load_tokenizer(config.model)
    folder, _ = model_config(config.model)
    known = {field.name for field in dataclasses.fields(CollectConfig)}
    recorded = {key: value for key, value in entry["config"]["collect"].items() if key in known}
    as_collected = dataclasses.replace(
        config, collect=CollectConfig(**{**recorded, "batch_tokens": plan["batch_tokens"]})
    )
    shards = ShardPlan.read(run.tokenized(plan["tokenizer"]))
    groups = collect.groups_of(as_collected, folder)
    device = DeviceClass(**plan["device"])
    job = collect.make_job(as_collected, run, shards, fingerprint, folder, device, groups, device.threads)

    made = Check("model and tokenizer are the plan's")
    weights = weights_fingerprint(folder)
    made.count(
        1, weights != plan["weights"], f"weights {weights} of {config.model.path}, the plan has {plan['weights']}"
    )
    made.count(1, tokenizer.name != plan["tokenizer"], f"tokenizer {tokenizer.name}, the plan has {plan['tokenizer']}")
    found = {group.name: group.units for group in groups}
    made.count(1, found != plan["groups"], f"units {found}, the plan has {plan['groups']}")

    topk = run.topk(name)
    length = min(job.k, job.sentences)
    files: list[GroupFile | None] = []
    with task("checksums", len(groups), "files") as bar:
        for group in groups:
            marker = final_marker(topk, group)
            valid = committed(marker, fingerprint)
            path = (marker.parent / valid["file"]).resolve() if valid else None
            signs = tuple(sorted(job.signs))
            files.append(path and GroupFile(path, group.site, group.layer, group.units, signs, length))
            bar.advance()
    named = [file.path if file else None for file in files]
    return (
        Subject(run, plan, job, tokenizer, folder, files),
        [made, check_files(topk.resolve(), named, [group.name for group in groups])],
    )


def _check_lists(subject: Subject, lists: ListChecks) -> list[Keys | None]:
    """The last key of every list of each group, None for a group that is not whole."""
    last: list[Keys | None] = []
    with task("checking lists", len(subject.files), "groups") as bar:
        for file in subject.files:
            last.append(lists.group(file) if file else None)
            bar.advance()
    return last


def _rows_of(subject: Subject, last: Sequence[Keys | None]) -> Keys:
    """The last keys as one array in the order of the job's rows."""
    rows = np.zeros(subject.job.rows, np.uint64)
    for position, keys in enumerate(last):
        if keys is not None:
            rows[[subject.row(position, code) for code in range(len(keys))]] = keys
    return rows


def _recompute(config: Config, subject: Subject, texts: Sequence[SentenceFile], last: Keys) -> list[Check]:
    job, files = subject.job, [file for file in subject.files if file is not None]
    stored = sample_rows(files, config.verify.sample, config.verify.seed)
    others = np.random.default_rng(config.verify.seed + 1).integers(0, texts[-1].last + 1, config.verify.others)
    wanted = np.unique([*(row.sentence_id for row in stored), *others.tolist()])
    with task("looking for sentences", 2, "tables") as bar:
        found = read_texts(texts, wanted)
        bar.advance()
        shards = find_tokens(subject.run.tokenized(subject.plan["tokenizer"]), job.shards, wanted)
        bar.advance()
    tokens, inputs = _tokenize(config, subject, found, shards)
    listed = {row.sentence_id for row in stored}
    absent = [sentence for sentence in listed if sentence not in inputs]
    tokens.count(len(absent), len(absent), f"listed sentence {absent[0]} is in no shard" if absent else "")
    rows = {str(job.neuron(row)): row for row in range(job.rows)}
    checks = [tokens, *_plain(subject, stored, inputs, last, rows)]
    same, why = _same_class(config, job, subject.plan)
    if same:
        where = {sentence: shards[sentence][0] for sentence in listed if sentence in shards}
        return [*checks, *_batches(subject, stored, where, last, rows)]
    say(f"  bits are not compared: {why}")
    return checks


def _tokenize(
    config: Config, subject: Subject, texts: dict[int, str], shards: dict[int, tuple[int, list[int]]]
) -> tuple[Check, dict[int, tuple[list[int], int, int]]]:
    """Token ids of the texts, and the first and the stop token that are pooled; compared with the shards'."""
    from transformers import AutoTokenizer

    check = Check("tokens of the text are the shard's")
    tokenizer = AutoTokenizer.from_pretrained(config.model.tokenizer or subject.folder)
    limit = subject.tokenizer.max_tokens
    cut = {"truncation": True, "max_length": limit} if limit else {}
    inputs = {}
    for sentence, (shard, expected) in shards.items():
        if sentence not in texts:
            continue
        encoded = tokenizer(texts[sentence], return_special_tokens_mask=True, **cut)
        ids, mask = encoded["input_ids"], encoded["special_tokens_mask"]
        check.count(1, ids != expected, f"sentence {sentence} in shard {shard} has other tokens than its text gives")
        special = subject.job.skip_prefix + subject.job.skip_suffix == 0
        first, stop = (0, len(ids)) if special or 0 not in mask else (mask.index(0), len(ids) - mask[::-1].index(0))
        inputs[sentence] = (ids, first, stop)
    return check, inputs


def _plain(
    subject: Subject,
    stored: Sequence[StoredRow],
    inputs: dict[int, tuple[list[int], int, int]],
    last: Keys,
    rows: dict[str, int],
) -> list[Check]:
    job = subject.job
    scores = Check("scores agree with plain float32 ones")
    missing = Check("sentences are in every list they belong in (plain)")
    scorer: Any = ray.remote(num_cpus=_cpus(job))(PlainScorer).remote(job)
    by_sentence: dict[int, list[StoredRow]] = {}
    for row in stored:
        by_sentence.setdefault(row.sentence_id, []).append(row)
    floor = unpack(last)[0]
    entries: list[tuple[int, int]] = []
    worst = 0.0
    with task("scoring plainly", len(inputs), "sentences") as bar:
        for sentence, (ids, first, stop) in inputs.items():
            found = ask(scorer.scores.remote(ids, first, stop))  # (rows,)
            allowed = _tolerances(job, found)
            for row in by_sentence.get(sentence, ()):
                place = rows[str(row.neuron)]
                difference = abs(float(found[place]) - float(row.score))
                worst = max(worst, difference / float(allowed[place]))
                named = f"{row.neuron} has {row.score:.6g} for sentence {sentence}, its text gives {found[place]:.6g}"
                scores.count(1, not difference <= allowed[place], named)
            entries += [(place, sentence) for place in np.flatnonzero(found - allowed > floor).tolist()]
            missing.count(job.rows)
            bar.advance()
    ray.kill(scorer)
    scores.worst = f"{worst:.2g} of the tolerance for {job.dtype}"
    keys = [(place, pack(floor[[place]], np.array([sentence]))[0]) for place, sentence in entries]
    _require_listed(subject, missing, keys, same=False)
    return [scores, missing]


def _batches(
    subject: Subject, stored: Sequence[StoredRow], where: dict[int, int], last: Keys, rows: dict[str, int]
) -> list[Check]:
    job = subject.job
    bits = Check("scores agree bit by bit with the same batch's")
    missing = Check("sentences are in every list they belong in (bits)")
    gpus = 1 if job.device == "cuda" else 0
    scorer: Any = ray.remote(num_cpus=_cpus(job), num_gpus=gpus)(BatchScorer).remote(job, ray.put(last))
    by_sentence: dict[int, list[StoredRow]] = {}
    for row in stored:
        by_sentence.setdefault(row.sentence_id, []).append(row)
    entries: list[tuple[int, np.uint64]] = []
    worst = 0.0
    with task("scoring in batches", len(where), "sentences") as bar:
        for shard in sorted(set(where.values())):
            wanted = np.array(sorted(sentence for sentence, index in where.items() if index == shard))
            found = ask(scorer.shard.remote(shard, wanted))
            for column, sentence in enumerate(found.sentence_ids.tolist()):
                for row in by_sentence[sentence]:
                    score = found.scores[rows[str(row.neuron)], column] + np.float32(0)
                    worst = max(worst, abs(float(score) - float(row.score)))
                    named = f"{row.neuron} has {row.score:.9g} for sentence {sentence}, its batch gives {score:.9g}"
                    bits.count(1, score.tobytes() != np.float32(row.score).tobytes(), named)
            missing.count(found.sentences * job.rows)
            entries += zip(found.rows.tolist(), found.keys, strict=True)
            bar.advance(len(wanted))
    ray.kill(scorer)
    bits.worst = f"{worst:.2g}"
    _require_listed(subject, missing, entries, same=True)
    return [bits, missing]


def _require_listed(subject: Subject, check: Check, entries: Sequence[tuple[int, np.uint64]], same: bool) -> None:
    """Every (row of the job, key) must be in the row's list."""
    places = {
        subject.row(position, code): (position, code)
        for position, file in enumerate(subject.files)
        for code in range(file.neurons if file else 0)
    }
    wanted: dict[int, dict[int, list[np.uint64]]] = {}
    for row, key in entries:
        position, code = places[row]
        wanted.setdefault(position, {}).setdefault(code, []).append(key)
    for position, by_code in wanted.items():
        file = subject.files[position]
        assert file is not None
        lost = missing_entries(file, {code: np.array(keys, np.uint64) for code, keys in by_code.items()}, same)
        named = f"{file.neuron(lost[0][0])} lacks sentence {lost[0][1]}" if lost else ""
        check.count(0, len(lost), named)
    check.worst = f"{len(entries):,} belong in one"


def _tolerances(job: Job, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    allowed = np.empty_like(scores)
    for position in range(len(job.groups)):
        for start, stop in job.ranges(position):
            allowed[start:stop] = tolerance(scores[start:stop], job.dtype)
    return allowed


def _same_class(config: Config, job: Job, plan: dict[str, Any]) -> tuple[bool, str]:
    """Whether scores made here must have the plan's bits; if not, why."""
    here = {name: metadata.version(name) for name in plan["versions"]}
    if here != plan["versions"]:
        return False, f"library versions are {here}, the plan's {plan['versions']}"
    available = resources(config.ray)
    gpu = job.device == "cuda"
    if gpu and (not available.gpus or config.ray.gpus == "0"):
        return False, f"the plan's device is {plan['device']['name']}, there is no GPU here"
    if job.threads > available.largest_node:
        return False, f"the plan's replicas had {job.threads} threads, there are {available.largest_node} cores here"
    probe = ray.remote(num_cpus=_cpus(job), num_gpus=int(gpu))(device_class)
    found = ask(probe.remote(gpu, job.dtype, job.threads))
    if dataclasses.asdict(found) != plan["device"]:
        return False, f"the device is {dataclasses.asdict(found)}, the plan's {plan['device']}"
    return True, ""


def _cpus(job: Job) -> int:
    return max(1, min(job.threads, int(ray.cluster_resources().get("CPU", 1))))


def _show(checks: Sequence[Check]) -> None:
    rows = [(c.name, c.checked, c.wrong, c.first if c.wrong else c.worst) for c in checks]
    show_table("What was checked", ("check", "looked at", "wrong", ""), rows)


if __name__ == "__main__":
    sys.exit(launch(run, SECTIONS))
