"""What signatures are judged on: how many held-out sentences, which are positives, and their scores by neurons.

The scores are one Parquet file a shard: one row a sentence, and two columns a block of neurons (a float32 each), of the
sentence as it is and with its words shuffled, so that a judge reads his own block alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neuronsig.collection.job import Job
from neuronsig.config import Config, MiningConfig
from neuronsig.errors import InputError, TooLittleTextError
from neuronsig.neuron import Neuron
from neuronsig.storage.parquet import parquet_file

SENTENCES_AT_LEAST = 100
LARGEST_FRACTION = 0.5
BLOCK = 64
"""Neurons of a block, at most; all of one site, layer and sign."""


def held_out_share(config: Config, mining: MiningConfig, sentences: int) -> float:
    """Share of the collected `sentences` that are scored: those held out, at most evaluation.max_sentences of them.

    Raises TooLittleTextError when mining has held out none, or too few.
    """
    held = mining.holdout
    if not held:
        raise TooLittleTextError(
            f"mine/{config.model.name} in run={config.run} was made from all sentences, and none is left to judge its "
            "signatures on; run neuronsig mine mining.holdout=0.05 overwrite=true first"
        )
    if held * sentences < SENTENCES_AT_LEAST:
        raise TooLittleTextError(
            f"mining.holdout={held} of {sentences:,} sentences leaves {held * sentences:.0f} to judge signatures on, "
            f"{SENTENCES_AT_LEAST} are needed; mine with a larger mining.holdout, or more text"
        )
    return min(held, config.evaluation.max_sentences / sentences)


def positive_fraction(config: Config, k: int, kept: int, sentences: int) -> float:
    """Share of the held-out sentences that are a neuron's positives: as large as its list, `kept` of `sentences`.

    Raises TooLittleTextError when lists hold too much of the text.
    """
    fraction = config.evaluation.fraction or kept / sentences
    if fraction > LARGEST_FRACTION:
        raise TooLittleTextError(
            f"collect.k={k} keeps {fraction:.0%} of {sentences:,} sentences in every list, "
            f"which tells little; set evaluation.fraction, at most {LARGEST_FRACTION}"
        )
    return fraction


def require_positives(least: int, held_out: float) -> None:
    """Raise InputError when about so many held-out sentences are too few for a neuron's least positives."""
    if least > LARGEST_FRACTION * held_out:
        raise InputError(
            f"evaluation.least_positives={least}: must be at most {LARGEST_FRACTION:.0%} of the held-out sentences, "
            f"which are about {held_out:.0f}; set it to {LARGEST_FRACTION * held_out:.0f} or less"
        )


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` - 1 of a job: some units of one site, layer and sign."""

    start: int
    stop: int
    neurons: tuple[Neuron, ...]

    @property
    def name(self) -> str:
        first = self.neurons[0]
        return f"{first.layer_slug}-U{first.unit:05d}"


@dataclass(frozen=True)
class HeldOutJob(Job):
    """A collection's job, of which only the sentences held out are scored, as they are and with their words shuffled.

    `held_out` is the file of WORD_ORDERS of these sentences (neuronsig.evaluation.word_order).
    """

    held_out: str = ""

    @classmethod
    def of(cls, job: Job, held_out: str, commits: str, fingerprint: str) -> HeldOutJob:
        values = {field.name: getattr(job, field.name) for field in dataclasses.fields(Job)}
        return cls(**{**values, "commits": commits, "fingerprint": fingerprint}, held_out=held_out)


def blocks_of(job: Job) -> list[Block]:
    """The blocks of a job's rows, in their order."""
    found = []
    for sign in range(len(job.signs)):
        for position in range(len(job.groups)):
            first, last = job.ranges(position)[sign]
            for start in range(first, last, BLOCK):
                stop = min(start + BLOCK, last)
                found.append(Block(start, stop, tuple(job.neuron(row) for row in range(start, stop))))
    return found


def shuffled(name: str) -> str:
    """The column with the scores of a block's shuffled sentences; `name` is the block's."""
    return f"{name} shuffled"


def read_block(files: Sequence[Path], name: str, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Sentence ids (n,), ascending, and the scores (n, width) in the column `name`, from all shards' files."""
    ids, scores = [], []
    for file in files:
        table = parquet_file(file).read(columns=["sentence_id", name]).combine_chunks()
        if not table.num_rows:
            continue
        ids.append(table["sentence_id"].to_numpy())
        column = table[name].chunk(0)
        values = np.frombuffer(column.buffers()[1], np.float32).reshape(-1, width)
        scores.append(values[column.offset : column.offset + len(column)])
    if not ids:
        return np.zeros(0, np.int64), np.zeros((0, width), np.float32)
    found = np.concatenate(ids)
    order = np.argsort(found)
    return found[order], np.concatenate(scores)[order]
