"""The command for what is not there can be run as it stands, whatever the model, the folder and the state."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import pytest

from neuronsig.config import AnalysisConfig, Config, EvaluationConfig, ModelConfig, as_plan
from neuronsig.config.compose import compose
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.freshness import freshness, remake_command, with_results
from tests.run_factory import MODEL, add_stage, change_stage, make_run


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "a run's folder", layers=1, units=1, sentences=60, k=10, clustered=False).run


def config_of(command: str) -> Config:
    words = shlex.split(command)
    assert words[0] == "neuronsig"
    return compose(words[2:])


def test_every_command_names_its_job_the_run_and_the_model_and_sets_nothing_else(run: RunDirectory) -> None:
    default = compose([f"run={run.root}"])
    for stage, command in freshness(run, MODEL, "test").missing.items():
        assert shlex.split(command)[1] == f"{stage.removesuffix(f'/{MODEL}')}"
        assert config_of(command) == default


@pytest.mark.parametrize("job", [job.name for job in with_results() if job.per_model])
def test_the_model_is_the_one_that_was_collected_with(run: RunDirectory, job: str) -> None:
    model = ModelConfig("minilm", "my models/it's one", tokenizer="./other", max_tokens=64, mlp_module="h.{}.out")
    change_stage(run, f"collect/{MODEL}", config={"model": as_plan(model) | {"shape": [1, 2, 3], "gone": 1}})
    assert config_of(remake_command(run, MODEL, job)).model == model


def test_a_model_of_another_name_has_its_path(run: RunDirectory) -> None:
    record = {"config": {"model": as_plan(compose(["model=bert_base"]).model)}}
    change_stage(run, f"collect/{MODEL}", **record)
    named = config_of(remake_command(run, MODEL, "triggers")).model
    assert (named.name, named.path) == (MODEL, "bert-base-uncased")


def test_what_was_made_from_other_signatures_is_made_again_with_its_settings_and_overwritten(run: RunDirectory) -> None:
    analysis, evaluation = AnalysisConfig(clusters=3, vectors="my vectors.bin"), EvaluationConfig(fraction=0.1)
    for job, section, settings in (("cluster", "analysis", analysis), ("evaluate", "evaluation", evaluation)):
        add_stage(run, job)
        change_stage(run, f"{job}/{MODEL}", config={section: dataclasses.asdict(settings)})
    assert freshness(run, MODEL, "test").left_out == {}
    change_stage(run, f"mine/{MODEL}", fingerprint="f" * 16)
    change_stage(run, "corpus_table", plan={"inputs": {"annotate": "another"}})
    commands = freshness(run, MODEL, "test").left_out
    assert list(commands) == [f"cluster/{MODEL}", f"evaluate/{MODEL}", "corpus_table"]
    found = [config_of(command) for command in commands.values()]
    assert (found[0].analysis, found[1].evaluation) == (analysis, evaluation)
    assert [config.overwrite for config in found] == [True, False, True]  # jobs.evaluate overwrites unasked


def test_what_was_interrupted_is_not_made_yet_and_goes_on_whatever_has_changed_since(run: RunDirectory) -> None:
    add_stage(run, "cluster")
    change_stage(run, f"cluster/{MODEL}", status="interrupted")
    change_stage(run, f"mine/{MODEL}", fingerprint="f" * 16)
    found = freshness(run, MODEL, "test")
    assert f"cluster/{MODEL}" not in found.left_out | found.current
    assert config_of(found.missing[f"cluster/{MODEL}"]).overwrite
