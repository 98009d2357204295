"""The loop of fine-tuning on a tiny model: what it learns, and that a step is the same whenever it is done."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("ray", reason="ray is not installed")

import torch

from neuronsig.finetuning.batches import Batches, part_of
from neuronsig_ray.finetune import training
from neuronsig_ray.finetune.classifier import Classifier, reads_both_ways
from neuronsig_ray.finetune.training import Labelled, State, Task, Worker, train
from neuronsig_ray.model.loading import load_trunk
from tests.neuronsig_ray.models import KINDS, VOCABULARY, save_model

CAT, DOG = VOCABULARY["cat"], VOCABULARY["dog"]


def labelled(n: int, seed: int) -> Labelled:
    """Inputs of which one half has "cat" somewhere, and the other "dog"; no input has both."""
    random = np.random.default_rng(seed)
    classes = np.arange(n) % 2
    words = [word for word in VOCABULARY.values() if word > max(CAT, DOG)]
    inputs = []
    for told in classes:
        body = random.choice(words, int(random.integers(2, 8))).tolist()
        body.insert(int(random.integers(0, len(body))), DOG if told else CAT)
        inputs.append(np.array([2, *body, 3], np.int32))
    return Labelled(inputs, classes)


TRAIN, TEST = labelled(90, 0), labelled(40, 1)
ASKED = Task(epochs=3, learning_rate=3e-3, batch=16, seed=5, padding=0, checkpoint_seconds=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "tiny")


def classifier(folder: Path, dropout: float = 0.3) -> Classifier:
    torch.manual_seed(0)
    return Classifier(str(folder), 2, dropout, special_first=True)


def nothing(state: State, content: object) -> None:
    pass


def test_a_rule_is_learned_and_told_of_unseen_inputs(folder: Path) -> None:
    model = classifier(folder)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    found = train(model, Task(8, 1e-2, 16, 5, 0), TRAIN, TEST, Worker(), nothing)
    assert [one["epoch"] for one in found.history] == list(range(1, 9))
    assert found.history[0]["loss"] > 0.5 > 0.1 > found.history[-1]["loss"]
    assert found.history[-1]["test accuracy"] > 0.95
    moved = {name for name, one in model.named_parameters() if not torch.equal(one, before[name])}
    still = {name.split(".", 1)[1] for name in before if name not in moved}
    assert all("pooler" in name or "position_embeddings" in name for name in still), still


def test_a_loop_that_is_killed_goes_on_to_the_same_loss_curve(folder: Path) -> None:
    whole = classifier(folder)
    wanted = train(whole, ASKED, TRAIN, TEST, Worker(), nothing)
    kept: list[dict[str, Any]] = []

    class KilledError(Exception):
        pass

    def report(state: State, content: Callable[[], Mapping[str, Any]] | None) -> None:
        if content is not None:
            kept.append(copy.deepcopy(dict(content())))
        if (state.epoch, state.step) == (1, 4):
            raise KilledError

    with pytest.raises(KilledError):
        train(classifier(folder), ASKED, TRAIN, TEST, Worker(), report)
    assert kept[-1]["state"]["epoch"] == 1
    assert 0 < kept[-1]["state"]["step"] <= 4
    other = classifier(folder)
    found = train(other, ASKED, TRAIN, TEST, Worker(), nothing, kept[-1])
    assert found.history == wanted.history
    for name, one in whole.state_dict().items():
        assert torch.equal(one, other.state_dict()[name]), name


@pytest.mark.parametrize("workers", [2, 3, 20])
def test_the_parts_of_several_workers_have_the_gradient_of_the_whole_batch(
    folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradients: list[list[torch.Tensor]] = []

    class Kept(torch.optim.Optimizer):
        def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
            super().__init__(parameters, {})
            self.parameters = parameters

        def step(self, closure: Any = None) -> None:
            gradients.append([one.grad.clone() for one in self.parameters if one.grad is not None])

    chosen = np.arange(16)
    for number, ranks in ((1, range(1)), (workers, range(workers))):
        for rank in ranks:
            model = classifier(folder, dropout=0.0).eval()
            kept = Kept([one for one in model.parameters() if one.requires_grad])
            training._step(model, kept, TRAIN, chosen, Worker(rank, number), 0)
    whole, *parts = gradients
    for i, one in enumerate(whole):
        added = sum(part[i] for part in parts) / workers
        torch.testing.assert_close(added, one, atol=1e-6, rtol=1e-4)


def test_what_a_checkpoint_has_of_the_loss_is_that_of_all_workers(folder: Path) -> None:
    """The second of two workers goes on with nothing, for the first has the sum."""
    sums, kept = [], []

    def added(numbers: list[float]) -> list[float]:
        sums.append(numbers)
        return [2 * number for number in numbers]  # the other worker lost as much

    def report(state: State, content: Callable[[], Mapping[str, Any]] | None) -> None:
        if content is not None:
            kept.append(copy.deepcopy(dict(content())))

    train(classifier(folder), ASKED, TRAIN, TEST, Worker(0, 2, added=added), report)
    inside = [one for one in kept if one["state"]["step"]]
    assert len(inside) > 2
    one = [numbers[0] for numbers in sums if numbers[0] not in (0.0, 1.0)]
    assert inside[0]["state"]["loss"] == 2 * one[0]
    found = train(classifier(folder), ASKED, TRAIN, TEST, Worker(1, 2), nothing, inside[0])
    alone = train(
        classifier(folder),
        ASKED,
        TRAIN,
        TEST,
        Worker(1, 2),
        nothing,
        copy.deepcopy(inside[0]) | {"state": inside[0]["state"] | {"loss": 0.0}},
    )
    assert found.history[0]["loss"] == alone.history[0]["loss"]


def test_every_example_is_in_one_batch_of_an_epoch_and_with_one_worker() -> None:
    batches = Batches(50, 16, seed=3)
    orders = [batches.order(epoch) for epoch in range(2)]
    assert not np.array_equal(*orders)
    assert np.array_equal(orders[0], batches.order(0))
    for order in orders:
        parts = [part_of(batches.of(order, step), rank, 3) for step in range(len(batches)) for rank in range(3)]
        assert sorted(np.concatenate(parts)) == list(range(50))
    assert len({batches.noise(e, s, r) for e in range(3) for s in range(4) for r in range(2)}) == 24


@pytest.mark.parametrize("kind", KINDS)
def test_a_causal_model_is_read_at_its_last_token_and_padding_changes_nothing(tmp_path: Path, kind: str) -> None:
    folder = save_model(tmp_path / kind, kind)
    causal = kind in ("gpt2", "llama")
    assert reads_both_ways(load_trunk(str(folder), "float32")[0]) != causal
    model = Classifier(str(folder), 2, 0.0, special_first=True).eval()
    assert model.first_token != causal
    with torch.no_grad():
        alone = model(torch.tensor([[2, 5, 6, 3]]), torch.ones(1, 4, dtype=torch.long))
        known = torch.tensor([[1, 1, 1, 1, 0, 0], [1] * 6])
        beside = model(torch.tensor([[2, 5, 6, 3, 0, 0], [2, 7, 8, 9, 10, 3]]), known)
    torch.testing.assert_close(beside[:1], alone, atol=1e-5, rtol=1e-4)
