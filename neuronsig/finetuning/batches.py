"""Which examples are in which batch, and which of a batch are whose: the same batches for any number of workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Batches:
    """Batches of `size` of `examples` examples; every epoch has another order, by `seed`."""

    examples: int
    size: int
    seed: int

    def __len__(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-self.examples // self.size)

    def order(self, epoch: int) -> Places:
        """(examples,) their order in an epoch, from 0."""
        return np.random.default_rng((self.seed, epoch)).permutation(self.examples)

    def of(self, order: Places, step: int) -> Places:
        """The examples of the batch of a step, from 0."""
        return order[step * self.size : (step + 1) * self.size]

    def noise(self, epoch: int, step: int, rank: int) -> int:
        """The seed of what a worker draws in a step (dropout): the same when the step is done again."""
        return int(
            np.random.SeedSequence((self.seed, epoch, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1)
        )


def part_of(batch: Places, rank: int, workers: int) -> Places:
    """What the worker `rank` of several takes of a batch."""
    return batch[rank::workers]


def padded(inputs: list[NDArray[np.int32]], padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Inputs of unlike lengths as (inputs, longest) tokens, filled up with `padding` to the right, and 1 where a token
    is one of the input."""
    width = max(map(len, inputs))
    tokens = np.full((len(inputs), width), padding, np.int64)
    known = np.zeros((len(inputs), width), np.int64)
    for row, one in enumerate(inputs):
        tokens[row, : len(one)], known[row, : len(one)] = one, 1
    return tokens, known
