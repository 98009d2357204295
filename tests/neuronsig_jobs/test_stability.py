"""jobs.stability on a small run: its table, what it says, how it goes on, and bad input."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="ray is not installed")

from neuronsig.mining.halves import choose
from neuronsig.neuron import Neuron
from neuronsig.signature.reader import SignatureReader
from neuronsig_jobs.__main__ import main
from neuronsig_ray.evaluate import stability as carrier
from tests.run_factory import MODEL, FactoryRun, change_stage, make_run

pytestmark = pytest.mark.usefixtures("local_ray")
MINING = {"holdout": 0.05, "pattern_min_count": 4, "min_count": 3, "match": "length", "unknown": 1}
SMALL = ["ray.address=local", "ray.object_store_mb=100", "stability.k=[20,40,5000]", "stability.neurons=0"]


def command(made: FactoryRun, *words: str) -> int:
    return main(["stability", "--brief", f"run={made.run.root}", *SMALL, *words])


def new_run(folder: Path, k: int = 150) -> FactoryRun:
    made = make_run(folder, layers=1, units=8, sentences=900, k=k)
    entry = made.run.record()["stages"][f"mine/{MODEL}"]
    change_stage(made.run, f"mine/{MODEL}", plan={**entry["plan"], "mining": MINING})
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> FactoryRun:
    made = new_run(tmp_path_factory.mktemp("stability") / "run")
    assert command(made) == 0
    return made


def rows_of(made: FactoryRun) -> list[dict]:  # type: ignore[type-arg]
    return pq.read_table(made.run.analysis(MODEL, "stability.parquet")).to_pylist()


def test_every_neuron_has_a_row_of_each_kind_and_size_the_lists_have(made: FactoryRun) -> None:
    rows = rows_of(made)
    sizes = sorted({row["k"] for row in rows})
    assert sizes[:2] == [20, 40]
    assert 50 < sizes[2] < 80
    assert len(rows) == 8 * 2 * 3
    assert all(row["overlap"] is None or 0 <= row["overlap"] <= 1 for row in rows)


def test_a_planted_word_is_found_in_both_halves_and_noise_in_neither(made: FactoryRun) -> None:
    most = max(row["k"] for row in rows_of(made))
    words = {row["unit"]: row for row in rows_of(made) if row["k"] == most and row["kind"] == "words"}
    traits = {made.traits[1, unit]: words[unit] for unit in words}
    assert traits["violin"]["overlap"] > 0.5
    assert traits["violin"]["first"] > 0
    assert (traits["nothing"]["overlap"] or 0) < traits["violin"]["overlap"]


def test_tables_figure_and_view_are_there(made: FactoryRun) -> None:
    folder = made.run.analysis(MODEL)
    assert (folder / "stability.png").stat().st_size > 10_000
    assert (folder / "stability.csv").read_text().startswith("kind,site,layer,k,overlap,jaccard")
    view = next(SignatureReader(made.run, MODEL, 1).views([Neuron("hidden", 1, 1)]))
    assert view.stability
    assert view.stability.k > 40
    counts = made.run.stage_record(f"stability/{MODEL}")["counts"]  # type: ignore[index]
    assert counts["sizes asked for that the lists do not have"] == 1
    assert set(counts["sentences that are enough"]) == {"words", "word_sequence"}


def test_batches_change_nothing_and_finished_ones_are_not_made_again(
    made: FactoryRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_run(tmp_path / "run")
    monkeypatch.setattr(carrier, "BATCH_NEURONS", 3)
    batch, made_of = carrier._batch, []

    def interrupted(files, lists, *rest):  # type: ignore[no-untyped-def]
        made_of.append(len(lists.neurons))
        if len(made_of) == 2:
            raise KeyboardInterrupt
        return batch(files, lists, *rest)

    monkeypatch.setattr(carrier, "_batch", interrupted)
    assert command(other) == 130
    assert command(other) == 0
    assert made_of == [3, 3, 3, 2]
    assert rows_of(other) == rows_of(made)
    assert not list(other.run.work("stability", MODEL).iterdir())


def test_the_same_command_again_does_nothing(made: FactoryRun) -> None:
    file = made.run.analysis(MODEL, "stability.parquet")
    before = file.stat().st_mtime_ns
    assert command(made) == 0
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stability.k=[100,50]"], "stability.k=[100, 50]: must be ascending"),
        (["stability.neurons=-1"], "stability.neurons=-1"),
        (["stability.persistence=1"], "above 0 and below 1"),
        (["model.name=other"], "other"),
    ],
)
def test_bad_input_is_one_line(
    made: FactoryRun, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(made, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_lists_too_short_for_halves_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = new_run(tmp_path / "run", k=30)
    assert command(short) == 2
    assert short.run.stage_record(f"stability/{MODEL}") is None
    assert "at least 20 are needed; collect longer lists" in capsys.readouterr().err


def test_neurons_are_drawn_evenly_over_layers_and_signs_by_seed() -> None:
    every = [Neuron("hidden", layer, unit, sign) for layer in (1, 2, 3) for unit in range(50) for sign in (1, -1)]
    chosen = choose(every, 12, 0)
    assert len(set(chosen)) == 12
    assert {(n.layer, n.sign): sum((m.layer, m.sign) == (n.layer, n.sign) for m in chosen) for n in chosen} == {
        (layer, sign): 2 for layer in (1, 2, 3) for sign in (1, -1)
    }
    assert choose(every, 12, 0) == chosen != choose(every, 12, 1)
    assert choose(every, 0, 0) == sorted(every)
