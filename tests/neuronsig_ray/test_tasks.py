"""Ray tasks and actors: order, bounds, resources, and errors as they were raised."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.util import ActorPool

from neuronsig.errors import ConfigError, InputError, MachineError
from neuronsig_ray.tasks import actors, ended_tasks, map_tasks

pytestmark = pytest.mark.usefixtures("local_ray")

LINE = "mining.trees=x is not there; set another one"


def _square(number: int, shared: int = 0) -> int:
    return number * number + shared


def _reserved() -> dict[str, float]:
    return dict(ray.get_runtime_context().get_assigned_resources())


def _fail(error: Exception | None) -> str:
    if error:
        raise error
    return "well"


def _until_it_is_gone(actor: Any) -> None:
    with pytest.raises(RayActorError):
        _ask_for_ever(actor)


def _ask_for_ever(actor: Any) -> None:
    while True:  # ray.kill does not wait
        ray.get(actor.add.remote(0))


class Counter:
    def __init__(self, start: int) -> None:
        self.total = start

    def add(self, number: int) -> int:
        self.total += number
        return self.total

    def fail(self, error: Exception) -> None:
        raise error


def test_results_come_in_the_order_of_the_calls_and_each_is_counted() -> None:
    counted: list[int] = []
    assert map_tasks(_square, [(n,) for n in range(20)], counted.append) == [n * n for n in range(20)]
    assert counted == [1] * 20


def test_each_result_that_ends_says_which_call_it_is_of() -> None:
    shared = ray.put(1000)
    assert dict(ended_tasks(_square, ((n, shared) for n in range(20)))) == {n: n * n + 1000 for n in range(20)}


def test_no_calls_have_no_results() -> None:
    assert map_tasks(_square, []) == []


def test_a_call_is_made_only_when_it_is_about_to_start() -> None:
    """What a call's arguments take is held for the tasks under way alone, however many there are."""
    made, ended, most = 0, 0, 2 * int(ray.cluster_resources()["CPU"])

    def calls() -> Iterator[tuple[int]]:
        nonlocal made
        for number in range(5 * most):
            made += 1
            assert made - ended <= most
            yield (number,)

    for _ in ended_tasks(_square, calls()):
        ended += 1
    assert made == ended == 5 * most


def test_a_task_reserves_what_it_is_said_to_take_but_no_more_than_a_node_has() -> None:
    (asked,) = map_tasks(_reserved, [()], cpus=2, memory=1 << 20)
    assert (asked["CPU"], asked["memory"]) == (2, 1 << 20)
    (most,) = map_tasks(_reserved, [()], memory=1 << 60)
    assert (1 << 20) < most["memory"] <= max(node["Resources"]["memory"] for node in ray.nodes())


@pytest.mark.parametrize("kind", [InputError, ConfigError, MachineError])
def test_an_error_that_a_user_can_mend_comes_out_as_its_one_line(kind: type[Exception]) -> None:
    with pytest.raises(kind) as raised:
        map_tasks(_fail, [(None,), (kind(LINE),), (None,)])
    assert type(raised.value) is kind
    assert str(raised.value) == LINE


def test_a_full_disk_comes_out_as_one_line() -> None:
    with pytest.raises(MachineError, match="No space left on device") as raised:
        map_tasks(_fail, [(OSError(errno.ENOSPC, "No space left on device"),)])
    assert "\n" not in str(raised.value)


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(RayTaskError, match="_fail") as raised:
        map_tasks(_fail, [(ZeroDivisionError("one"),)])
    assert isinstance(raised.value, ZeroDivisionError)


def test_actors_share_a_list_of_work_and_end_with_the_block() -> None:
    with actors(Counter, 100, number=2) as both:
        work: Any = ActorPool(both)
        totals = list(work.map_unordered(lambda actor, number: actor.add.remote(number), [1, 2, 4]))
        assert sum(ray.get([actor.add.remote(0) for actor in both])) == 207
    assert len(totals) == 3
    _until_it_is_gone(both[0])


def test_an_actors_errors_come_out_as_one_line() -> None:
    with pytest.raises(InputError) as raised, actors(Counter, 0) as (counter,):
        ray.get(counter.fail.remote(InputError(LINE)))
    assert str(raised.value) == LINE
    _until_it_is_gone(counter)
