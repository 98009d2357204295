"""Activations of rectangles equal the usual padded and masked forward pass; what a model folder must hold."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from neuronsig.collection.job import Group
from neuronsig.config.collection import POOLINGS
from neuronsig.errors import ConfigError, InputError
from neuronsig.neuron import SITES
from neuronsig_ray.model import inference
from neuronsig_ray.model.inference import InspectedModel, rehearse
from neuronsig_ray.model.sites import bare_model, groups_in, skeleton
from tests.neuronsig_ray.models import KINDS, UNITS, hidden, random_inputs

# Sums run in another order with and without padding; activations here are of the order of 1.
TOLERANCE = 2e-5


# Names written here by hand, so that a wrong pattern in model.sites is found out; {} is the block's number.
MODULES = {
    "bert": ("encoder.layer.{}.output.dense", "encoder.layer.{}.attention.output.dense"),
    "distilbert": ("transformer.layer.{}.ffn.lin2", "transformer.layer.{}.attention.out_lin"),
    "roberta": ("encoder.layer.{}.output.dense", "encoder.layer.{}.attention.output.dense"),
    "albert": (
        "encoder.albert_layer_groups.0.albert_layers.0.ffn_output",
        "encoder.albert_layer_groups.0.albert_layers.0.attention.dense",
    ),
    "gpt2": ("h.{}.mlp.c_proj", "h.{}.attn.c_proj"),
    "llama": ("layers.{}.mlp.down_proj", "layers.{}.self_attn.o_proj"),
    "t5": ("block.{}.layer.1.DenseReluDense.wo", "block.{}.layer.0.SelfAttention.o"),
}
POOL = {
    "mean": lambda text: text.mean(axis=0),
    "max": lambda text: text.max(axis=0),
    "last": lambda text: text[-1],
}


def padded_activations(folder, kind: str, inputs: list[list[int]]) -> dict[tuple[str, int], np.ndarray]:
    """Activations (inputs, longest, units) of every site and layer by one padded and masked forward pass."""
    model = hf.AutoModel.from_pretrained(folder).eval()
    model = model.get_encoder() if kind == "t5" else model
    longest = max(map(len, inputs))
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in inputs])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in inputs])
    seen: dict[str, list[np.ndarray]] = {"mlp": [], "attention": []}
    for site, pattern in zip(seen, MODULES[kind], strict=True):
        for name in dict.fromkeys(pattern.format(block) for block in range(2)):
            model.get_submodule(name).register_forward_hook(
                lambda module, args, output, site=site: seen[site].append(args[0].numpy().copy())
            )
    with torch.inference_mode():
        states = model(input_ids=padded, attention_mask=mask, output_hidden_states=True).hidden_states
    found = {("hidden", layer): state.numpy() for layer, state in enumerate(states)}
    return found | {(site, i + 1): state for site, each in seen.items() for i, state in enumerate(each)}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("prefix", "suffix"), [(0, 0), (1, 1)], ids=["with special tokens", "without"])
@pytest.mark.parametrize("kind", KINDS)
def test_rectangles_equal_a_padded_and_masked_forward_pass(tiny_model, kind, prefix, suffix, pooling):
    folder = tiny_model(kind)
    inputs = random_inputs(40, seed=3)
    reference = padded_activations(folder, kind, inputs)
    groups = groups_in(skeleton(str(folder)), SITES, [0, 1, 2], {})
    assert [group.name for group in groups] == [
        *("hidden-L00", "hidden-L01", "hidden-L02"),
        *("mlp-L01", "mlp-L02"),
        *("attention-L01", "attention-L02"),
    ]
    model = InspectedModel(str(folder), "float32", "cpu", groups, (1, -1), pooling)
    for length in sorted({len(row) for row in inputs}):
        which = [i for i, row in enumerate(inputs) if len(row) == length]
        scores = model.scores(torch.tensor([inputs[i] for i in which]), prefix, suffix).numpy()
        assert scores.dtype == np.float32
        start = 0
        for sign in (1, -1):
            for group in groups:
                states = sign * reference[group.site, group.layer][which, prefix : length - suffix]
                wanted = np.stack([POOL[pooling](text) for text in states])
                np.testing.assert_allclose(scores[start : start + group.units].T, wanted, atol=TOLERANCE, rtol=0)
                start += group.units
        assert start == len(scores)


def test_bert_activations_are_those_of_the_formula(tiny_model):
    """Vaswani et al. (2017), sections 3.2 and 3.3, recomputed from the hidden states and the weights."""
    folder = tiny_model("bert")
    reference = hf.AutoModel.from_pretrained(folder).eval()
    ids = torch.tensor(random_inputs(1, seed=8))
    with torch.inference_mode():
        states = reference(input_ids=ids, output_hidden_states=True).hidden_states
        for layer in (1, 2):
            block, before = reference.encoder.layer[layer - 1], states[layer - 1]
            own = block.attention.self
            heads = []
            for head in range(2):
                rows = slice(head * 8, head * 8 + 8)
                query, key, value = (
                    before[0] @ part.weight[rows].T + part.bias[rows] for part in (own.query, own.key, own.value)
                )  # (length, 8) each
                heads.append((query @ key.T / 8**0.5).softmax(dim=-1) @ value)
            attention = torch.cat(heads, dim=1)  # (length, 16)
            between = block.attention.output(attention[None], before)
            inner = block.intermediate.dense
            wide = between[0] @ inner.weight.T + inner.bias  # (length, 32)
            mlp = 0.5 * wide * (1 + torch.erf(wide / 2**0.5))
            for site, wanted in (("attention", attention), ("mlp", mlp)):
                groups = (Group(site, layer, wanted.shape[1]),)
                found = InspectedModel(str(folder), "float32", "cpu", groups, (1,), "max").scores(ids, 0, 0)
                np.testing.assert_allclose(found[:, 0].numpy(), wanted.amax(dim=0).numpy(), atol=1e-6, rtol=0)


def test_a_gated_feed_forward_activation_is_the_gated_product(tiny_model):
    folder = tiny_model("llama")
    reference = hf.AutoModel.from_pretrained(folder).eval()
    ids = torch.tensor(random_inputs(1, seed=9))
    block = reference.layers[0]
    entering = []
    block.mlp.register_forward_hook(lambda module, args, output: entering.append(args[0]))
    with torch.inference_mode():
        reference(input_ids=ids)
        gate, up = entering[0][0] @ block.mlp.gate_proj.weight.T, entering[0][0] @ block.mlp.up_proj.weight.T
    wanted = gate * gate.sigmoid() * up  # (length, 32)
    found = InspectedModel(str(folder), "float32", "cpu", (Group("mlp", 1, 32),), (1,), "last").scores(ids, 0, 0)
    np.testing.assert_allclose(found[:, 0].numpy(), wanted[-1].numpy(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_are_bit_by_bit_those_of_the_library(tiny_model, kind):
    folder = tiny_model(kind)
    reference = hf.AutoModel.from_pretrained(folder).eval()
    reference = reference.get_encoder() if kind == "t5" else reference
    ids = torch.tensor([random_inputs(1, seed=4)[0], random_inputs(1, seed=4)[0][::-1]])
    with torch.inference_mode():
        states = reference(input_ids=ids, output_hidden_states=True).hidden_states
    found = InspectedModel(str(folder), "float32", "cpu", hidden(0, 1, 2), (1,), "last").scores(ids, 0, 0)
    assert torch.equal(found.T, torch.cat([state[:, -1] for state in states], dim=1))


def test_layers_of_a_part_of_the_model_are_the_same_as_in_the_whole(tiny_model):
    folder = str(tiny_model("albert"))
    ids = torch.tensor(random_inputs(1, seed=4))
    whole = InspectedModel(folder, "float32", "cpu", (Group("mlp", 1, 32), Group("mlp", 2, 32)), (1,), "mean")
    part = InspectedModel(folder, "float32", "cpu", (Group("mlp", 2, 32),), (1,), "mean")
    assert torch.equal(whole.scores(ids, 0, 0)[32:], part.scores(ids, 0, 0))


def test_hidden_states_of_a_model_without_known_blocks_are_the_librarys_own(tmp_path):
    torch.manual_seed(0)
    config = hf.XLMConfig(vocab_size=20, emb_dim=UNITS, n_layers=2, n_heads=2, pad_index=0)
    reference = hf.XLMModel(config).eval()
    reference.save_pretrained(tmp_path)
    ids = torch.tensor(random_inputs(1, seed=4))
    with torch.inference_mode():
        states = reference(input_ids=ids, output_hidden_states=True).hidden_states
    found = InspectedModel(str(tmp_path), "float32", "cpu", hidden(0, 1, 2), (1,), "mean").scores(ids, 0, 0)
    np.testing.assert_allclose(found[:, 0].numpy(), torch.cat([s.mean(dim=1)[0] for s in states]).numpy(), atol=1e-6)
    with pytest.raises(
        InputError, match=r"model\.mlp_module='': XLMModel has no module .*set model\.mlp_module"
    ) as caught:
        groups_in(skeleton(str(tmp_path)), ["mlp"], [], {})
    assert "\n" not in str(caught.value)
    groups = groups_in(skeleton(str(tmp_path)), ["mlp"], [2], {"mlp": "ffns.{}.lin2"})
    assert groups == (Group("mlp", 2, 4 * UNITS, "ffns.{}.lin2"),)
    with torch.inference_mode():
        entering = []
        reference.ffns[1].lin2.register_forward_hook(lambda module, args, output: entering.append(args[0]))
        reference(input_ids=ids)
    found = InspectedModel(str(tmp_path), "float32", "cpu", groups, (1,), "mean").scores(ids, 0, 0)
    np.testing.assert_allclose(found[:, 0].numpy(), entering[0].mean(dim=1)[0].numpy(), atol=1e-6)


def test_the_embeddings_have_hidden_states_only(tiny_model):
    model = skeleton(str(tiny_model("bert")))
    assert [g.name for g in groups_in(model, ["mlp", "hidden"], [0, 2], {})] == ["hidden-L00", "hidden-L02", "mlp-L02"]
    with pytest.raises(ConfigError, match=r"collect\.layers=\[0, 2\]: layer 0, the embeddings, has hidden states only"):
        groups_in(model, ["mlp", "attention"], [0, 2], {})


def test_a_group_of_another_width_is_refused(tiny_model):
    with pytest.raises(InputError, match="mlp-L01 has 32 units where its config says 31"):
        InspectedModel(str(tiny_model("bert")), "float32", "cpu", (Group("mlp", 1, 31),), (1,), "mean")


def test_an_input_of_special_tokens_alone_is_refused(tiny_model):
    model = InspectedModel(str(tiny_model("bert")), "float32", "cpu", hidden(1), (1,), "last")
    with pytest.raises(InputError, match="an input of 2 tokens has none beside 2 special tokens"):
        model.scores(torch.tensor([[2, 3]]), 1, 1)


def test_dropout_is_off_so_that_scores_repeat(tiny_model):
    model = InspectedModel(str(tiny_model("bert")), "float32", "cpu", hidden(1, 2), (1,), "mean")
    ids = torch.tensor(random_inputs(1))
    assert torch.equal(model.scores(ids, 0, 0), model.scores(ids, 0, 0))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_bfloat16_is_pooled_in_float32(tiny_model, pooling):
    folder = tiny_model("bert")
    reference = hf.AutoModel.from_pretrained(folder, dtype=torch.bfloat16).eval()
    ids = torch.tensor(random_inputs(1, seed=5))
    with torch.inference_mode():
        state = reference(input_ids=ids).last_hidden_state
    assert state.dtype == torch.bfloat16
    found = InspectedModel(str(folder), "bfloat16", "cpu", hidden(2), (1,), pooling).scores(ids, 0, 0)
    wanted = POOL[pooling](state[0].float().numpy())
    np.testing.assert_allclose(found[:, 0].numpy(), wanted, atol=1e-6, rtol=0)


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


def test_an_encoders_checkpoint_needs_no_decoder(tmp_path):
    torch.manual_seed(0)
    size = {"d_model": UNITS, "d_kv": 8, "num_layers": 2, "num_heads": 2, "d_ff": 32}
    hf.T5EncoderModel(hf.T5Config(vocab_size=20, **size)).save_pretrained(tmp_path)
    scores = InspectedModel(str(tmp_path), "float32", "cpu", hidden(1, 2), (1,), "mean").scores
    again = InspectedModel(str(tmp_path), "float32", "cpu", hidden(1, 2), (1,), "mean").scores
    ids = torch.tensor(random_inputs(1))
    assert torch.equal(scores(ids, 0, 0), again(ids, 0, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_one_block_live_at_once(tiny_model, kind):
    groups = groups_in(skeleton(str(tiny_model(kind))), SITES, [], {})
    assert not InspectedModel(str(tiny_model(kind)), "float32", "cpu", groups, (1,), "mean").holds_all_states


def saved(folder, name: str, **sizes):
    """A tiny model of any kind with random weights, and its hidden states of all blocks."""
    usual = {} if "d_model" in sizes else {"hidden_size": UNITS, "num_hidden_layers": 2}
    config = getattr(hf, f"{name}Config")(vocab_size=20, **usual, **sizes)
    torch.manual_seed(0)
    hf.AutoModel.from_config(config).save_pretrained(folder)
    return str(folder), groups_in(skeleton(str(folder)), ["hidden"], [], {})


HEADS = {"num_attention_heads": 2, "intermediate_size": 32}
UNFIT = {
    "attends to fixed lengths": (
        "Nystromformer",
        {**HEADS, "segment_means_seq_len": 16, "num_landmarks": 4},
        "3 tokens",
    ),
    "makes less of its tokens": ("Canine", HEADS, "8 tokens"),
    "reads sound": ("Wav2Vec2", HEADS, "as ids alone"),
    "reads pictures": ("ViT", HEADS, "as ids alone"),
}


@pytest.mark.parametrize("kind", UNFIT)
@pytest.mark.parametrize("loaded", [False, True], ids=["rehearsed", "loaded"])
def test_a_model_that_takes_no_texts_is_refused_in_one_line_with_and_without_its_weights(tmp_path, kind, loaded):
    name, sizes, said = UNFIT[kind]
    folder, groups = saved(tmp_path, name, **sizes)
    with pytest.raises(InputError, match=said) as caught:
        InspectedModel(folder, "float32", "cpu", groups, (1,), "mean") if loaded else rehearse(folder, groups)
    assert str(caught.value).startswith(f"model.path={folder}: ")
    assert "\n" not in str(caught.value)


def test_a_last_layer_of_another_width_is_refused_with_the_layers_that_can_be_had(tmp_path):
    """OPT-350m is such a model."""
    folder, groups = saved(tmp_path, "OPT", word_embed_proj_dim=8, num_attention_heads=2, ffn_dim=32)
    with pytest.raises(InputError, match=r"hidden-L02 has 8 units where .* says 16; .* collect\.layers=\[1\]"):
        rehearse(folder, groups)
    rehearse(folder, groups[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_rehearsal_of_shapes_alone_lets_every_kind_pass(tiny_model, monkeypatch, kind):
    folder = str(tiny_model(kind))
    groups = groups_in(skeleton(folder), SITES, [0, 1, 2], {})
    monkeypatch.setattr(inference, "_MOST_RANDOM", 0)
    built = []
    monkeypatch.setattr(inference, "bare_model", lambda *of: built.append(of) or bare_model(*of))
    rehearse(folder, groups)
    assert built == [(folder, "meta")]


def test_a_pass_that_takes_its_numbers_out_of_torch_is_rehearsed_with_random_ones(tiny_model, monkeypatch):
    folder = str(tiny_model("bert"))
    model = type(bare_model(folder))
    whole, seen = model.forward, []

    def forward(self, *given, **named):
        seen.append((given[0] if given else named["input_ids"]).numpy())
        return whole(self, *given, **named)

    monkeypatch.setattr(model, "forward", forward)
    rehearse(folder, groups_in(skeleton(folder), SITES, [0, 1, 2], {}))
    assert seen


@pytest.mark.parametrize("name", ["SwitchTransformers", "Mixtral", "BigBird", "Reformer", "Jamba"])
def test_what_a_rehearsal_cannot_tell_is_left_to_the_replicas(tmp_path, monkeypatch, name):
    """torch has no kernels for these on a device without numbers, or they look at them."""
    sizes = {**HEADS, "num_key_value_heads": 1, "num_local_experts": 2} if name == "Mixtral" else HEADS
    if name == "SwitchTransformers":
        sizes = {"d_model": UNITS, "d_kv": 8, "num_layers": 2, "num_heads": 2, "d_ff": 32, "num_experts": 2}
    if name == "Jamba":  # which keeps a cache of its own where it may
        sizes = {**HEADS, "num_key_value_heads": 1, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2}
    if name == "Reformer":
        sizes = {"axial_pos_embds": False, "attn_layers": ["local", "lsh"], "attention_head_size": 8}
    folder, groups = saved(tmp_path, name, **sizes)
    rehearse(folder, groups)
    monkeypatch.setattr(inference, "_MOST_RANDOM", 0)
    rehearse(folder, groups)
