"""The run that jobs.evaluate and jobs.triggers judge, made once (tests.neuronsig_jobs.judged_run)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    from tests.neuronsig_jobs.judged_run import plant

    return plant(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def mined(tmp_path_factory, model, local_ray) -> Path:
    from tests.neuronsig_jobs.judged_run import make_run

    return make_run(tmp_path_factory.mktemp("runs") / "run", model).root


@pytest.fixture
def run(mined, tmp_path) -> Path:
    return Path(shutil.copytree(mined, tmp_path / "run"))
