"""Functions as Ray tasks and objects as Ray actors: so many under way at once, results, and errors as they were raised.

Every wing runs its tasks here. The actors of a collection are Ray Data's (neuronsig_ray.collect.collection); several
actors that share one list of work are `ray.util.ActorPool`'s.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayTaskError

from neuronsig.errors import MachineError, NeuronsigError, reason
from neuronsig.progress import Done, uncounted
from neuronsig.readers import Ids, in_order, sentences_by_id
from neuronsig.storage.location import absolute
from neuronsig_ray.session import largest_memory

# Tasks under way for each core of the cluster: while one runs, the arguments of the next one arrive.
_TASKS_PER_CORE = 2

Function = Callable[..., Any]
Call = tuple[Any, ...]


def map_tasks(
    function: Function, calls: Iterable[Call], done: Done = uncounted, *, cpus: int = 1, gpus: int = 0, memory: int = 0
) -> list[Any]:
    """What `function` returns for the arguments of each call, in the order of the calls; `done` counts those that end.

    As `ended_tasks`, which also says what the resources and the errors are.
    """
    results: dict[int, Any] = {}
    for place, result in ended_tasks(function, calls, cpus=cpus, gpus=gpus, memory=memory):
        results[place] = result
        done(1)
    return [results[place] for place in range(len(results))]


def ended_tasks(
    function: Function, calls: Iterable[Call], *, cpus: int = 1, gpus: int = 0, memory: int = 0
) -> Iterator[tuple[int, Any]]:
    """(place of the call, what `function` returns for its arguments), of tasks on the whole cluster, as they end.

    A call is taken from `calls` when it is about to start: at most two for each core are under way. What all calls
    share is put into Ray's store once, by `ray.put`, and given as an argument of its own. Every task reserves `cpus`,
    `gpus` and `memory` bytes, of which no more than a node has. Errors are those of `plain_errors`.
    """
    # More than any node has would wait for ever.
    reserved = min(memory, largest_memory()) if memory else 0
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, memory=reserved)(function)
    under_way: dict[Any, int] = {}
    for place, arguments in enumerate(calls):
        under_way[task.remote(*arguments)] = place
        # Asked each time: a cluster may grow.
        if len(under_way) >= max(2, _TASKS_PER_CORE * int(ray.cluster_resources().get("CPU", 1))):
            yield _next(under_way)
    while under_way:
        yield _next(under_way)


def _next(under_way: dict[Any, int]) -> tuple[int, Any]:
    (reference, *_), _ = ray.wait(list(under_way), num_returns=1)
    with plain_errors():
        return under_way.pop(reference), ray.get(reference)


def listed_sentences(files: Sequence[Path], ids: Ids, columns: Sequence[str], done: Done = uncounted) -> pa.Table:
    """The sentences with these ids, which lists name, ascending, of all files of a table; `done` counts files.

    Raises InputError when one is not there.
    """
    shared = ray.put(ids)
    parts = map_tasks(sentences_by_id, [(absolute(file), shared, columns) for file in files], done)
    return in_order(parts, ids, files[0].parent, "topk")


@contextmanager
def actors(kind: type, *arguments: Any, number: int = 1, cpus: int = 1, gpus: int = 0) -> Iterator[list[Any]]:
    """`number` actors of a class, each made of the same arguments, that end with the block.

    Every one reserves `cpus` and `gpus`. In the block, errors are those of `plain_errors`.
    """
    started: list[Any] = []
    try:
        made: Any = ray.remote(num_cpus=cpus, num_gpus=gpus)(kind)
        started += [made.remote(*arguments) for _ in range(number)]
        with plain_errors():
            yield started
    finally:
        for actor in started:
            ray.kill(actor)


@contextmanager
def plain_errors() -> Iterator[None]:
    """In the block, an error of a task that a user can mend is raised as itself, without Ray's wrapper.

    The wrapper has another type and adds a page to the message. A file that cannot be read or written is a
    MachineError; any other error is a defect, and stays Ray's, with the task's traceback.
    """
    try:
        yield
    except RayTaskError as error:
        if plain := plain_error(error.cause):
            raise plain from None if plain is error.cause else error
        raise


def plain_error(cause: BaseException) -> NeuronsigError | None:
    """An error in a worker as one that a user can mend; None where it is a defect."""
    if isinstance(cause, OSError):
        return MachineError(storage_error(cause))
    return cause if isinstance(cause, NeuronsigError) else None


def storage_error(error: OSError) -> str:
    """What a user can do about a file that could not be read or written."""
    return (
        f"a file of the run cannot be read or written ({reason(error)}); mend that and run the same command again: "
        "what is committed stays"
    )
