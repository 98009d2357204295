from pathlib import Path

import pytest

from jobs.estimate import run
from neuronsig.compose import compose
from neuronsig.errors import InputError


def test_the_paper_run_is_priced_without_the_model(capsys: pytest.CaptureFixture[str]):
    summary = run(compose(["preset=paper"]))
    out = capsys.readouterr().out
    assert "82,000,000 sentences" in out
    assert "9,216 neurons" in out
    assert summary["top-K memory of a replica"] == "737.3 MB"


def test_a_corpus_of_unknown_size_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"set estimate\.sentences=N"):
        run(compose([f"run={tmp_path}/none"]))


def test_a_model_that_is_not_here_needs_its_shape():
    with pytest.raises(InputError, match=r"set model\.shape"):
        run(compose(["model=local", "model.name=x", "model.path=nobody/nothing", "estimate.sentences=10"]))
