"""Sentences scored again: once plainly, one by one, and once as the collection scored them.

The plain way shares no code with the scorer: transformers' model in float32 with its plainest attention, one unpadded
sentence at a time. The other goes through the Replica with the same batch, so that every bit must be the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuronsig.collection.job import Job
from neuronsig.collection.shard_files import ShardText, read_shard
from neuronsig.collection.shards import rectangles
from neuronsig.collection.topk import Keys, pack
from neuronsig.storage.location import location
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.model.sites import readers, trunk

# Entries of one shard that are looked for in the lists, at most; there are as many as sentences where K holds all.
_MOST_ENTRIES = 65_536


@dataclass(frozen=True)
class Rescored:
    """Some sentences of a shard, scored in the batches the collection scored them in."""

    sentence_ids: npt.NDArray[np.int64]  # (n,) those that were wanted
    scores: npt.NDArray[np.float32]  # (rows, n)
    sentences: int  # in all of those batches
    rows: npt.NDArray[np.int64]  # (entries,) neuron of each of their scores that a list must hold
    keys: Keys  # (entries,)


class PlainScorer:
    """One sentence in, the score of every neuron out, by transformers alone."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.model: Any = None

    @torch.no_grad()
    def scores(self, input_ids: Sequence[int], first: int, stop: int) -> npt.NDArray[np.float32]:
        """Scores (rows,) of one sentence whose tokens `first` to `stop` - 1 are pooled.

        A group's activations are a hidden state, or what a linear map reads.
        """
        job, groups = self.job, self.job.groups
        if self.model is None:
            from transformers import AutoModel

            torch.set_num_threads(job.threads or 1)
            model = AutoModel.from_pretrained(
                job.model, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False
            )
            self.model = trunk(model).eval()
        read: dict[str, list[Tensor]] = {}
        names = {
            group.site: readers(self.model, group.site, group.module) for group in groups if group.site != "hidden"
        }
        hooks = [
            self.model.get_submodule(name).register_forward_pre_hook(
                lambda module, inputs, name=name: read.setdefault(name, []).append(inputs[0])
            )
            for name in {name for modules in names.values() for name in modules}
        ]
        try:
            states = self.model(torch.tensor([list(input_ids)]), output_hidden_states=True).hidden_states
        finally:
            for hook in hooks:
                hook.remove()
        activations = []  # (tokens, units) each
        for group in groups:
            if group.site == "hidden":
                activations.append(states[group.layer][0])
            else:
                name = names[group.site][group.layer - 1]
                call = names[group.site][: group.layer - 1].count(name)  # layers may share a module
                activations.append(read[name][call].reshape(len(input_ids), -1))
        found = []
        for sign in job.signs:
            for state in activations:
                tokens = sign * state[first:stop]
                found.append({"mean": tokens.mean(0), "max": tokens.max(0).values, "last": tokens[-1]}[job.pooling])
        return torch.cat(found).numpy()


class BatchScorer:
    """Shards scored again, but only in the batches that hold wanted sentences."""

    def __init__(self, job: Job, last: Keys) -> None:
        self.job, self.last = job, last
        self.replica: Replica | None = None

    def shard(self, index: int, wanted: npt.NDArray[np.int64]) -> Rescored:
        """Score the batches with `wanted` sentences; a list must hold what is not below its `last` key, (rows,)."""
        if self.replica is None:
            self.replica = Replica(self.job)
        text = read_shard(location(self.job.tokenized), self.job.shards[index])
        ids, scores, rows, keys, sentences = [], [], [], [], 0
        for sentence_ids, found, *_ in self.replica.scores(batches_with(text, wanted, self.job.batch_tokens)):
            batch_ids, batch_scores = sentence_ids.cpu().numpy(), found.cpu().numpy()
            columns = np.isin(batch_ids, wanted)
            ids.append(batch_ids[columns])
            scores.append(batch_scores[:, columns])
            sentences += len(batch_ids)
            batch_keys = pack(batch_scores, batch_ids)
            row, column = np.nonzero(batch_keys >= self.last[:, None])
            rows.append(row)
            keys.append(batch_keys[row, column])
        all_rows, all_keys = np.concatenate(rows), np.concatenate(keys)
        step = max(1, -(-all_rows.size // _MOST_ENTRIES))
        return Rescored(
            np.concatenate(ids), np.concatenate(scores, axis=1), sentences, all_rows[::step], all_keys[::step]
        )


def batches_with(text: ShardText, wanted: npt.NDArray[np.int64], batch_tokens: int) -> ShardText:
    """The part of a shard that its scorer cuts into just the same batches, those with a wanted sentence."""
    hit = np.isin(text.sentence_ids, wanted)
    # Of equal lengths only the last batch is not full, so whole batches in their order are cut as before.
    spans = sorted((a, b) for a, b, _ in rectangles(text.lengths, batch_tokens) if hit[a:b].any())
    return text.take(np.concatenate([np.arange(a, b) for a, b in spans]))
