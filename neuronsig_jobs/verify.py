"""Check a finished collection: files, counts, order and uniqueness of every list, and a sample scored from the text.

Reads RUN/topk/<model> (jobs.collect), RUN/tokenized and RUN/sentences, and the model; writes nothing. A random sample
of stored rows is tokenized and scored again: plainly in float32, sentence by sentence, by code the collection does not
use, which must agree within a tolerance; and in the batches of the collection, which must give the same bits where
device class and library versions are those of the plan. What was scored must be in every list it belongs in. Ends with
an error when anything is wrong.

Example:  neuronsig verify run=runs/demo model=minilm verify.sample=1000
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuronsig.collection.spot_check import find_tokens, read_texts, sample_rows
from neuronsig.collection.topk import Keys
from neuronsig.collection.verify import DENSE, Check, GroupFile, ListChecks, SentenceFile, check_files, sentence_files
from neuronsig.config import Config
from neuronsig.errors import InputError
from neuronsig.progress import say, show_table, task
from neuronsig.run.commits import committed
from neuronsig.storage.location import join
from neuronsig_jobs.finished_run import MADE, Subject, subject_of
from neuronsig_jobs.launch import Summary, command
from neuronsig_ray.collect.reduce import final_marker
from neuronsig_ray.job import Group, Job
from neuronsig_ray.session import ray_session
from neuronsig_ray.verify.checks import Collection, Input, batch_checks, plain_checks, why_not_same_bits

TOKENS = "tokens of the text are the shard's"


def run(config: Config) -> Summary:
    subject, made = subject_of(config, "neuronsig verify")
    topk = subject.run.topk(config.model.name)
    files = _files(subject.job, topk)
    named = [file.path if file else None for file in files]
    held = check_files(topk, named, [group.name for group in subject.job.groups])
    dense, texts = sentence_files(subject.run.sentences)
    lists = ListChecks(texts[-1].last + 1 if texts else 0)
    last: list[Keys] = []
    with task("checking lists", len(files), "groups") as bar:
        for file in files:
            keys = lists.group(file) if file else None
            last += [keys] if keys is not None else []
            bar.advance()
    checks = [made, held, dense, *lists.all]
    whole = [file for file in files if file is not None]
    if config.verify.sample and not made.wrong and len(last) == len(files):
        with ray_session(config.ray):
            checks += _recomputed(config, subject, texts, Collection(subject.job, whole, last))
    elif config.verify.sample:
        say("  no score is made again: model, files or lists are not the plan's")
    _show(checks)
    wrong = [check for check in checks if check.wrong]
    if wrong:
        remedy = {
            MADE: "give the model=... that was collected with",
            DENSE: f"delete {subject.run.sentences} and run neuronsig annotate again",
            TOKENS: f"delete {subject.job.tokenized} and run neuronsig tokenize again",
        }.get(wrong[0].name, f"delete {topk} and run neuronsig collect again")
        raise InputError(
            f"{topk} fails {len(wrong)} of {len(checks)} checks; {wrong[0].name}: {wrong[0].wrong:,} of "
            f"{wrong[0].checked:,} are wrong, {wrong[0].first}; {remedy}"
        )
    counts = (subject.run.stage_record(f"collect/{config.model.name}") or {})["counts"]
    inexact = {key: value for key, value in counts.items() if key.startswith("inexact")}
    return {
        "checks": len(checks),
        "wrong": 0,
        "neurons": subject.job.rows,
        "sentences": subject.job.sentences,
        **inexact,
    }


def _files(job: Job, topk: Path) -> list[GroupFile | None]:
    """The file of every group, None where no valid commit names one."""
    with task("checksums", len(job.groups), "files") as bar:

        def file_of(group: Group) -> GroupFile | None:
            marker = final_marker(topk, group)
            valid = committed(marker, job.fingerprint)
            bar.advance()
            if valid is None:
                return None
            length, signs = min(job.k, job.sentences), tuple(sorted(job.signs))
            return GroupFile(join(marker.parent, valid["file"]), group.site, group.layer, group.units, signs, length)

        return [file_of(group) for group in job.groups]


def _recomputed(config: Config, subject: Subject, texts: Sequence[SentenceFile], collection: Collection) -> list[Check]:
    """Draw the sample, read and tokenize its sentences, and compare scores."""
    job, seed = subject.job, config.verify.seed
    stored = sample_rows(collection.files, config.verify.sample, seed)
    listed = sorted({row.sentence_id for row in stored})
    others = np.random.default_rng([seed, 1]).integers(0, texts[-1].last + 1, config.verify.others)
    wanted = np.unique(np.concatenate([np.array(listed), others]))
    with task("looking for sentences", 2, "tables") as bar:
        text = read_texts(texts, wanted)
        bar.advance()
        tokens = find_tokens(subject.run.tokenized(subject.plan["tokenizer"]), job.shards, wanted)
        bar.advance()
    same_tokens, inputs = _tokenized(config, subject, text, tokens)
    absent = [sentence for sentence in listed if sentence not in inputs]
    same_tokens.count(len(absent), len(absent), f"listed sentence {absent[0]} is in no shard" if absent else "")
    checks = [same_tokens, *plain_checks(collection, stored, inputs)]
    why_not = why_not_same_bits(config.ray, job, subject.plan)
    if why_not:
        say(f"  bits are not compared: {why_not}")
        return checks
    shard_of = {sentence: tokens[sentence][0] for sentence in listed if sentence in tokens}
    return [*checks, *batch_checks(collection, stored, shard_of)]


def _tokenized(
    config: Config, subject: Subject, text: dict[int, str], tokens: dict[int, tuple[int, list[int]]]
) -> tuple[Check, dict[int, Input]]:
    """The texts through the model's own tokenizer, compared with the shards; dropped sentences are in none."""
    from transformers import AutoTokenizer

    check = Check(TOKENS)
    tokenizer = AutoTokenizer.from_pretrained(config.model.tokenizer or subject.weights)
    limit = subject.tokenizer.max_tokens
    cut = {"truncation": True, "max_length": limit} if limit else {}
    inputs = {}
    for sentence in sorted(text.keys() & tokens.keys()):
        shard, expected = tokens[sentence]
        encoded = tokenizer(text[sentence], return_special_tokens_mask=True, **cut)
        ids, mask = encoded["input_ids"], encoded["special_tokens_mask"]
        check.count(1, ids != expected, f"sentence {sentence} in shard {shard} has other tokens than its text gives")
        everything = subject.job.skip_prefix + subject.job.skip_suffix == 0 or 0 not in mask
        first, stop = (0, len(ids)) if everything else (mask.index(0), len(ids) - mask[::-1].index(0))
        inputs[sentence] = Input(ids, first, stop)
    return check, inputs


def _show(checks: Sequence[Check]) -> None:
    rows = [(c.name, c.checked, c.wrong, c.first if c.wrong else c.worst) for c in checks]
    show_table("What was checked", ("check", "looked at", "wrong", ""), rows)


main = command("verify", run)


if __name__ == "__main__":
    sys.exit(main())
