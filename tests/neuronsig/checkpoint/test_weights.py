"""Files of weights that are not there, not whole or not to be read: one line each, from their headers alone."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torch", reason="torch is not installed")

import transformers as hf
from safetensors.numpy import load_file, save_file

from neuronsig.checkpoint import model_config, weights_fingerprint
from neuronsig.config import ModelConfig
from neuronsig.errors import InputError
from tests.neuronsig_ray.models import save_model

WHOLE = "model.safetensors"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 990372\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def in_shards(folder, tmp_path_factory):
    """The same model in several files, with their index."""
    target = tmp_path_factory.mktemp("shards")
    hf.AutoModel.from_pretrained(folder).save_pretrained(target, max_shard_size="8KB")
    assert len(list(target.glob("model-*.safetensors"))) > 2
    return target


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def named(path, **changes) -> ModelConfig:
    return ModelConfig(name="tiny", path=str(path), **changes)


def refused(folder: Path, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        model_config(named(folder))
    assert str(caught.value).startswith(f"model.path={folder}: ")
    assert "\n" not in str(caught.value)


CONTENTS = {
    "cut short": (
        lambda whole: whole[: len(whole) // 2],
        r"is cut short: it has [\d,]+ bytes, its header tells of [\d,]+;",
    ),
    "cut by a byte": (lambda whole: whole[:-1], "is cut short"),
    "cut in its header": (lambda whole: whole[:100], "is cut short"),
    "longer than it says": (lambda whole: whole + b"x", "is longer than it says"),
    "empty": (lambda whole: b"", "is empty; get it again"),
    "a pointer": (lambda whole: POINTER, "is a pointer of git-lfs and not the file itself; run git lfs pull"),
    "a web page": (lambda whole: b"<!DOCTYPE html>\n<html>", "is a web page"),
    "seven bytes": (lambda whole: whole[:7], "is no safetensors file"),
    "a pickle": (lambda whole: b"\x80\x02" + whole, "is no safetensors file"),
    "another header": (lambda whole: whole[:8] + b"[" + whole[9:], "is no safetensors file"),
}


@pytest.mark.parametrize("shard", [False, True], ids=["in one file", "in shards"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_file_that_is_not_whole_is_named_with_what_it_is(folder, in_shards, tmp_path, kind, shard):
    changed = Path(shutil.copytree(in_shards if shard else folder, tmp_path / "changed"))
    file = sorted(changed.glob("*.safetensors"))[-1]
    content, said = CONTENTS[kind]
    file.write_bytes(content(file.read_bytes()))
    refused(changed, rf"{file.name} {said}")


def test_weights_in_one_file_and_in_shards_pass(folder, in_shards):
    assert model_config(named(folder))[0] == folder
    assert model_config(named(in_shards))[1]["model_type"] == "bert"


def test_only_what_is_loaded_is_looked_at(copy):
    (copy / "other.safetensors").write_bytes(b"half of a down")
    assert model_config(named(copy))[0] == copy


def test_a_missing_shard_is_named(in_shards, tmp_path):
    lacking = Path(shutil.copytree(in_shards, tmp_path / "lacking"))
    shards = sorted(lacking.glob("model-*.safetensors"))
    shards[1].unlink()
    refused(lacking, rf"1 of the {len(shards)} files of weights that .* names are not in .* \({shards[1].name}\)")
    shards[2].unlink()
    refused(lacking, rf"2 of the {len(shards)} files .* \({shards[1].name}, \.\.\.\); get them again")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POINTER, "is a pointer of git-lfs"),
        (b"{}", "names no files in its weight_map"),
        (b'{"weight_map": {"a": 5}}', "names no files in its weight_map"),
    ],
)
def test_an_index_that_is_none_is_named(in_shards, tmp_path, content, said):
    changed = Path(shutil.copytree(in_shards, tmp_path / "changed"))
    (changed / "model.safetensors.index.json").write_bytes(content)
    refused(changed, rf"model\.safetensors\.index\.json {said}")


def test_shards_without_their_index_are_named(in_shards, tmp_path):
    changed = Path(shutil.copytree(in_shards, tmp_path / "changed"))
    (changed / "model.safetensors.index.json").unlink()
    refused(changed, r"holds model-00001-of-.*\.safetensors, and neither model\.safetensors nor an index that names it")


def test_a_link_to_weights_that_are_gone_is_named(copy):
    (copy / WHOLE).unlink()
    (copy / WHOLE).symlink_to(copy / "blobs" / "gone")
    refused(copy, r"model\.safetensors is a link to a file that is not there; get it again")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("tiny-q4.gguf", "GGUF"),
        ("pytorch_model.bin", "PyTorch"),
        ("pytorch_model-00001-of-00002.bin", "PyTorch"),
        ("tf_model.h5", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
    ],
)
def test_weights_in_another_format_are_named(copy, file, kind):
    (copy / WHOLE).rename(copy / file)
    refused(
        copy, rf"holds no weights as safetensors, only in {kind} format \({file}\); load the model with transformers"
    )


def test_an_adapter_is_no_model(copy):
    (copy / WHOLE).rename(copy / "adapter_model.safetensors")
    refused(copy, r"holds an adapter's weights \(adapter_model\.safetensors\) and no model's; merge it into its model")


@pytest.mark.parametrize(
    ("values", "method"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes 4 bits"),
        ({"quantization_config": {"load_in_8bit": True}}, "bitsandbytes 8 bits"),
        ({"quantization_config": {"quant_method": "one of tomorrow"}}, "one of tomorrow"),
        ({"text_config": {"quantization_config": {"quant_method": "mxfp4"}}}, "mxfp4"),
        ({"compression_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors"),
        ({"quantization_config": "fp8"}, "'fp8'"),
    ],
)
def test_a_quantised_model_is_refused_with_a_remedy_that_needs_no_package(copy, values, method):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **values}))
    refused(copy, rf"its weights are quantised \({method}\).*; set model\.path to the weights in 16 or 32 bits")


def test_a_model_that_says_it_is_not_quantised_passes(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "quantization_config": None}))
    assert model_config(named(copy))[0] == copy


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32])
def test_weights_of_whole_numbers_are_quantised_whatever_the_config_says(copy, kind):
    weights = load_file(copy / WHOLE)
    name = "encoder.layer.0.output.dense.weight"
    save_file({**weights, name: weights[name].astype(kind)}, copy / WHOLE)
    refused(copy, rf"holds {name} as [IU]\d+: its weights are quantised")


def test_weights_of_eight_bits_are_quantised_whatever_the_config_says(copy):
    header = {"x.weight": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}}
    told = json.dumps(header).encode()
    (copy / WHOLE).write_bytes(len(told).to_bytes(8, "little") + told + b"\0" * 4)
    refused(copy, "holds x.weight as F8_E4M3: its weights are quantised")


def test_masks_and_positions_may_be_whole_numbers(copy):
    weights = load_file(copy / WHOLE)
    extra = {"embeddings.position_ids": np.zeros((1, 40), np.int64), "h.0.attn.bias": np.ones((1, 1, 4, 4), bool)}
    save_file({**weights, **extra}, copy / WHOLE)
    assert model_config(named(copy))[0] == copy


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_weights_that_may_not_be_read_are_named(copy):
    (copy / WHOLE).chmod(0)
    refused(copy, r"model\.safetensors cannot be read|no safetensors file")


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
