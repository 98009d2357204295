"""A model's files with anything in them: one line or a model that can be used, whatever their values are."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuronsig.checkpoint import load_tokenizer, model_config
from neuronsig.config import ModelConfig
from neuronsig.errors import NeuronsigError
from neuronsig_ray.model.loading import require_weights
from neuronsig_ray.model.sites import groups_in, skeleton
from tests.neuronsig_ray.models import save_model

FILES = ("config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors.index.json")
ODD = [None, True, False, 0, 1, -1, 3, 10**6, 10**12, 10**30, -(10**9), 0.5, 1e30, float("nan"), float("inf")]
ODD += ["", "x", "bert", "[SEP]", "left", "../x", "a\nb", "\ud800", "\0", [], [1], ["a", None], {}, {"a": 1}, [[]]]
# Keys that mean something to transformers, though a tiny model's files do not have them.
KEYS = ["auto_map", "model_type", "tokenizer_class", "text_config", "quantization_config", "dtype", "architectures"]
KEYS += ["truncation_side", "padding_side", "split_special_tokens", "model_max_length", "transformers_weights"]
KEYS += ["added_tokens_decoder", "extra_special_tokens", "rope_scaling", "layer_types", "is_decoder", "hidden_act"]
KEYS += ["num_labels", "id2label", "attn_implementation", "_attn_implementation", "is_encoder_decoder", "add_bos_token"]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside a value; of long lists and objects only the first few."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [at] if at else []
    for key, part in list(inside)[:12]:
        found += places(part, (*at, key))
    return found


@st.composite
def mutations(draw: st.DrawFn, contents: dict[str, bytes]) -> tuple[str, bytes]:
    """A file's name and what stands in it instead."""
    file = draw(st.sampled_from(sorted(contents)))
    content = contents[file]
    how = draw(st.sampled_from(["value"] * 6 + ["drop", "key", "bytes", "coding", "torn"]))
    if how == "bytes":
        at = draw(st.integers(0, len(content) - 1))
        return file, content[:at] + draw(st.binary(max_size=3)) + content[at + 1 :]
    if how == "torn":
        return file, content[: draw(st.integers(0, len(content) - 1))]
    if how == "coding":
        return file, content.decode().encode(draw(st.sampled_from(["utf-16", "utf-8-sig", "utf-32-le", "cp037"])))
    values = copy.deepcopy(json.loads(content))
    if how == "key":
        values[draw(st.sampled_from(KEYS))] = draw(st.sampled_from(ODD))
        return file, json.dumps(values).encode()
    *way, last = draw(st.sampled_from(places(values)))
    parent = values
    for key in way:
        parent = parent[key]
    if how == "drop":
        del parent[last]
    else:
        parent[last] = draw(st.sampled_from(ODD))
    return file, json.dumps(values).encode()


def contents_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}


def looked_at(folder: Path) -> str:
    """What a pipeline says of a model before anything else; empty where the model can be used."""
    model = ModelConfig(name="tiny", path=str(folder))
    skeleton.cache_clear()
    try:
        found, _ = model_config(model)
        load_tokenizer(model)
        require_weights(str(found))
        groups_in(skeleton(str(found)), ["hidden"], [], {})
    except NeuronsigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_files_with_anything_in_them_end_in_one_line_or_in_a_model(tmp_path, kind):
    whole = save_model(tmp_path / "whole", kind)
    contents = contents_of(whole)

    @settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(mutations(contents))
    def one_line_or_a_model(changed: tuple[str, bytes]) -> None:
        name, content = changed
        with tempfile.TemporaryDirectory(dir=tmp_path) as place:
            folder = Path(shutil.copytree(whole, Path(place) / "model"))
            (folder / name).write_bytes(content)
            assert len(looked_at(folder).splitlines()) <= 1

    one_line_or_a_model()
