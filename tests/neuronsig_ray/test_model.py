"""Activations of rectangles equal the usual padded and masked forward pass; what a model folder must hold."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from neuronsig.errors import InputError
from neuronsig_ray.model import InspectedModel
from tests.neuronsig_ray.models import KINDS, UNITS, hidden, random_inputs

# Sums run in another order with and without padding; activations here are of the order of 1.
TOLERANCE = 2e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("prefix", "suffix"), [(0, 0), (1, 1)], ids=["with special tokens", "without"])
def test_rectangles_equal_a_padded_and_masked_forward_pass(tiny_model, kind, prefix, suffix):
    folder = tiny_model(kind)
    inputs = random_inputs(40, seed=3)
    reference = hf.AutoModel.from_pretrained(folder).eval()
    if kind == "t5":
        reference = reference.get_encoder()
    longest = max(map(len, inputs))
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in inputs])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in inputs])
    with torch.inference_mode():
        states = reference(input_ids=padded, attention_mask=mask, output_hidden_states=True).hidden_states
    model = InspectedModel(str(folder), "float32", "cpu", hidden(0, 1, 2), (1,), "mean")
    for length in sorted({len(row) for row in inputs}):
        which = [i for i, row in enumerate(inputs) if len(row) == length]
        scores = model.scores(torch.tensor([inputs[i] for i in which]), prefix, suffix)
        found = scores.reshape(3, UNITS, len(which))
        for layer in range(3):
            wanted = states[layer][which, prefix : length - suffix].mean(dim=1)
            np.testing.assert_allclose(found[layer].T.numpy(), wanted.numpy(), atol=TOLERANCE, rtol=0)


def test_dropout_is_off_so_that_scores_repeat(tiny_model):
    model = InspectedModel(str(tiny_model("bert")), "float32", "cpu", hidden(1, 2), (1,), "mean")
    ids = torch.tensor(random_inputs(1))
    assert torch.equal(model.scores(ids, 0, 0), model.scores(ids, 0, 0))


def test_bfloat16_is_pooled_in_float32(tiny_model):
    model = InspectedModel(str(tiny_model("bert")), "bfloat16", "cpu", hidden(2), (1,), "mean")
    ids = torch.tensor(random_inputs(1, seed=5))
    state = model.hidden_states(ids)[0]
    assert state.dtype == torch.bfloat16
    assert torch.allclose(model.scores(ids, 0, 0).T, state.float().mean(dim=1), atol=1e-6, rtol=0)


def test_a_checkpoint_that_lacks_weights_is_refused_because_they_would_be_random(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("bert"), tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    lacking = {name: value for name, value in weights.items() if "layer.1.output" not in name}
    save_file(lacking, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"weights are missing .*encoder\.layer\.1\.output"):
        InspectedModel(str(folder), "float32", "cpu", hidden(1), (1,), "mean")


def test_weights_that_cannot_be_read_are_named(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("bert"), tmp_path / "torn")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="the weights cannot be loaded"):
        InspectedModel(str(folder), "float32", "cpu", hidden(1), (1,), "mean")
