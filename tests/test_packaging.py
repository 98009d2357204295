"""What a wheel holds, and whether the extras declare what the packages import."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OURS = ("neuronsig", "neuronsig_ray", "neuronsig_jobs", "spark_jobs")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_a_wheel_holds_every_file_of_the_packages(monkeypatch):
    from setuptools import Distribution
    from setuptools.config.pyprojecttoml import apply_configuration

    monkeypatch.chdir(ROOT)
    distribution = apply_configuration(Distribution({"script_name": "setup.py"}), "pyproject.toml")
    # What version control lists would be added too, where a plugin for it is installed.
    distribution.include_package_data = False
    command = distribution.get_command_obj("build_py")
    command.finalize_options()
    held = {str(Path(module[2])) for module in command.find_all_modules()}
    held |= {str(Path(folder) / name) for _, folder, _, names in command.data_files for name in names}
    there = {
        str(path.relative_to(ROOT))
        for room in OURS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert there - held == set()
    assert "spark_jobs/models/scala2.12/pos_ewt.zip" in held


@pytest.mark.parametrize(
    ("rooms", "extras"),
    [
        (("neuronsig", "spark_jobs"), ("spark",)),
        (("neuronsig", "neuronsig_ray"), ("ray",)),
        (("neuronsig_jobs",), ("spark", "ray")),
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


def test_the_default_word_pieces_come_with_spark():
    from neuronsig.config import AnnotatorConfig

    package = AnnotatorConfig().wordpieces.removeprefix("package:").split("/")[0]
    names = [re.split(r"[<>=]", line)[0] for line in PROJECT["optional-dependencies"]["spark"]]
    assert normal(package) in names


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
