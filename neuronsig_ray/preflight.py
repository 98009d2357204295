"""Before work, every node of a cluster is asked whether it can do the job; a replica on a later node asks itself.

What is asked and said is neuronsig.run.preflight's; here it is carried to the nodes, and the model's files are looked
for there.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from neuronsig.checkpoint import model_config
from neuronsig.config import Config
from neuronsig.errors import MachineError, first_line
from neuronsig.progress import say
from neuronsig.run import preflight
from neuronsig.run.preflight import Report
from neuronsig.storage.location import location
from neuronsig_ray.pool import Pool, resources, wait_for_places
from neuronsig_ray.session import address_of, ray_session

PACKAGES = (*preflight.PACKAGES, "ray", "torch", "transformers")
ENVIRONMENT = "give every node the environment of this job: one image, or a runtime_env"
# A node that has not answered by then is named; one that has not long after is refused.
_TOLD_AFTER = 20.0
_GIVEN_UP_AFTER = 120.0


@contextmanager
def ready_session(config: Config) -> Iterator[None]:
    """`ray_session`, on a cluster with a node at least and all nodes asked; MachineError for one that cannot."""
    with ray_session(config.ray):
        if address_of(config.ray) and not resources(config.ray).cpus:
            wait_for_places(config.ray, Pool(1, 1, 0))
        check_nodes(config)
        yield


def check_nodes(config: Config) -> None:
    """Raise MachineError, one line, unless every node of the cluster that has CPUs can do the job."""
    if not address_of(config.ray):
        return
    folder, _ = model_config(config.model)
    answers: list[Report] = []

    def ask(report: Callable[[], Report]) -> list[Report]:
        answers.extend(_of_all_nodes(_with_model(report, str(folder.resolve()))))
        return answers

    preflight.check(location(config.run), PACKAGES, ask, ENVIRONMENT)
    lacking = [answer["host"] for answer in answers if not answer["model"]]
    if lacking:
        others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise MachineError(
            f"worker {lacking[0]}{others}: model.path={config.model.path} is not there ({folder.resolve()}); give "
            "every node the same files, or a path on a disk that all share"
        )


def require_same_environment(driver: Report) -> None:
    """Raise MachineError where this process's Python or packages are not the driver's, as `describe` says them."""
    here = {**preflight.describe(PACKAGES), "host": ray.util.get_node_ip_address(), "lacks": {}, "run": ""}
    for line in preflight.problems(driver, [here], "", ENVIRONMENT):
        raise MachineError(line)


def _with_model(report: Callable[[], Report], folder: str) -> Callable[[], Report]:
    """A worker's answer, and whether it has the model; pickled by value, as `report` is."""

    def answer() -> dict[str, Any]:
        import os

        return {**report(), "model": os.path.isfile(os.path.join(folder, "config.json"))}

    return answer


def _of_all_nodes(answer: Callable[[], Report]) -> list[Report]:
    """What every node with CPUs answers, in one task each that needs none of them; a node that is lost is left out."""
    task = ray.remote(num_cpus=0, max_retries=0)(answer)
    asked = {}
    for node in _working_nodes():
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked[task.options(scheduling_strategy=there).remote()] = node
    started, told, found = time.monotonic(), False, []
    while asked:
        ended, left = ray.wait(list(asked), timeout=1.0)
        found += [_answer_of(reference, asked.pop(reference)) for reference in ended]
        spent = time.monotonic() - started
        silent = ", ".join(asked[reference]["NodeManagerAddress"] for reference in left)
        if silent and spent > _GIVEN_UP_AFTER:
            raise MachineError(f"worker {silent}: no answer for {spent:.0f} s; look at that node, or take it away")
        if silent and spent > _TOLD_AFTER and not told:
            say(f"  worker {silent}: no answer for {spent:.0f} s, waiting up to {_GIVEN_UP_AFTER:.0f} s")
            told = True
    return [answer for answer in found if answer is not None]


def _answer_of(reference: Any, node: dict[str, Any]) -> Report | None:
    try:
        return dict(ray.get(reference))
    except RayError as error:
        if node["NodeID"] not in {other["NodeID"] for other in _working_nodes()}:
            return None
        said = first_line(getattr(error, "cause", None) or error)
        worker = node["NodeManagerAddress"]
        raise MachineError(f"worker {worker}: no task starts there ({said}); {ENVIRONMENT}") from None


def _working_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
