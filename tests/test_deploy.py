"""What deploy/ tells a platform: the files, entry points, packages, jobs and keys that it names are there.

tests/clusters runs the parts for which a platform can be brought up here.
"""

import copy
import importlib.metadata
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from neuronsig.config import SparkConfig
from neuronsig.config.compose import compose
from neuronsig.run.stages import JOBS, pipeline_jobs

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUNDLE: dict[str, Any] = yaml.safe_load((DEPLOY / "databricks.yml").read_text())
NEURONSIG = BUNDLE["resources"]["jobs"]["neuronsig"]
TASKS = {task["task_key"]: task for task in NEURONSIG["tasks"]}


def test_every_file_has_its_line_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [file.name for file in sorted(DEPLOY.iterdir()) if f"deploy/{file.name}" not in readme] == []


def job_of(words: list[str]) -> str:
    """The job of our part of a command line, whose keys and values are possible."""
    compose(words[1:])
    return JOBS[words[0]].name


@pytest.mark.parametrize("file", sorted(DEPLOY.glob("*.md")), ids=lambda file: file.name)
def test_command_lines_in_the_texts_name_jobs_and_keys_that_there_are(file: Path):
    for block in re.findall(r"```\n(.*?)```", file.read_text(), re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.replace("Args=[", " ").replace("]'", "'"), comments=True)
            words = [part for word in words for part in (word.split(",") if "--deploy-mode," in word else [word])]
            starts = [number for number, word in enumerate(words) if word in JOBS and words[number - 1] != "-m"]
            if starts and any("=" in word for word in words[starts[-1] :]):
                job_of([words[starts[-1]], *(word for word in words[starts[-1] + 1 :] if "=" in word)])
            for name in re.findall(r"deploy/[\w.]+", line):
                assert (ROOT / name).exists(), name


def test_the_bundle_runs_every_job_of_the_pipeline_after_what_it_reads():
    assert set(TASKS) == {job.name for job in pipeline_jobs()}
    before: dict[str, set[str]] = {}
    for name, task in TASKS.items():
        direct = {entry["task_key"] for entry in task.get("depends_on", [])}
        before[name] = direct.union(*(before[source] for source in direct))
        assert set(JOBS[name].inputs) <= before[name], name


def test_databricks_takes_the_bundle_s_job_and_no_key_that_it_does_not_know():
    """Databricks makes these classes from the schema of bundles (`databricks bundle schema`)."""
    jobs = pytest.importorskip("databricks.bundles.jobs", reason="databricks-bundles is not installed")
    job = jobs.Job.from_dict(NEURONSIG)
    assert [task.task_key for task in job.tasks] == [task["task_key"] for task in NEURONSIG["tasks"]]
    for path, key in (
        ([], "job_cluster"),
        (["job_clusters", 0, "new_cluster"], "node_type"),
        (["tasks", 0], "max_retry"),
        (["tasks", 0, "libraries", 0], "wheel"),
        (["tasks", 0, "python_wheel_task"], "entrypoint"),
    ):
        planted = copy.deepcopy(NEURONSIG)
        place = planted
        for step in path:
            place = place[step]
        place[key] = "x"
        with pytest.raises(ValueError, match=f"Unexpected field '{key}'"):
            jobs.Job.from_dict(planted)
    planted = copy.deepcopy(NEURONSIG)
    planted["tasks"][0]["max_retries"] = "three"
    with pytest.raises(ValueError, match="'three'"):
        jobs.Job.from_dict(planted)


def test_the_bundle_s_tasks_call_an_entry_point_of_the_wheel_with_keys_that_there_are():
    # The mount itself is not here, where it would be refused.
    variables = {
        f"${{var.{name}}}": value["default"].replace("/Volumes", "/elsewhere")
        for name, value in BUNDLE["variables"].items()
    }
    clusters = {entry["job_cluster_key"] for entry in NEURONSIG["job_clusters"]}
    for name, task in TASKS.items():
        wheel = task["python_wheel_task"]
        assert wheel["package_name"] == PROJECT["name"]
        assert wheel["entry_point"] in PROJECT["scripts"]
        words = list(wheel["parameters"])
        for variable, value in variables.items():
            words = [word.replace(variable, value) for word in words]
        assert job_of(words) == name
        engine = "spark" if "spark" in JOBS[name].sections else "gpu"
        assert task["job_cluster_key"] in clusters & {engine}
        assert (engine == "spark") == ("spark=submitted" in words)


@pytest.mark.parametrize(("anchor", "extras"), [("x-spark", ["on-spark"]), ("x-gpu", ["ray", "minilm"])])
def test_the_bundle_s_libraries_are_those_of_the_extras(anchor: str, extras: list[str]):
    given = [Requirement(entry["pypi"]["package"]) for entry in BUNDLE[anchor]["libraries"] if "pypi" in entry]
    wanted = {
        Requirement(line).name: Requirement(line)
        for extra in extras
        for line in PROJECT["optional-dependencies"][extra]
    }
    assert {requirement.name for requirement in given} == set(wanted)
    for requirement in given:
        installed = importlib.metadata.version(requirement.name)
        assert requirement.specifier.contains(installed)
        assert wanted[requirement.name].specifier.contains(installed)
    maven = [entry["maven"] for entry in BUNDLE[anchor]["libraries"] if "maven" in entry]
    assert maven in ([], [{"coordinates": SparkConfig().nlp_package, "exclusions": SparkConfig().nlp_excludes}])


def test_spark_nlp_is_everywhere_the_one_of_the_configuration():
    for file in DEPLOY.iterdir():
        assert set(re.findall(r"com\.johnsnowlabs\.nlp:spark-nlp_[\w.:]+\w", file.read_text())) <= {
            SparkConfig().nlp_package
        }
    assert ",".join(SparkConfig().nlp_excludes) in (DEPLOY / "yarn.sh").read_text()


def test_yarn_gets_the_archive_the_job_and_spark_nlp_where_it_is_needed(tmp_path: Path):
    fake = tmp_path / "spark-submit"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)

    def submitted(*words: str, **more: str) -> list[str]:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **more}
        ran = subprocess.run([DEPLOY / "yarn.sh", *words], env=environment, capture_output=True, text=True, check=False)
        return ran.stdout.splitlines() if ran.returncode == 0 else [ran.stderr]

    archive = {"NEURONSIG_ARCHIVE": "hdfs:///apps/env.tar.gz"}
    mine = submitted("mine", "run=hdfs://nn:8020/a b", NEURONSIG_SPARK_SUBMIT="--queue q", **archive)
    assert mine[-4:] == [str(DEPLOY / "neuronsig_submit.py"), "mine", "spark=submitted", "run=hdfs://nn:8020/a b"]
    assert {"hdfs:///apps/env.tar.gz#env", "cluster", "--queue", "q"} <= set(mine)
    assert "--packages" not in mine
    annotate = submitted("annotate", NEURONSIG_DEPLOY_MODE="client", PYSPARK_DRIVER_PYTHON="/opt/python", **archive)
    assert {"client", SparkConfig().nlp_package, "spark.pyspark.driver.python=/opt/python"} <= set(annotate)
    assert "NEURONSIG_ARCHIVE: must name the archive" in submitted("mine")[0]
