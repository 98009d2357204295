"""The files of deploy/ for Ray: their commands are ours, and KubeRay's own definition takes the RayJob."""

from __future__ import annotations

import copy
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from neuronsig.config.compose import compose
from neuronsig_jobs.__main__ import main

ROOT = Path(__file__).parents[1]
RAYJOB = yaml.safe_load((ROOT / "deploy/rayjob.yaml").read_text())
PAGE = (ROOT / "deploy/ray_jobs.md").read_text()
COMMANDS = [RAYJOB["spec"]["entrypoint"], *re.findall(r"-- (neuronsig .*)", PAGE)]
OPERATOR = "github.com/ray-project/kuberay/ray-operator@v1.4.2"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_ray_files_are_accepted(command, capsys):
    name, *words = shlex.split(command)
    assert name == "neuronsig"
    assert main([*words, "--show"]) == 0, capsys.readouterr().err


def test_the_rayjob_may_grow_to_the_replicas_that_its_command_asks_for():
    words = [word for word in shlex.split(RAYJOB["spec"]["entrypoint"]) if "=" in word]
    config, cluster = compose(words).ray, RAYJOB["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    (container,) = workers["template"]["spec"]["containers"]
    assert (workers["minReplicas"], workers["maxReplicas"]) == (0, config.max_replicas)
    assert (config.address, config.gpus, container["resources"]["limits"]["nvidia.com/gpu"]) == ("auto", "1", "1")
    assert cluster["enableInTreeAutoscaling"]
    assert RAYJOB["spec"]["backoffLimit"] > 0
    assert f"ray=={cluster['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_the_readme_names_the_files_and_the_page():
    text = (ROOT / "README.md").read_text()
    assert "deploy/rayjob.yaml" in text
    assert "deploy/ray_jobs.md" in text


@pytest.fixture(scope="module")
def kuberay(tmp_path_factory) -> dict[str, Any]:
    """The schema of a RayJob in KubeRay's definition of it, refusing keys that it does not know."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here, whose proxy has KubeRay's definitions")
    command = [go, "mod", "download", "-json", OPERATOR]
    try:
        told = subprocess.run(
            command, capture_output=True, timeout=60, check=True, cwd=tmp_path_factory.mktemp("go")
        ).stdout
    except subprocess.SubprocessError as error:
        pytest.skip(f"KubeRay's definitions are not to be had ({error})")
    file = Path(json.loads(told)["Dir"]) / "config/crd/bases/ray.io_rayjobs.yaml"
    versions = yaml.safe_load(file.read_text())["spec"]["versions"]
    (schema,) = [version["schema"]["openAPIV3Schema"] for version in versions if version["name"] == "v1"]
    return strict(schema)


def strict(schema: Any) -> Any:
    """A copy whose objects take no other properties than those that are named, as Kubernetes' strict validation."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", bool(made.get("x-kubernetes-preserve-unknown-fields")))
    return made


def wrong(job: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(job)]


def test_kuberay_takes_the_rayjob_and_no_key_that_it_does_not_know(kuberay):
    assert wrong(RAYJOB, kuberay) == []
    for path, key in (
        ([], "backoffLimits"),
        (["rayClusterSpec"], "enableAutoscaling"),
        (["rayClusterSpec", "workerGroupSpecs", 0], "minReplica"),
        (["rayClusterSpec", "headGroupSpec", "template", "spec", "containers", 0], "images"),
    ):
        planted = copy.deepcopy(RAYJOB)
        place = planted["spec"]
        for step in path:
            place = place[step]
        place[key] = 1
        (said,) = wrong(planted, kuberay)
        assert f"'{key}' was unexpected" in said
    planted = copy.deepcopy(RAYJOB)
    planted["spec"]["backoffLimit"] = "three"
    assert wrong(planted, kuberay) == ["'three' is not of type 'integer'"]
