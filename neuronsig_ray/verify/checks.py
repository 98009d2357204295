"""A sample of a finished collection scored again by Ray actors, against what is stored and what lists must hold."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import ray

from neuronsig.checkpoint import TOKENIZER_FILES, model_folder, open_tokenizer
from neuronsig.collection.job import Job
from neuronsig.collection.spot_check import StoredRow, find_tokens, missing_entries, read_texts, sample_rows, tolerance
from neuronsig.collection.topk import Keys, pack, unpack
from neuronsig.collection.tree_reduce import final_marker
from neuronsig.collection.verify import Check, GroupFile, Ids, SentenceFile
from neuronsig.config import Config, RayConfig
from neuronsig.progress import say, task
from neuronsig.run.commits import committed
from neuronsig.storage.location import join, location
from neuronsig_ray.finished_run import FinishedRun
from neuronsig_ray.model.inference import DeviceClass, device_class
from neuronsig_ray.pool import resources
from neuronsig_ray.session import nodes
from neuronsig_ray.tasks import actors, map_tasks
from neuronsig_ray.verify.rescore import BatchScorer, PlainScorer

TOKENS = "tokens of the text are the shard's"

Input = tuple[list[int], int, int]
"""Token ids of one sentence, of which those from the first number to below the other are pooled."""
Stored = Mapping[int, Sequence[StoredRow]]
"""Rows of the topk table by sentence."""


class Collection:
    """A table whose files and lists are whole: the job that made it, its files and the last key of every list.

    `last` has one array (neurons,) for each file, in the file's order; here it becomes one (rows,) in the job's.
    """

    def __init__(self, job: Job, files: Sequence[GroupFile], last: Sequence[Keys]) -> None:
        self.job, self.files = job, list(files)
        self.rows = [self._rows(position, file) for position, file in enumerate(files)]
        self.last = np.zeros(job.rows, np.uint64)
        for rows, keys in zip(self.rows, last, strict=True):
            self.last[rows] = keys
        self.row_of = {job.neuron(row): row for row in range(job.rows)}

    def _rows(self, position: int, file: GroupFile) -> Ids:
        """Row of the job for every neuron of a file, (neurons,) in the file's order."""
        units, signs = np.divmod(np.arange(file.neurons), len(file.signs))
        starts = dict(zip(self.job.signs, (start for start, _ in self.job.ranges(position)), strict=True))
        return units + np.array([starts[sign] for sign in file.signs])[signs]

    def require_listed(self, check: Check, entries: Sequence[tuple[Ids, Keys]], same: bool) -> None:
        """Count the keys (n,) that are not in the lists of their rows (n,); `same` asks for the same bits too."""
        if not entries:
            return
        rows, keys = (np.concatenate(column) for column in zip(*entries, strict=True))
        for file, of_file in zip(self.files, self.rows, strict=True):
            code_of = {row: code for code, row in enumerate(of_file.tolist())}
            inside = np.isin(rows, of_file)
            wanted: dict[int, list[np.uint64]] = {}
            for row, key in zip(rows[inside].tolist(), keys[inside], strict=True):
                wanted.setdefault(code_of[row], []).append(key)
            lost = missing_entries(file, {code: np.array(of, np.uint64) for code, of in wanted.items()}, same)
            check.count(0, len(lost), f"{file.neuron(lost[0][0])} lacks sentence {lost[0][1]}" if lost else "")
        check.worst = f"{len(rows):,} belong in one"


def plain_checks(collection: Collection, stored: Stored, inputs: Mapping[int, Input]) -> list[Check]:
    """Stored scores against plain float32 ones, within the tolerance of the job's dtype; `inputs` by sentence."""
    job = collection.job
    scores = Check("scores agree with plain float32 ones")
    listed = Check("sentences are in every list they belong in (plain)")
    floor = unpack(collection.last)[0]
    entries: list[tuple[Ids, Keys]] = []
    worst, scoring = 0.0, actors(PlainScorer, job, cpus=cores_of(job))
    with scoring as (scorer,), task("scoring plainly", len(inputs), "sentences") as bar:
        for sentence, given in inputs.items():
            found = ray.get(scorer.scores.remote(*given))  # (rows,)
            allowed = np.empty_like(found)
            for start, stop in (span for position in range(len(job.groups)) for span in job.ranges(position)):
                allowed[start:stop] = tolerance(found[start:stop], job.dtype)
            for row in stored.get(sentence, ()):
                place = collection.row_of[row.neuron]
                difference = abs(float(found[place]) - float(row.score))
                worst = max(worst, difference / float(allowed[place]))
                named = f"{row.neuron} has {row.score:.6g} for sentence {sentence}, its text gives {found[place]:.6g}"
                scores.count(1, not difference <= allowed[place], named)
            certain = np.flatnonzero(found - allowed > floor)
            entries.append((certain, pack(found[certain], np.full(certain.size, sentence))))
            listed.count(job.rows)
            bar.advance()
    scores.worst = f"{worst:.2g} of the tolerance for {job.dtype}"
    collection.require_listed(listed, entries, same=False)
    return [scores, listed]


def batch_checks(collection: Collection, stored: Stored, shard_of: Mapping[int, int]) -> list[Check]:
    """Stored scores against those of the same batches, bit by bit; `shard_of` gives the sentences' shards."""
    job = collection.job
    bits = Check("scores agree bit by bit with the same batch's")
    listed = Check("sentences are in every list they belong in (bits)")
    entries: list[tuple[Ids, Keys]] = []
    worst, last = 0.0, ray.put(collection.last)
    scoring = actors(BatchScorer, job, last, cpus=cores_of(job), gpus=int(job.device == "cuda"))
    with scoring as (scorer,), task("scoring in batches", len(shard_of), "sentences") as bar:
        for shard in sorted(set(shard_of.values())):
            wanted = np.array(sorted(sentence for sentence, index in shard_of.items() if index == shard))
            found = ray.get(scorer.shard.remote(shard, wanted))
            for column, sentence in enumerate(found.sentence_ids.tolist()):
                for row in stored.get(sentence, ()):
                    # A list has 0.0 for -0.0.
                    score = np.float32(found.scores[collection.row_of[row.neuron], column] + np.float32(0))
                    worst = max(worst, abs(float(score) - float(row.score)))
                    named = f"{row.neuron} has {row.score:.9g} for sentence {sentence}, its batch gives {score:.9g}"
                    bits.count(1, score.tobytes() != np.float32(row.score).tobytes(), named)
            listed.count(found.sentences * job.rows)
            entries.append((found.rows, found.keys))
            bar.advance(len(wanted))
    bits.worst = f"{worst:.2g}"
    collection.require_listed(listed, entries, same=True)
    return [bits, listed]


def why_not_same_bits(config: RayConfig, job: Job, device: DeviceClass, versions: Mapping[str, str]) -> str:
    """Why scores made here may differ in their last bits from the plan's device and versions; empty: they must not."""
    here = {name: metadata.version(name) for name in versions}
    if here != versions:
        return f"library versions are {here}, the plan's {versions}"
    available, gpu = resources(config), job.device == "cuda"
    if gpu and (not available.gpus or config.gpus == "0"):
        return f"the plan's device is {device.name}, there is no GPU here"
    asked = (gpu, job.dtype, job.threads)
    (found,) = map_tasks(device_class, [asked], cpus=cores_of(job), gpus=int(gpu))
    if dataclasses.astuple(found) != dataclasses.astuple(device):
        return f"the device is {dataclasses.asdict(found)}, the plan's {dataclasses.asdict(device)}"
    return ""


def cores_of(job: Job) -> int:
    """The cores of one scorer: the job's, or all of a smaller machine, which gives the same bits."""
    return max(1, min(job.threads, max((int(has.get("CPU", 0)) for has in nodes()), default=1)))


def group_files(job: Job, topk: Path) -> list[GroupFile | None]:
    """The file of every group, None where no valid commit names one."""
    lists = (tuple(sorted(job.signs)), min(job.k, job.sentences))
    found: list[GroupFile | None] = []
    with task("checksums", len(job.groups), "files") as bar:
        for group in job.groups:
            marker = final_marker(topk, group)
            valid = committed(marker, job.fingerprint)
            file = join(marker.parent, valid["file"]) if valid else None
            found.append(GroupFile(file, group.site, group.layer, group.units, *lists) if file else None)
            bar.advance()
    return found


def recomputed(
    config: Config, finished: FinishedRun, texts: Sequence[SentenceFile], collection: Collection
) -> list[Check]:
    """Draw the sample, read and tokenize its sentences, and compare scores; on Ray."""
    job, seed = finished.job, config.verify.seed
    stored: dict[int, list[StoredRow]] = defaultdict(list)
    for row in sample_rows(collection.files, config.verify.sample, seed):
        stored[row.sentence_id].append(row)
    listed = sorted(stored)
    others = np.random.default_rng([seed, 1]).integers(0, texts[-1].last + 1, config.verify.others)
    wanted = np.unique(np.concatenate([np.array(listed), others]))
    with task("looking for sentences", 2, "tables") as bar:
        text = read_texts(texts, wanted)
        bar.advance()
        tokens = find_tokens(location(job.tokenized), job.shards, wanted)
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
    check = Check(TOKENS)
    path, key = config.model.tokenizer or str(finished.weights), "model.tokenizer"
    tokenizer = open_tokenizer(model_folder(path, key, TOKENIZER_FILES), f"{key}={path}")
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
        inputs[sentence] = ids, first, stop
    return check, inputs
