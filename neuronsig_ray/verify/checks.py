"""Stored scores against scores made again by Ray actors, and lists against the sentences that belong in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

import numpy as np
import numpy.typing as npt
import ray

from neuronsig.collection.job import Job
from neuronsig.collection.spot_check import StoredRow, missing_entries, tolerance
from neuronsig.collection.topk import Keys, pack, unpack
from neuronsig.collection.verify import Check, GroupFile, Ids
from neuronsig.config import RayConfig
from neuronsig.progress import task
from neuronsig_ray.model.inference import DeviceClass, device_class
from neuronsig_ray.session import resources
from neuronsig_ray.tasks import actors, map_tasks
from neuronsig_ray.verify.rescore import BatchScorer, PlainScorer


@dataclass(frozen=True)
class Input:
    """Token ids of one sentence, of which those from `first` to `stop` - 1 are pooled."""

    ids: list[int]
    first: int
    stop: int


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

    def require_listed(self, check: Check, rows: Ids, keys: Keys, same: bool) -> None:
        """Count the keys (n,) that are not in the lists of their rows (n,); `same` asks for the same bits too."""
        for file, of_file in zip(self.files, self.rows, strict=True):
            code_of = {row: code for code, row in enumerate(of_file.tolist())}
            inside = np.isin(rows, of_file)
            wanted: dict[int, list[np.uint64]] = {}
            for row, key in zip(rows[inside].tolist(), keys[inside], strict=True):
                wanted.setdefault(code_of[row], []).append(key)
            lost = missing_entries(file, {code: np.array(of, np.uint64) for code, of in wanted.items()}, same)
            check.count(0, len(lost), f"{file.neuron(lost[0][0])} lacks sentence {lost[0][1]}" if lost else "")
        check.worst = f"{len(rows):,} belong in one"


def plain_checks(collection: Collection, stored: Sequence[StoredRow], inputs: Mapping[int, Input]) -> list[Check]:
    """Stored scores against plain float32 ones, within the tolerance of the job's dtype; `inputs` by sentence."""
    job = collection.job
    scores = Check("scores agree with plain float32 ones")
    listed = Check("sentences are in every list they belong in (plain)")
    floor = unpack(collection.last)[0]
    by_sentence = _by_sentence(stored)
    rows: list[Ids] = []
    keys: list[Keys] = []
    worst = 0.0
    with (
        actors(PlainScorer, job, cpus=cores_of(job)) as (scorer,),
        task("scoring plainly", len(inputs), "sentences") as bar,
    ):
        for sentence, given in inputs.items():
            found = ray.get(scorer.scores.remote(given.ids, given.first, given.stop))  # (rows,)
            allowed = _tolerances(job, found)
            for row in by_sentence.get(sentence, ()):
                place = collection.row_of[row.neuron]
                difference = abs(float(found[place]) - float(row.score))
                worst = max(worst, difference / float(allowed[place]))
                named = f"{row.neuron} has {row.score:.6g} for sentence {sentence}, its text gives {found[place]:.6g}"
                scores.count(1, not difference <= allowed[place], named)
            certain = np.flatnonzero(found - allowed > floor)
            rows.append(certain)
            keys.append(pack(found[certain], np.full(certain.size, sentence)))
            listed.count(job.rows)
            bar.advance()
    scores.worst = f"{worst:.2g} of the tolerance for {job.dtype}"
    if rows:
        collection.require_listed(listed, np.concatenate(rows), np.concatenate(keys), same=False)
    return [scores, listed]


def batch_checks(collection: Collection, stored: Sequence[StoredRow], shard_of: Mapping[int, int]) -> list[Check]:
    """Stored scores against those of the same batches, bit by bit; `shard_of` gives the sentences' shards."""
    job = collection.job
    bits = Check("scores agree bit by bit with the same batch's")
    listed = Check("sentences are in every list they belong in (bits)")
    by_sentence = _by_sentence(stored)
    rows: list[Ids] = []
    keys: list[Keys] = []
    worst = 0.0
    last, gpus = ray.put(collection.last), int(job.device == "cuda")
    scoring = actors(BatchScorer, job, last, cpus=cores_of(job), gpus=gpus)
    with scoring as (scorer,), task("scoring in batches", len(shard_of), "sentences") as bar:
        for shard in sorted(set(shard_of.values())):
            wanted = np.array(sorted(sentence for sentence, index in shard_of.items() if index == shard))
            found = ray.get(scorer.shard.remote(shard, wanted))
            for column, sentence in enumerate(found.sentence_ids.tolist()):
                for row in by_sentence.get(sentence, ()):
                    # A list has 0.0 for -0.0.
                    score = np.float32(found.scores[collection.row_of[row.neuron], column] + np.float32(0))
                    worst = max(worst, abs(float(score) - float(row.score)))
                    named = f"{row.neuron} has {row.score:.9g} for sentence {sentence}, its batch gives {score:.9g}"
                    bits.count(1, score.tobytes() != np.float32(row.score).tobytes(), named)
            listed.count(found.sentences * job.rows)
            rows.append(found.rows)
            keys.append(found.keys)
            bar.advance(len(wanted))
    bits.worst = f"{worst:.2g}"
    if rows:
        collection.require_listed(listed, np.concatenate(rows), np.concatenate(keys), same=True)
    return [bits, listed]


def why_not_same_bits(config: RayConfig, job: Job, device: DeviceClass, versions: Mapping[str, str]) -> str:
    """Why scores made here may differ in their last bits from those of the plan's device and library versions.

    Empty when they must not.
    """
    here = {name: metadata.version(name) for name in versions}
    if here != versions:
        return f"library versions are {here}, the plan's {versions}"
    available, gpu = resources(config), job.device == "cuda"
    if gpu and (not available.gpus or config.gpus == "0"):
        return f"the plan's device is {device.name}, there is no GPU here"
    if job.threads > available.largest_node:
        return f"the plan's replicas had {job.threads} threads, there are {available.largest_node} cores here"
    asked = (gpu, job.dtype, job.threads)
    (found,) = map_tasks(device_class, [asked], cpus=max(1, job.threads), gpus=int(gpu))
    if dataclasses.astuple(found) != dataclasses.astuple(device):
        return f"the device is {dataclasses.asdict(found)}, the plan's {dataclasses.asdict(device)}"
    return ""


def cores_of(job: Job) -> int:
    """The cores of one scorer: the job's, or all of a smaller machine."""
    return max(1, min(job.threads, int(ray.cluster_resources().get("CPU", 1))))


def _by_sentence(stored: Sequence[StoredRow]) -> dict[int, list[StoredRow]]:
    found: dict[int, list[StoredRow]] = {}
    for row in stored:
        found.setdefault(row.sentence_id, []).append(row)
    return found


def _tolerances(job: Job, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    allowed = np.empty_like(scores)
    for position in range(len(job.groups)):
        for start, stop in job.ranges(position):
            allowed[start:stop] = tolerance(scores[start:stop], job.dtype)
    return allowed
