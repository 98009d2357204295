"""One Ray for all tests of this folder, and one tiny model of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    from neuronsig.config import RayConfig
    from neuronsig_ray.session import ray_session

    with ray_session(RayConfig(address="local", object_store_mb=100)):
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Callable[[str], Path]:
    from tests.neuronsig_ray.models import save_model

    made: dict[str, Path] = {}

    def get(kind: str = "bert") -> Path:
        if kind not in made:
            made[kind] = save_model(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return get
