"""What a wheel holds, and whether the extras declare what the packages import."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from neuronsig.checkpoint import load_tokenizer
from neuronsig.config.compose import compose
from spark_jobs.annotators import model_identity

ROOT = Path(__file__).resolve().parent.parent
OURS = ("neuronsig", "neuronsig_ray", "neuronsig_jobs", "spark_jobs")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built from a copy: setuptools writes beside what it packs."""
    source = tmp_path_factory.mktemp("source")
    for path in ROOT.iterdir():
        if path.is_dir() and not path.name.startswith(".") and (path / "__init__.py").exists():
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        elif path.name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(path, source)
    build = [sys.executable, "-c", "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"]
    built = subprocess.run(build, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return source / built.stdout.splitlines()[-1]


def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        str(path.relative_to(ROOT))
        for room in OURS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert held == there
    assert {"neuronsig/conf/config.yaml", "spark_jobs/models/scala2.12/pos_ewt.zip"} <= held


def test_a_wheel_harms_nobodys_conf_and_jobs_and_runs_from_any_folder(wheel: Path, tmp_path: Path):
    site = tmp_path / "site"
    others = {f"{name}/__init__.py": f"whose = 'somebody else'  # {name}\n" for name in ("conf", "jobs")}
    for name, text in others.items():
        (site / name).parent.mkdir(parents=True)
        (site / name).write_text(text)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, "--upgrade", str(wheel)], check=True)
    assert {name: (site / name).read_text() for name in others} == others
    assert {path.name for path in (site / "conf").iterdir()} == {"__init__.py"}

    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = ["estimate", "preset=paper", "collect.k=77", "--show"]
    # -P: the folder that it is run in is not looked at, as it is not by the console command.
    command = [sys.executable, "-P", "-m", "neuronsig_jobs", *words]
    shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "k: 77" in shown.stdout
    assert "bert-base-uncased" in shown.stdout
    ask = "import conf, jobs, neuronsig_jobs; print(conf.whose, jobs.whose, neuronsig_jobs.__file__)"
    asked = [sys.executable, "-P", "-c", ask]
    said = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["somebody", "else", "somebody", "else", str(site / "neuronsig_jobs" / "__init__.py")]


def test_a_wheel_need_not_be_installed_to_be_submitted(wheel: Path, tmp_path: Path):
    """As spark-submit has it of --py-files: a zip archive on the path, and a file of its own that is run."""
    environment = {**os.environ, "PYTHONPATH": str(wheel)}

    def said(*words: str) -> str:
        command = [sys.executable, "-P", *words]
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    submit = str(ROOT / "deploy" / "neuronsig_submit.py")
    assert "k: 77" in said(submit, "estimate", "preset=paper", "collect.k=77", "--show")
    assert "  tokenize " in said(submit, "--help")
    ask = (
        "import pathlib; from spark_jobs import annotators as a; archive = a.MODELS / 'scala2.12' / a.TAGGER; "
        "print(type(archive).__name__, (a.unpacked(archive, pathlib.Path('cache')) / 'metadata').is_dir(), "
        "a.model_identity('pos_model', ''), a.model_identity('parser_model', ''))"
    )
    here = [model_identity(key, "") for key in ("pos_model", "parser_model")]
    assert said("-c", ask).split() == ["Path", "True", *" ".join(here).split()]
    ask = (
        "from neuronsig.checkpoint import load_tokenizer; from neuronsig.config.compose import compose; "
        "print(load_tokenizer(compose(['model=minilm']).model).name)"
    )
    assert said("-c", ask).strip() == load_tokenizer(compose(["model=minilm"]).model).name


OF_THE_CLUSTER_JOB = {"neuronsig/analysis/clusters.py", "neuronsig/analysis/word_vectors.py"}
"""The core's modules that need what comes with Ray's side alone: the first where it clusters, the second always."""


OF_A_STORE = {"neuronsig/storage/hdfs.py"}
"""Imported for a run there alone; its extra is `hdfs`."""


def test_where_there_is_no_ray_all_but_the_cluster_job_s_modules_are_imported():
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in (ROOT / "neuronsig").rglob("*.py")]
    wanted = [name for name in names if name != "neuronsig.analysis.word_vectors"]
    code = f"""
import importlib, sys
class Absent:
    def find_spec(name, *_):
        if name in ("ray", "torch", "faiss", "gensim", "pyspark"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent)
for name in {wanted}:
    importlib.import_module(name.removesuffix(".__init__"))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("rooms", "extras"),
    [
        (("neuronsig", "spark_jobs"), ("spark", "on-spark")),
        (("neuronsig", "neuronsig_ray"), ("ray",)),
        (("neuronsig_jobs",), ("spark", "on-spark", "ray")),
    ],
    ids=["spark", "ray", "jobs"],
)
def test_extras_declare_what_their_packages_import(rooms, extras):
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in extras)]
    declared = {normal(re.split(r"[\s\[<>=!~;]", line)[0]) for lines in lists for line in lines}
    distributions = importlib.metadata.packages_distributions()
    missing = {}
    for room in rooms:
        for module, file in imports(ROOT / room):
            if (file in OF_THE_CLUSTER_JOB and "ray" not in extras) or file in OF_A_STORE:
                continue
            if not {normal(name) for name in distributions.get(module, [module])} & declared:
                missing[module] = file
    assert missing == {}


def test_no_package_of_neuronsig_imports_one_that_imports_it():
    house = ROOT / "neuronsig"
    packages = {path.name for path in house.iterdir() if (path / "__init__.py").exists()}
    assert {"run", "config", "collection", "mining"} <= packages
    needs: dict[str, set[str]] = {}
    for file in house.rglob("*.py"):
        # Packages stand above what is at the top, or beside it: a file there is a room of its own.
        room = file.relative_to(house).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("neuronsig."):
                needs.setdefault(room, set()).add(node.module.split(".")[1])
    graphlib.TopologicalSorter({room: needed - {room} for room, needed in needs.items()}).prepare()


def imports(folder: Path) -> list[tuple[str, str]]:
    """(top-level module, file) of every import that is neither Python's nor ours."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            found += [(name.split(".")[0], str(file.relative_to(ROOT))) for name in names]
    return [(name, file) for name, file in found if name not in sys.stdlib_module_names and name not in OURS]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_pinned_versions_can_be_installed_together():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    pins = {normal(name): version.split(";")[0].strip() for name, version in pinned.items()}
    refused = []
    for distribution in importlib.metadata.distributions():
        if normal(distribution.name) not in pins:
            continue
        for line in distribution.requires or []:
            needed = Requirement(line)
            if needed.marker and not needed.marker.evaluate({"extra": ""}):
                continue
            version = pins.get(normal(needed.name))
            if version and not needed.specifier.contains(version, prereleases=True):
                refused.append(f"{distribution.name} needs {needed}, {version} is pinned")
    assert refused == []
