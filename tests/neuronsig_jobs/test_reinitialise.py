"""jobs.reinitialise on tiny models."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("ray", reason="ray is not installed")

import torch
from transformers import AutoModel

from neuronsig.checkpoint import load_tokenizer, weights_fingerprint
from neuronsig.config.compose import compose
from neuronsig.errors import ConfigError, InputError
from neuronsig_jobs import reinitialise
from tests.neuronsig_ray.models import KINDS, save_model


def settings(run: Path, model: Path, *words: str):
    return compose([f"run={run}", "model=local", "model.name=tiny", f"model.path={model}", *words])


@pytest.mark.parametrize("kind", KINDS)
def test_all_weights_but_the_word_embeddings_are_drawn_anew(tmp_path: Path, kind: str):
    source = save_model(tmp_path / "model", kind, seed=7)  # seed 0 would draw the same weights
    summary = reinitialise.run(settings(tmp_path / "run", source))
    target = tmp_path / "run" / "models" / "tiny-reinitialised"
    assert summary["model.path"] == str(target)
    before, after = (AutoModel.from_pretrained(folder) for folder in (source, target))
    words = before.get_input_embeddings().weight
    assert torch.equal(words, after.get_input_embeddings().weight)
    assert summary["parameters kept"] == words.numel()
    assert sum(p.numel() for p in after.parameters()) == words.numel() + summary["parameters drawn"]
    drawn = 0
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        constant = bool((new == new.flatten()[0]).all())  # norms begin with ones, biases with zeros
        if new.shape != words.shape and not constant:
            assert not torch.equal(old, new), name
            drawn += 1
    assert drawn >= 4


def test_a_seed_makes_the_same_weights_and_another_one_others(tmp_path: Path):
    source = save_model(tmp_path / "model")
    made = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        reinitialise.run(
            settings(tmp_path, source, f"reinitialise.output={tmp_path / name}", f"reinitialise.seed={seed}")
        )
        made.append(weights_fingerprint(tmp_path / name))
    assert made[0] == made[1] != made[2]


def test_its_tokenizer_is_the_model_s_so_that_tokenized_text_serves_both(tmp_path: Path):
    source = save_model(tmp_path / "model")
    config = settings(tmp_path, source, f"reinitialise.output={tmp_path / 'null'}")
    reinitialise.run(config)
    assert load_tokenizer(settings(tmp_path, tmp_path / "null").model).name == load_tokenizer(config.model).name


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path):
    source = save_model(tmp_path / "model")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    words = (f"reinitialise.output={tmp_path / 'mine'}",)
    with pytest.raises(ConfigError, match="the folder is there and not empty; choose another, or overwrite=true"):
        reinitialise.run(settings(tmp_path, source, *words))
    with pytest.raises(InputError, match="holds no reinitialised model"):
        reinitialise.run(settings(tmp_path, source, *words, "overwrite=true"))
    with pytest.raises(InputError, match="holds no reinitialised model"):
        reinitialise.run(settings(tmp_path, source, f"reinitialise.output={source}", "overwrite=true"))
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"


def test_a_broken_model_and_a_store_are_refused_in_one_line(tmp_path: Path):
    source = save_model(tmp_path / "model")
    with pytest.raises(ConfigError, match="a model is read from a local folder"):
        reinitialise.run(settings(tmp_path, source, "reinitialise.output=s3://bucket/null"))
    next(source.glob("*.safetensors")).write_bytes(b"torn")
    with pytest.raises(InputError, match="is no safetensors file"):
        reinitialise.run(settings(tmp_path, source))
