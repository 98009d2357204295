"""A sample of a finished collection, drawn, tokenized and scored again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuronsig.collection.job import Group, Job
from neuronsig.collection.spot_check import find_tokens, read_texts, sample_rows
from neuronsig.collection.tree_reduce import final_marker
from neuronsig.collection.verify import Check, GroupFile, SentenceFile
from neuronsig.config import Config
from neuronsig.progress import say, task
from neuronsig.run.commits import committed
from neuronsig.storage.location import join
from neuronsig_ray.finished_run import FinishedRun
from neuronsig_ray.verify.checks import Collection, Input, batch_checks, plain_checks, why_not_same_bits

TOKENS = "tokens of the text are the shard's"


def group_files(job: Job, topk: Path) -> list[GroupFile | None]:
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


def recomputed(
    config: Config, finished: FinishedRun, texts: Sequence[SentenceFile], collection: Collection
) -> list[Check]:
    """Draw the sample, read and tokenize its sentences, and compare scores; on Ray."""
    job, seed = finished.job, config.verify.seed
    stored = sample_rows(collection.files, config.verify.sample, seed)
    listed = sorted({row.sentence_id for row in stored})
    others = np.random.default_rng([seed, 1]).integers(0, texts[-1].last + 1, config.verify.others)
    wanted = np.unique(np.concatenate([np.array(listed), others]))
    with task("looking for sentences", 2, "tables") as bar:
        text = read_texts(texts, wanted)
        bar.advance()
        tokens = find_tokens(finished.tokenized, job.shards, wanted)
        bar.advance()
    same_tokens, inputs = _tokenized(config, finished, text, tokens)
    absent = [sentence for sentence in listed if sentence not in inputs]
    same_tokens.count(len(absent), len(absent), f"listed sentence {absent[0]} is in no shard" if absent else "")
    checks = [same_tokens, *plain_checks(collection, stored, inputs)]
    why_not = why_not_same_bits(config.ray, job, finished.device, finished.versions)
    if why_not:
        say(f"  bits are not compared: {why_not}")
        return checks
    shard_of = {sentence: tokens[sentence][0] for sentence in listed if sentence in tokens}
    return [*checks, *batch_checks(collection, stored, shard_of)]


def _tokenized(
    config: Config, finished: FinishedRun, text: dict[int, str], tokens: dict[int, tuple[int, list[int]]]
) -> tuple[Check, dict[int, Input]]:
    """The texts through the model's own tokenizer, compared with the shards; dropped sentences are in none."""
    from transformers import AutoTokenizer

    check = Check(TOKENS)
    tokenizer = AutoTokenizer.from_pretrained(config.model.tokenizer or finished.weights)
    limit = finished.tokenizer.max_tokens
    cut = {"truncation": True, "max_length": limit} if limit else {}
    inputs = {}
    for sentence in sorted(text.keys() & tokens.keys()):
        shard, expected = tokens[sentence]
        encoded = tokenizer(text[sentence], return_special_tokens_mask=True, **cut)
        ids, mask = encoded["input_ids"], encoded["special_tokens_mask"]
        check.count(1, ids != expected, f"sentence {sentence} in shard {shard} has other tokens than its text gives")
        everything = finished.job.skip_prefix + finished.job.skip_suffix == 0 or 0 not in mask
        first, stop = (0, len(ids)) if everything else (mask.index(0), len(ids) - mask[::-1].index(0))
        inputs[sentence] = Input(ids, first, stop)
    return check, inputs
