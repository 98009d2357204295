from pathlib import Path

import pytest

from neuronsig.config.compose import compose
from neuronsig.errors import InputError
from neuronsig_jobs.estimate import corpus_size, run
from tests.run_factory import change_stage, make_run


def test_the_paper_run_is_priced_without_the_model(capsys: pytest.CaptureFixture[str]):
    summary = run(compose(["preset=paper"]))
    out = capsys.readouterr().out
    assert "82,000,000 sentences" in out
    assert "9,216 neurons" in out
    assert summary["GPU memory of a replica"] == "18.6 GB"


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"corpus\.sources\.gutenberg\.path=.*does not exist"):
        run(compose([f"run={tmp_path}/none", "corpus=six", f"data={tmp_path}/none"]))


def test_the_size_is_the_given_one_then_the_runs_then_that_of_the_files(tmp_path: Path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_bytes(b"x" * 50_000)
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=50, k=10)
    words = [f"run={made.run.root}", "corpus=text", f"corpus.path={tmp_path}/text"]
    assert corpus_size(compose([*words, "estimate.sentences=7"]))[0] == 7
    assert corpus_size(compose(words))[0] == 50
    change_stage(made.run, "annotate", status="running")
    assert corpus_size(compose(words))[0] == 500
    assert corpus_size(compose([f"run={tmp_path}/none", *words[1:]]))[2].startswith("told roughly")


def test_tokens_are_those_of_the_models_own_tokenizer(tmp_path: Path):
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=50, k=10)
    for name, tokens in (("a-other", 100), ("own", 1000)):
        made.run.tokenized(name).mkdir(parents=True)
        (made.run.tokenized(name) / "plan.json").write_text(f'{{"shards": [{{"tokens": {tokens}}}]}}')
    change_stage(made.run, "collect/minilm", plan={"tokenizer": "own"})
    rows, tokens_per_sentence, source = corpus_size(compose([f"run={made.run.root}"]))
    assert (rows, tokens_per_sentence) == (50, 20.0)
    assert "tokenized/own" in source
    other = ["model=local", "model.name=x", "model.path=nobody/nothing"]
    assert "tokenized/a-other" in corpus_size(compose([f"run={made.run.root}", *other]))[2]


@pytest.mark.realdata
def test_the_six_corpora_are_told_from_their_files(data_folder: Path, tmp_path: Path):
    extracted = {"format": "wikipedia_extracted", "path": f"{data_folder}/wikipedia/extracted", "domain": "wikipedia"}
    further = [f"corpus.sources.extracted.{key}={value}" for key, value in extracted.items()]
    sentences, _, _ = corpus_size(compose(["corpus=six", *further, f"data={data_folder}", f"run={tmp_path}/none"]))
    assert sentences == pytest.approx(401_241, rel=0.1)


def test_a_model_that_is_not_here_needs_its_shape():
    with pytest.raises(InputError, match=r"set model\.shape"):
        run(compose(["model=local", "model.name=x", "model.path=nobody/nothing", "estimate.sentences=10"]))
