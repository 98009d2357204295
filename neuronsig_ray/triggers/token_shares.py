"""The strongest tokens of top sentences, by one more forward pass over those sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import ray
import torch

from neuronsig.collection.dominance import Strongest, strongest_tokens
from neuronsig.collection.job import Job
from neuronsig.neuron import Neuron
from neuronsig_ray.verify.rescore import PlainScorer, ask

_TOKENS_AT_ONCE = 4096

Pair = tuple[Neuron, int]


def strongest_of(
    job: Job,
    wanted: Mapping[int, Sequence[Neuron]],
    tokens: Mapping[int, Sequence[int]],
    name: Callable[[int], str],
    done: Callable[[int], None],
) -> dict[Neuron, list[Strongest]]:
    """The strongest tokens of `wanted` (sentence -> neurons that list it); `name` gives a token id's text."""
    cpus = max(1, min(job.threads, int(ray.cluster_resources().get("CPU", 1))))
    actor: Any = ray.remote(num_cpus=cpus)(TokenShares).remote(job)
    found: dict[Neuron, list[Strongest]] = defaultdict(list)
    try:
        for batch in _batches({sentence: tokens[sentence] for sentence in wanted if sentence in tokens}):
            ids = np.array([tokens[sentence] for sentence in batch])
            pairs = [(neuron, place) for place, sentence in enumerate(batch) for neuron in wanted[sentence]]
            for (neuron, place), (share, at) in zip(pairs, ask(actor.shares.remote(ids, pairs)), strict=True):
                where = "first" if at == 0 else "last" if at == ids.shape[1] - 1 else "inside"
                found[neuron].append(Strongest(share, name(int(ids[place, at])), where))
            done(len(batch))
    finally:
        ray.kill(actor)
    return found


class TokenShares:
    """Holds the model, in float32."""

    def __init__(self, job: Job) -> None:
        self.scorer, self.job = PlainScorer(job), job

    def shares(self, input_ids: np.ndarray, pairs: Sequence[Pair]) -> list[tuple[float, int]]:
        """(share, place in the input) of the strongest token for each (neuron, row) of input_ids (batch, length)."""
        job, first = self.job, self.job.skip_prefix
        stop = input_ids.shape[1] - job.skip_suffix
        states = self.scorer.activations(torch.from_numpy(input_ids))
        found = {
            (group.site, group.layer): strongest_tokens(state[:, first:stop].numpy())
            for group, state in zip(job.groups, states, strict=True)
        }
        answer = []
        for neuron, row in pairs:
            share, place = found[neuron.site, neuron.layer]
            answer.append((float(share[row, neuron.unit]), int(place[row, neuron.unit]) + first))
        return answer


def _batches(tokens: Mapping[int, Sequence[int]]) -> Iterator[list[int]]:
    """Sentences in batches of equal length."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for sentence, ids in sorted(tokens.items()):
        by_length[len(ids)].append(sentence)
    for length, sentences in sorted(by_length.items()):
        step = max(1, _TOKENS_AT_ONCE // length)
        yield from (sentences[start : start + step] for start in range(0, len(sentences), step))
