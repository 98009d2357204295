"""jobs.collect on Ray clusters of real daemons: one that scales from zero, and nodes that cannot do the job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neuronsig.checkpoint import load_tokenizer
from neuronsig.config.compose import compose
from neuronsig.run.directory import RunDirectory
from neuronsig_jobs import collect
from tests.neuronsig_ray import clusters
from tests.neuronsig_ray.here import scored_here
from tests.neuronsig_ray.models import random_inputs, write_tokenized

pytestmark = [pytest.mark.clusters, pytest.mark.slow, pytest.mark.timeout(900)]


def words_of(model: Path) -> list[str]:
    model_words = ["model=local", "model.name=tiny", f"model.path={model}"]
    return [*model_words, "collect.k=7", "collect.dtype=float32", "collect.signs=[1,-1]"]


def tokenized(folder: Path, model: Path, shards: int) -> RunDirectory:
    run = RunDirectory.create(folder)
    name = load_tokenizer(compose(words_of(model)).model).name
    with run.stage(f"tokenize/{name}", {"hand": "made"}, [run.tokenized(name)], {}):
        write_tokenized(run.tokenized(name), random_inputs(2 * shards), 2)
    return run


def neuronsig(*words: str, seconds: float = 500) -> subprocess.CompletedProcess[str]:
    return script("-m", "neuronsig_jobs", *words, seconds=seconds)


def script(*words: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run Python; the job's lines are not broken."""
    return subprocess.run(
        [sys.executable, *words],
        env=clusters.environment(),
        cwd=clusters.ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


UP = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); print(sum(n['Alive'] for n in ray.nodes()), 'up')"


def test_a_cluster_without_nodes_grows_to_two_and_the_table_is_that_of_one_machine(local_ray, tiny_model, tmp_path):
    model = tiny_model()
    run, alone = tokenized(tmp_path / "run", model, 150), tokenized(tmp_path / "alone", model, 150)
    with clusters.scaling_cluster(tmp_path) as address:
        there = [f"run={run.root}", *words_of(model), f"ray.address={address}"]
        unsaid = neuronsig("collect", "--brief", *there)
        assert unsaid.returncode == 2
        assert "ray.gpus=auto: the cluster has no GPU up now and may scale by itself; set ray.gpus=1" in unsaid.stderr
        declared = neuronsig("collect", "--brief", *there, "ray.gpus='1'", "ray.wait_seconds=7")
        assert declared.returncode == 2
        assert "waiting for 1 replica of 1 CPU and 1 GPU, up to 7 s: the cluster has 0 CPUs on 1" in declared.stdout
        assert "ray.wait_seconds=7: no room for 1 replica of 1 CPU and 1 GPU, the cluster has 0 CPUs" in declared.stderr
        assert list(run.root.glob("topk/*")) == []
        done = neuronsig("collect", "--brief", *there, "ray.gpus='0'", "ray.max_replicas=2")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "scoring 150 shards on 1 to 2 replicas" in done.stdout
        # A head and two workers: the second came for the replica that waited.
        assert "3 up" in script("-c", UP, address).stdout
    with scored_here():
        collect.run(compose([f"run={alone.root}", *words_of(model), "ray.replica_cpus=1"]))
    assert contents(run.topk("tiny")) == contents(alone.topk("tiny"))
    # Any machine goes on with the threads of the plan, be it larger than the first one.
    assert collect.run(compose([f"run={run.root}", *words_of(model)]))["rows"] > 0


ASK_EACH = """
import sys
import ray
from neuronsig.config.compose import compose
from neuronsig.errors import MachineError
from neuronsig_ray import preflight
config = compose(sys.argv[1:])
ray.init(config.ray.address, log_to_driver=False)
working = preflight._working_nodes
for node in sorted(working(), key=lambda node: node["NodeManagerAddress"]):
    preflight._working_nodes = lambda: [node]
    try:
        preflight.check_nodes(config)
        print(node["NodeManagerAddress"], "can")
    except MachineError as error:
        print(node["NodeManagerAddress"], "cannot:", error)
"""


def test_a_node_that_cannot_do_the_job_is_named_with_what_is_wrong_and_the_remedy(tiny_model, tmp_path):
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False).returncode:
        pytest.skip("this machine does not let a process have mounts of its own")
    model, run = tiny_model(), RunDirectory.create(tmp_path / "run")
    other = tmp_path / "other" / "transformers"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = '0.1'")
    nodes = [
        clusters.Node(),
        clusters.Node(environment={"PYTHONPATH": f"{other.parent}:{clusters.ROOT}"}),
        clusters.Node(hidden=run.root),
        clusters.Node(hidden=model),
    ]
    with clusters.still_cluster(tmp_path, nodes) as address:
        said = script("-c", ASK_EACH, f"run={run.root}", *words_of(model), f"ray.address={address}")
    # A node that is slow to answer is told of in a line of its own.
    lines = [line for line in said.stdout.splitlines() if line.startswith("127.0.0.")]
    assert lines[0] == "127.0.0.2 can", said.stdout + said.stderr
    assert "cannot: worker " in lines[1]
    assert ": transformers 0.1, and the job runs with " in lines[1]
    assert lines[1].endswith("; give every node the environment of this job: one image, or a runtime_env")
    assert f": run={run.root} cannot be used from there (it is not there); choose a run=... on a disk" in lines[2]
    assert f": model.path={model} is not there ({model}); give every node the same files, or" in lines[3]
    assert len(lines) == 4
    assert list(run.root.iterdir()) == []
