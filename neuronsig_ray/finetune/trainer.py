"""Ray Train around the loop: workers that each take a part of every batch, checkpoints that a killed run goes on from.

Checkpoints and examples lie in the run's work folder under the fingerprint of all that determines the result, so that
the same command finds what an earlier one left.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray.exceptions import RayActorError
from ray.train import (
    Checkpoint,
    CheckpointConfig,
    FailureConfig,
    RunConfig,
    ScalingConfig,
    TrainingFailedError,
    get_checkpoint,
    get_context,
)
from ray.train import report as report_to_ray
from ray.train.torch import TorchTrainer, get_device, prepare_model

from neuronsig.daemon import in_daemon
from neuronsig.errors import MachineError, first_line
from neuronsig.finetuning.batches import Batches
from neuronsig.finetuning.examples import Split
from neuronsig.progress import polled, task
from neuronsig.storage.files import read_bytes
from neuronsig.storage.location import absolute, is_local, location, store_of
from neuronsig.storage.parquet import read_parquet, write_parquet
from neuronsig.storage.whole_files import atomic_write
from neuronsig_ray.finetune.classifier import Classifier
from neuronsig_ray.finetune.training import Labelled, State, Task, Worker, train
from neuronsig_ray.pool import Pool
from neuronsig_ray.tasks import plain_error

LOST_WORKERS = 3
"""Times that workers may be lost; each time all start again from the last checkpoint."""
_CONTENT, _STEPS = "checkpoint.pt", "steps"
_TOLD_EVERY = 2.0
_AGAIN = "run the same command again: it goes on from the last checkpoint"


@dataclass(frozen=True)
class Shape:
    """What a classifier is made of: the model's folder, its classes, dropout, whether inputs begin with a special
    token."""

    folder: str
    labels: list[str]
    dropout: float
    special_first: bool

    def classifier(self, seed: int) -> Classifier:
        """One with its last layer drawn by `seed`."""
        torch.manual_seed(seed)
        return Classifier(self.folder, len(self.labels), self.dropout, self.special_first)


def fine_tuned(
    shape: Shape, asked: Task, examples: Split, pool: Pool, work: Path, name: str
) -> tuple[Classifier, State]:
    """The classifier after all epochs, and the loss and the test's accuracy of each.

    Work that an earlier run of this `name` left in `work` is gone on with. Raises MachineError where workers are lost
    time and again.
    """
    for part in ("train", "test"):
        write_parquet(getattr(examples, part), work / name / f"{part}.parquet")
    config = {"shape": shape, "task": asked, "folder": absolute(work / name), "threads": pool.threads}
    each = {"CPU": pool.cpus, **({"GPU": pool.gpus} if pool.gpus else {})}
    trainer = TorchTrainer(
        _loop,
        train_loop_config=config,
        scaling_config=ScalingConfig(num_workers=pool.replicas, use_gpu=bool(pool.gpus), resources_per_worker=each),
        run_config=RunConfig(
            name=name,
            failure_config=FailureConfig(LOST_WORKERS, controller_failure_limit=LOST_WORKERS),  # type: ignore[call-arg]
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            **_storage(work),
        ),
    )
    total = asked.epochs * len(Batches(examples.train.num_rows, asked.batch, asked.seed))
    with task(f"fine-tuning on {pool.replicas} worker{'s' * (pool.replicas > 1)}", total, "batches") as bar, _quiet():
        with polled(lambda: bar.update(int(read_bytes(work / name / _STEPS)))), _plain_errors():
            # In the main thread Ray Train would take Ctrl-C for itself and go on.
            result = in_daemon(trainer.fit).result()
        bar.update(total)
    assert result.checkpoint is not None
    classifier = shape.classifier(asked.seed)
    content = _content(result.checkpoint)
    classifier.load_state_dict(content["model"])
    return classifier, State(**content["state"])


def _storage(work: Path) -> dict[str, Any]:
    """Where Ray Train keeps checkpoints: the run's work folder, opened as the run's other files are."""
    if is_local(work):
        return {"storage_path": absolute(work)}
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    store, path = store_of(work)
    return {"storage_path": path, "storage_filesystem": PyFileSystem(FSSpecHandler(store))}


def _loop(config: Mapping[str, Any]) -> None:
    """What one worker does."""
    torch.set_num_threads(config["threads"])
    shape, asked, folder = config["shape"], config["task"], location(config["folder"])
    train_set, test_set = (
        Labelled.of(read_parquet(folder / f"{part}.parquet"), shape.labels) for part in ("train", "test")
    )
    context, device = get_context(), get_device()
    worker = Worker(
        context.get_world_rank(), context.get_world_size(), device, _adder(device, context.get_world_size())
    )
    model = prepare_model(shape.classifier(asked.seed))
    checkpoint = get_checkpoint()
    batches = Batches(len(train_set.inputs), asked.batch, asked.seed)
    told = 0.0

    def tell(state: State, content: Callable[[], Mapping[str, Any]] | None) -> None:
        nonlocal told
        if not worker.rank and time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            with suppress(OSError):
                atomic_write(folder / _STEPS, str(state.epoch * len(batches) + state.step).encode())
        if content is None:
            return
        if worker.rank:
            report_to_ray({"epoch": state.epoch})
            return
        with tempfile.TemporaryDirectory(prefix="neuronsig-") as kept:
            torch.save(dict(content()), Path(kept) / _CONTENT)
            report_to_ray({"epoch": state.epoch, **_last(state)}, checkpoint=Checkpoint.from_directory(kept))

    train(model, asked, train_set, test_set, worker, tell, _content(checkpoint) if checkpoint else None)


def _last(state: State) -> dict[str, float]:
    return dict(state.history[-1]) if state.history else {}


def _content(checkpoint: Any) -> Any:
    with checkpoint.as_directory() as folder:
        return torch.load(Path(folder) / _CONTENT, map_location="cpu", weights_only=True)


def _adder(device: torch.device, workers: int) -> Callable[[list[float]], list[float]]:
    """Adds numbers of all workers up."""
    if workers == 1:
        return list

    def added(numbers: list[float]) -> list[float]:
        sums = torch.tensor(numbers, dtype=torch.float64, device=device)
        torch.distributed.all_reduce(sums)
        return [float(one) for one in sums]

    return added


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Train's log lines stay off the terminal, where progress is shown."""
    logger = logging.getLogger("ray.train")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """In the block, an error of a worker that a user can mend is raised as itself; of lost workers a MachineError
    tells."""
    try:
        yield
    except TrainingFailedError as error:
        failures = [*getattr(error, "worker_failures", {}).values(), getattr(error, "controller_failure", error)]
        for failure in failures:
            for cause in (failure, failure.__cause__, getattr(failure, "_base_exc", failure)):
                if isinstance(cause, torch.OutOfMemoryError):
                    raise MachineError(
                        f"finetune.batch: too large for a worker ({first_line(cause)}); lower it"
                    ) from error
                if plain := plain_error(cause):
                    raise plain from error
                if isinstance(cause, RayActorError):
                    raise MachineError(
                        f"workers were lost {LOST_WORKERS + 1} times ({first_line(cause)}); {_AGAIN}"
                    ) from error
        if hasattr(error, "controller_failure"):
            raise MachineError(f"workers did not start ({first_line(error.controller_failure)}); {_AGAIN}") from error
        raise
