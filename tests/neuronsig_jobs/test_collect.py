"""jobs.collect on a tiny model: the table, the second run, and one clear line for each bad input."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from safetensors.torch import load_file, save_file

from neuronsig.checkpoint import load_tokenizer
from neuronsig.collection.shards import ShardPlan
from neuronsig.config import Config
from neuronsig.config.compose import compose
from neuronsig.errors import ConfigError, InputError, MachineError, NeuronsigError, PlanMismatchError
from neuronsig.run.directory import RunDirectory
from neuronsig.run.preflight import describe
from neuronsig.storage.files import remove
from neuronsig_jobs import collect
from neuronsig_ray.collect import make
from neuronsig_ray.collect.prepare import Machine, require_same_machine
from neuronsig_ray.model.inference import device_class
from neuronsig_ray.pool import Begun, Pool, Resources, replica_pool
from neuronsig_ray.preflight import PACKAGES, require_same_environment
from neuronsig_ray.session import ray_session
from tests.neuronsig_ray.here import scored_here
from tests.neuronsig_ray.models import UNITS, hidden, random_inputs, save_model, write_tokenized
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Its last layer norm is switched off in unit 2."""
    folder = save_model(tmp_path_factory.mktemp("model"))
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.1.output.LayerNorm.weight"][2] = 0.0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def tokenized_run(tmp_path_factory, model) -> Path:
    """A run directory as jobs.annotate and jobs.tokenize leave it, with 90 inputs in three shards."""
    run = RunDirectory.create(tmp_path_factory.mktemp("runs") / "run")
    name = load_tokenizer(settings(run.root, model).model).name
    with run.stage(f"tokenize/{name}", {"hand": "made"}, [run.tokenized(name)], {}):
        write_tokenized(run.tokenized(name), random_inputs(90), 30)
    return run.root


@pytest.fixture
def run(tokenized_run, tmp_path) -> Path:
    return Path(shutil.copytree(tokenized_run, tmp_path / "run"))


def settings(run: Path, model: Path, *words: str) -> Config:
    given = [word.split("=")[0] for word in words]
    usual = ("model=local", "model.name=tiny", f"model.path={model}", "collect.k=7", "collect.dtype=float32")
    return compose([f"run={run}", *(w for w in usual if w.split("=")[0] not in given), "ray.replica_cpus=1", *words])


def refused(kind: type[NeuronsigError], run: Path, model: Path, *words: str) -> str:
    """The message of the error that the job raises before anything is scored."""
    with pytest.raises(kind) as caught:
        collect.run(settings(run, model, *words))
    assert not (run / "topk").exists()
    assert RunDirectory(run).stage_record("collect/tiny") is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_table_equals_brute_force_and_a_second_run_does_nothing(run, model, monkeypatch):
    config = settings(run, model, "collect.signs=[1,-1]")
    first = collect.run(config)
    assert (first["sentences"], first["shards"], first["rows"]) == (90, 3, 2 * 2 * UNITS * 7)
    assert first["constant units"] == 1
    assert 0 < first["peak memory of a replica, MiB"] <= first["memory bound of a replica, MiB"]
    directory = RunDirectory(run)
    shards = ShardPlan.read(next((run / "tokenized").iterdir()))
    device = device_class(False, "float32", 1)
    job = collect.make_job(config, directory, shards, "any", model, "", device, hidden(1, 2), 1)
    assert_same_table(directory.topk("tiny"), brute_force(job))
    assert not directory.shards("tiny").exists()
    stamps = {path: path.stat().st_mtime_ns for path in directory.topk("tiny").rglob("*")}
    assert collect.run(config)["rows"] == first["rows"]
    assert {path: path.stat().st_mtime_ns for path in directory.topk("tiny").rglob("*")} == stamps

    other = save_model(model.parent / "other-weights", seed=9)
    with pytest.raises(PlanMismatchError, match=r"already holds collect/tiny made with another plan: weights was"):
        collect.run(settings(run, other, "collect.signs=[1,-1]"))
    for word, named in (("collect.k=8", "k was 7, now 8"), ("collect.special_tokens=false", "pooling was mean, now")):
        with pytest.raises(PlanMismatchError, match=named):
            collect.run(settings(run, model, "collect.signs=[1,-1]", word))

    # Nor is it lost to a larger one that is refused.
    monkeypatch.setattr(collect, "machine_of", lambda config, pool: Machine(device, host_bytes=1000, device_bytes=0))
    with pytest.raises(MachineError, match="MiB are free"):
        collect.run(settings(run, model, "collect.signs=[1,-1]", "collect.k=8", "overwrite=true"))
    monkeypatch.undo()
    assert collect.run(config)["rows"] == first["rows"]
    assert {path: path.stat().st_mtime_ns for path in directory.topk("tiny").rglob("*")} == stamps


def test_a_run_killed_while_its_commits_are_deleted_is_finished_and_nothing_is_scored_again(run, model, monkeypatch):
    def killed(place: Path) -> None:
        remove(place)
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "remove", killed)
    with pytest.raises(KeyboardInterrupt), scored_here():
        collect.run(settings(run, model))
    monkeypatch.setattr(make, "remove", remove)
    monkeypatch.setattr(make, "_score", None)
    files = {path: path.stat().st_mtime_ns for path in (run / "topk").rglob("*")}
    summary = collect.run(settings(run, model))
    assert (summary["rows"], summary["constant units"]) == (2 * UNITS * 7, 1)
    assert RunDirectory(run).stage_record("collect/tiny")["counts"]["constant units"] == 1
    assert {path: path.stat().st_mtime_ns for path in (run / "topk").rglob("*")} == files


def test_a_table_that_lost_a_file_is_made_again(run, model):
    with scored_here():
        collect.run(settings(run, model))
        (lost,) = (run / "topk" / "tiny").glob("hidden-L01-*.parquet")
        content = lost.read_bytes()
        lost.unlink()
        collect.run(settings(run, model))
    assert lost.read_bytes() == content


def test_a_replica_on_another_kind_of_machine_or_with_other_weights_is_refused(run, model):
    shards = ShardPlan.read(next((run / "tokenized").iterdir()))
    device = device_class(False, "float32", 1)
    job = collect.make_job(settings(run, model), RunDirectory(run), shards, "any", model, "", device, hidden(1, 2), 1)
    require_same_machine(job)
    with pytest.raises(MachineError, match=r"was started on cpu .*, the plan has cpu of another kind"):
        require_same_machine(dataclasses.replace(job, device_name="cpu of another kind"))
    with pytest.raises(InputError, match="its weights on this node are"):
        require_same_machine(dataclasses.replace(job, weights="0123"))


def test_k_of_zero(run, model):
    with pytest.raises(ConfigError, match=r"collect\.k=0: must be 1 or more sentences"):
        settings(run, model, "collect.k=0")


def test_a_layer_that_the_model_lacks(run, model):
    said = refused(ConfigError, run, model, "collect.layers=[1,3]")
    assert "the model has no layer 3; it has layers 0 (embeddings), 1 to 2 (blocks)" in said


def test_a_model_without_weights(run, model, tmp_path):
    bare = Path(shutil.copytree(model, tmp_path / "bare"))
    (bare / "model.safetensors").unlink()
    assert "holds no weights as safetensors" in refused(InputError, run, bare)


def test_a_config_of_no_transformer(run, model, tmp_path):
    strange = Path(shutil.copytree(model, tmp_path / "strange"))
    (strange / "config.json").write_text('{"model_type": "perceptron", "max_position_embeddings": 40}')
    assert "its config is of no known transformer" in refused(InputError, run, strange)


def test_a_corpus_that_is_not_tokenized(tmp_path, model):
    empty = RunDirectory.create(tmp_path / "empty")
    with empty.stage("annotate", {}, [], {}):
        pass
    said = refused(InputError, empty.root, model)
    assert "has not been run" in said
    assert said.endswith("run neuronsig tokenize first")


def test_a_tokenizer_with_more_tokens_than_the_model(run, model, tmp_path):
    small = Path(shutil.copytree(model, tmp_path / "small"))
    text = (small / "config.json").read_text()
    (small / "config.json").write_text(text.replace('"vocab_size": 20', '"vocab_size": 19'))
    weights = load_file(small / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    save_file({**weights, name: weights[name][:19]}, small / "model.safetensors", metadata={"format": "pt"})
    assert "token 19 is beyond the 19 tokens" in refused(InputError, run, small)


def test_too_little_memory(run, model, monkeypatch):
    small = Machine(device_class(False, "float32", 1), host_bytes=1000, device_bytes=0)
    monkeypatch.setattr(collect, "machine_of", lambda config, pool: small)
    assert "MiB are free; set a smaller collect.k" in refused(MachineError, run, model)


def test_too_little_disk(run, model, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(100, 100, 0))
    assert "MiB needed; free some space" in refused(MachineError, run, model)


@pytest.mark.parametrize(
    ("words", "machine", "said"),
    [
        (["ray.replicas=3"], Resources(2, 2, 0), "needs 3 x 1 CPUs, the cluster has 2"),
        (["ray.gpus='1'"], Resources(2, 2, 0), r"ray\.gpus=1: there is no GPU here"),
        (["ray.replicas=3"], Resources(8, 8, 2), "needs 3 GPUs, the cluster has 2"),
    ],
    ids=["more CPUs than there are", "no GPU", "more GPUs than there are"],
)
def test_more_replicas_than_the_machine_holds(run, model, words, machine, said):
    with pytest.raises(MachineError, match=said):
        replica_pool(settings(run, model, *words).ray, machine, shards=10)


def test_a_cluster_that_is_not_there(run, model, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    wrong = ray_session(settings(run, model, "ray.address='127.0.0.1:1'").ray)
    with pytest.raises(MachineError, match=r"ray\.address=127\.0\.0\.1:1: nobody answers there"), wrong:
        pass


CLUSTER = "ray.address='10.0.0.1:6379'"


@pytest.mark.parametrize(
    ("words", "machine", "pool"),
    [
        ([], (2, 2, 0), Pool(1, 2, 0)),
        (["ray.replicas=2"], (2, 2, 0), Pool(2, 1, 0)),
        (["ray.replica_cpus=4"], (16, 8, 0), Pool(4, 4, 0)),
        ([], (16, 16, 8), Pool(8, 1, 1)),
        ([CLUSTER, "ray.gpus='0'"], (16, 8, 0), Pool(16, 1, 0)),
        ([CLUSTER, "ray.gpus='0'", "ray.replicas=40"], (16, 8, 0), Pool(40, 1, 0)),
        ([CLUSTER, "ray.gpus='0'"], (0, 0, 0), Pool(1, 1, 0)),
        ([CLUSTER, "ray.gpus='1'", "ray.max_replicas=8"], (0, 0, 0), Pool(1, 1, 1, most=8)),
        ([CLUSTER], (16, 8, 2), Pool(2, 1, 1)),
    ],
)
def test_replicas_fill_the_machine_and_wait_for_the_nodes_of_a_cluster(words, machine, pool):
    config = compose(words).ray
    assert replica_pool(config, Resources(*machine), shards=100) == pool
    assert replica_pool(config, Resources(*machine), shards=1).replicas == 1


def test_no_gpu_that_is_up_on_a_cluster_is_not_taken_for_none_to_come():
    config = compose([CLUSTER]).ray
    with pytest.raises(MachineError, match=r"ray\.gpus=auto: .*; set ray\.gpus=1 to wait for GPUs, or ray\.gpus=0"):
        replica_pool(config, Resources(16, 8, 0), shards=100)


@pytest.mark.parametrize("machine", [(2, 2, 0), (0, 0, 0), (64, 16, 0)])
@pytest.mark.parametrize("words", [[], [CLUSTER]], ids=["here", "cluster"])
def test_who_goes_on_takes_the_device_and_the_threads_it_was_begun_with(words, machine):
    config = compose(words).ray
    if not words and not machine[0]:
        pytest.skip("this machine has cores")
    found = replica_pool(config, Resources(*machine), 100, Begun("cpu", 4))
    assert (found.threads, found.gpus) == (4, 0)
    assert found.cpus == min(4, machine[1] or 4)
    if words:
        assert replica_pool(config, Resources(*machine), 100, Begun("cuda", 0)) == Pool(1, 1, 1)
    two = compose(["ray.replicas=2"]).ray
    assert replica_pool(two, Resources(2, 2, 0), 100, Begun("cpu", 4)) == Pool(2, 1, 0, threads=4)


def test_a_node_that_came_later_and_cannot_do_the_job_is_named_in_place_of_rays_error(run, model, monkeypatch):
    def fails(*arguments):
        raise RuntimeError("a page of Ray's")

    def names(config):
        raise MachineError("worker node7: Python 3.12, and the job runs on 3.11")

    monkeypatch.setattr(make, "score_shards", fails)
    with pytest.raises(RuntimeError, match="a page of Ray's"):
        collect.run(settings(run, model))
    monkeypatch.setattr(make, "check_nodes", names)
    with pytest.raises(MachineError, match="worker node7"):
        collect.run(settings(run, model))


def test_a_replica_with_other_packages_than_the_driver_is_refused():
    driver = describe(PACKAGES)
    require_same_environment(driver)
    driver["packages"]["torch"] = "0.1"
    with pytest.raises(MachineError, match=r"^worker \S+: torch \S+, and the job runs with 0\.1; give every node"):
        require_same_environment(driver)


def test_a_machine_of_another_size_goes_on_with_the_plan(run, model, monkeypatch):
    config = settings(run, model, "ray.replica_cpus=0")
    with scored_here():
        for cores in (1, 2, 16):
            monkeypatch.setattr(collect, "resources", lambda config, n=cores: Resources(n, n, 0))
            assert collect.run(config)["rows"] == UNITS * 2 * 7
            assert RunDirectory(run).stage_record("collect/tiny")["plan"]["device"]["threads"] == 1
        # Threads that the command names are the plan's.
        with pytest.raises(PlanMismatchError, match=r"device\.threads was 1, now 2"):
            collect.run(settings(run, model, "ray.replica_cpus=2"))
    assert collect.begun(dataclasses.replace(config, overwrite=True), RunDirectory(run)) is None
