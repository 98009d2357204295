"""jobs.cluster on a small run, from the command line to its tables, and what it says to bad input."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="ray is not installed")

import neuronsig_jobs.cluster
from neuronsig.analysis import word_vectors
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.parquet import read_table
from neuronsig.tables import NEURONS, PROFILES
from neuronsig_jobs.__main__ import main
from tests.run_factory import make_run

SMALL = [
    "analysis.dimension=24",
    "analysis.buckets=500",
    "analysis.epochs=3",
    "ray.address=local",
    "ray.object_store_mb=100",
]


pytestmark = pytest.mark.usefixtures("local_ray", "coarse_figures")


def command(made, *words):
    return main(["cluster", "--brief", f"run={made.run.root}", *SMALL, *words])


@pytest.fixture(scope="module")
def made(tmp_path_factory, local_ray):
    """A run that has been clustered by the job."""
    made = make_run(tmp_path_factory.mktemp("run"), clustered=False)
    assert command(made) == 0
    return made


def test_every_neuron_keeps_its_profile_and_gets_a_vector_a_cluster_and_a_place(made):
    table = read_table(made.run.neurons("minilm"), NEURONS)
    profiles = read_table(made.run.profiles("minilm"), PROFILES)
    assert table.num_rows == len(made.top) == 16
    for name in ("n_sentences", "length_mean", "metadata_profile"):
        assert table[name].to_pylist() == profiles[name].to_pylist()
    assert {len(v) for v in table["vector"].to_pylist()} == {24}
    assert {len(v) for v in table["tsne"].to_pylist()} == {2}
    assert set(table["cluster"].to_pylist()) == {0, 1}


def test_a_typical_sentence_is_one_of_the_neurons_own(made):
    for row in read_table(made.run.neurons("minilm"), NEURONS).to_pylist():
        assert row["typical_sentence_id"] in {i for _, i in made.top[row["layer"], row["unit"]]}


def test_the_analysis_folder_holds_clusters_table_and_figures(made):
    folder = made.run.analysis("minilm")
    record = json.loads((folder / "clusters.json").read_text())["hidden"]
    assert np.sum(record["table"]) == 16
    assert 0 < record["accuracy"] <= 1
    lines = (folder / "layers_by_cluster.csv").read_text().splitlines()
    assert lines[0] == "cluster,site,L1,L2,neurons,matched_layer"
    assert len(lines) == 3
    assert {p.stem for p in folder.glob("*.png")} == {p.stem for p in folder.glob("*.svg")}
    assert {"tsne_by_layer", "selectivity_by_layer", "sentiment_by_layer", "corpora"} <= {
        p.stem for p in folder.glob("*.png")
    }


def test_each_site_is_clustered_as_if_it_were_alone(made, tmp_path):
    both = make_run(tmp_path / "run", clustered=False, mlp_units=5)
    assert command(both) == 0
    alone, beside = (json.loads((m.run.analysis("minilm") / "clusters.json").read_text()) for m in (made, both))
    assert set(beside) == {"hidden", "mlp"}
    assert beside["hidden"] == alone["hidden"]
    assert beside["mlp"]["clusters"] == [2, 3]
    assert np.sum(beside["mlp"]["table"]) == 10
    found = {}
    for m in (made, both):
        for row in read_table(m.run.neurons("minilm"), NEURONS).to_pylist():
            own = made.top if row["site"] == "hidden" else both.mlp
            assert row["typical_sentence_id"] in {i for _, i in own[row["layer"], row["unit"]]}
            key = (m is made, row["site"], row["layer"], row["unit"])
            found[key] = (row["cluster"], row["tsne"], row["vector"])
    assert len(found) == 16 + 26
    for (is_alone, *neuron), values in found.items():
        if is_alone:
            assert found[False, *neuron] == values
    lines = (both.run.analysis("minilm") / "layers_by_cluster.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["site", "hidden", "hidden", "mlp", "mlp"]
    assert command(both, "analysis.clusters=11", "overwrite=true") == 2


def test_a_second_run_does_nothing(made, monkeypatch):
    before = {p: p.stat().st_mtime_ns for p in made.run.root.rglob("*") if p.is_file()}
    monkeypatch.setattr(neuronsig_jobs.cluster, "cluster_neurons", lambda *_: pytest.fail("worked again"))
    assert command(made) == 0
    assert {p: p.stat().st_mtime_ns for p in made.run.root.rglob("*") if p.is_file()} == before


def test_other_clusters_are_refused_then_made_with_the_same_word_vectors(made, tmp_path, monkeypatch, capsys):
    made = replace(made, run=RunDirectory.existing(shutil.copytree(made.run.root, tmp_path / "run")))
    assert command(made, "analysis.clusters=3") == 2
    assert "clusters was 0, now 3" in capsys.readouterr().err
    monkeypatch.setattr(word_vectors, "train", lambda *_: pytest.fail("trained again"))
    vectors = read_table(made.run.neurons("minilm"), NEURONS)["vector"].to_pylist()
    assert command(made, "analysis.clusters=3", "overwrite=true") == 0
    again = read_table(made.run.neurons("minilm"), NEURONS)
    assert again["vector"].to_pylist() == vectors
    assert set(again["cluster"].to_pylist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model=local", "model.name=other", "model.path=x"], "stage collect/other has not been run"),
        (["analysis.vectors=nowhere.vec"], "analysis.vectors=nowhere.vec: no such file"),
        (["analysis.clusters=1"], "analysis.clusters=1: must be 0 or at least 2"),
        (["analysis.perplexity=0"], "analysis.perplexity=0.0: must be above 0"),
        (["analysis.seed=-1"], "analysis.seed=-1: must be 0 or more"),
        (["analysis.clusters=99", "overwrite=true"], "analysis.clusters=99: must be at most the 16 neurons of a site"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, words, said):
    made = make_run(tmp_path / "run", sentences=120, k=10, clustered=False)
    assert command(made, *words) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


def test_a_neuron_without_a_profile_is_named(tmp_path, capsys):
    made = make_run(tmp_path / "run", sentences=120, k=10, clustered=False)
    file = made.run.profiles("minilm") / "part-0.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    assert command(made) == 2
    assert "no profile of 1 of 16 neurons, the first is L1/U0" in capsys.readouterr().err


def test_a_sentence_of_a_list_that_is_not_in_the_corpus_is_said(tmp_path, capsys):
    made = make_run(tmp_path / "run", sentences=120, k=10, clustered=False)
    (made.run.sentences / "part-1.parquet").unlink()
    assert command(made) == 2
    assert "lacks sentences of" in capsys.readouterr().err


def test_a_torn_sentence_file_is_named(tmp_path, capsys):
    made = make_run(tmp_path / "run", sentences=120, k=10, clustered=False)
    file = made.run.sentences / "part-1.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    assert command(made) == 2
    assert "part-1.parquet cannot be read as Parquet" in capsys.readouterr().err
