"""The loop of one worker: its part of every batch, and what it leaves so that it may be gone on with at any step.

All that a step does follows from its number: the order of the examples from seed and epoch, dropout from seed, epoch,
step and worker. So a loop that is killed and goes on from its last checkpoint ends in the same loss curve.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from neuronsig.finetuning.batches import Batches, padded, part_of

TEST_BATCH = 64


@dataclass(frozen=True)
class Task:
    """What all workers are given; `checkpoint_seconds` is the time between two checkpoints inside an epoch."""

    epochs: int
    learning_rate: float
    batch: int
    seed: int
    padding: int
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class Labelled:
    """Examples: tokens of each input, and the number of its class (examples,)."""

    inputs: list[NDArray[np.int32]]
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, examples: pa.Table, labels: list[str]) -> Labelled:
        """Of a table with columns `input_ids` and `label`."""
        number = {label: place for place, label in enumerate(labels)}
        inputs = [np.array(ids, np.int32) for ids in examples["input_ids"].to_pylist()]
        return cls(inputs, np.array([number[label] for label in examples["label"].to_pylist()], np.int64))


@dataclass
class State:
    """How far a loop is: the next step, from 0, of an epoch; the sum of losses in it; what each finished one was."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Worker:
    """One of several: its rank, their number, its device; `added` adds numbers of all workers up."""

    rank: int = 0
    workers: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    added: Callable[[list[float]], list[float]] = list


Report = Callable[[State, Callable[[], Mapping[str, Any]] | None], None]
"""Called after every step; with what a checkpoint holds where one is due."""


def train(
    model: nn.Module, task: Task, train: Labelled, test: Labelled, worker: Worker, report: Report,
    checkpoint: Mapping[str, Any] | None = None,
) -> State:  # fmt: skip
    """Train by Adam on the cross-entropy of batches of all workers together, from a checkpoint where there is one.

    Every epoch ends with the share of test examples that are told right.
    """
    moved = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(moved, lr=task.learning_rate)
    state = State()
    if checkpoint is not None:
        bare(model).load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        state = State(**checkpoint["state"])
        state.loss *= worker.rank == 0  # it is that of all workers
    batches = Batches(len(train.inputs), task.batch, task.seed)
    saved = time.monotonic()

    def content() -> dict[str, Any]:
        return {"model": bare(model).state_dict(), "optimizer": optimizer.state_dict(), "state": vars(state)}

    while state.epoch < task.epochs:
        order = batches.order(state.epoch)
        model.train()
        while state.step < len(batches):
            chosen = batches.of(order, state.step)
            torch.manual_seed(batches.noise(state.epoch, state.step, worker.rank))
            state.loss += _step(model, optimizer, train, chosen, worker, task.padding)
            state.step += 1
            # Workers end their steps together, but look at clocks of their own: the first one's decides for all.
            due = worker.added([float(not worker.rank and time.monotonic() - saved > task.checkpoint_seconds)])[0] > 0
            if due and state.step < len(batches):
                saved = time.monotonic()
                state.loss = worker.added([state.loss])[0] * (worker.rank == 0)
                report(state, content)
            else:
                report(state, None)
        right = accuracy(model, test, worker, task.padding)
        lost = worker.added([state.loss])[0] / len(train.inputs)
        state.history.append({"epoch": state.epoch + 1, "loss": lost, "test accuracy": right})
        state.epoch, state.step, state.loss = state.epoch + 1, 0, 0.0
        report(state, content)
    return state


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, train: Labelled, chosen: NDArray[np.int64], worker: Worker,
    padding: int,
) -> float:  # fmt: skip
    """One step of all workers on a batch; returns the sum of the losses of this worker's part."""
    own = part_of(chosen, worker.rank, worker.workers)
    # A worker without a part takes part in adding up the gradients, with one of nothing.
    seen = own if len(own) else chosen[:1]
    logits = _logits(model, train, seen, worker.device, padding)
    wanted = torch.from_numpy(train.classes[seen]).to(worker.device)
    lost = nn.functional.cross_entropy(logits, wanted, reduction="sum") * float(len(own) > 0)
    optimizer.zero_grad()
    # Gradients are averaged over the workers: their mean is that of the batch.
    (lost * worker.workers / len(chosen)).backward()
    optimizer.step()
    return float(lost.detach())


def accuracy(model: nn.Module, test: Labelled, worker: Worker, padding: int) -> float:
    """Share of the examples, of all workers together, whose label has the highest logit."""
    model.eval()
    by_length = np.argsort([len(one) for one in test.inputs], kind="stable")
    own, right = part_of(by_length, worker.rank, worker.workers), 0
    with torch.no_grad():
        for start in range(0, len(own), TEST_BATCH):
            some = own[start : start + TEST_BATCH]
            told = _logits(bare(model), test, some, worker.device, padding).argmax(1).cpu().numpy()
            right += int((told == test.classes[some]).sum())
    return worker.added([float(right)])[0] / len(test.inputs)


def _logits(
    model: nn.Module, of: Labelled, places: NDArray[np.int64], device: torch.device, padding: int
) -> torch.Tensor:
    arrays = padded([of.inputs[place] for place in places], padding)
    return model(*(torch.from_numpy(one).to(device) for one in arrays))  # type: ignore[no-any-return]


def bare(model: nn.Module) -> nn.Module:
    """The model without what adds up its workers' gradients."""
    return getattr(model, "module", model)
