"""Every common architecture's sites are found by name, with their widths, before any weights are loaded."""

from __future__ import annotations

import pytest
import transformers as hf

from neuronsig.errors import InputError
from neuronsig.neuron import SITES
from neuronsig_ray.model.sites import activation_bound, attention_kernel, blocks, groups_in, skeleton
from tests.neuronsig_ray.models import UNITS

BERT = {"hidden_size": UNITS, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
GROUPED = {**BERT, "num_key_value_heads": 1, "head_dim": 12}
OLD = {"n_embd": UNITS, "n_layer": 2, "n_head": 2}
NEO = {"hidden_size": UNITS, "num_layers": 2, "num_heads": 2, "intermediate_size": 32}
T5 = {"d_model": UNITS, "d_kv": 12, "num_layers": 2, "num_heads": 2, "d_ff": 32}
# config class, sizes, units of mlp and attention
ARCHITECTURES = [
    ("Bert", BERT, 32, UNITS),
    ("Roberta", BERT, 32, UNITS),
    ("Electra", {**BERT, "embedding_size": 8}, 32, UNITS),
    ("Deberta", BERT, 32, UNITS),
    ("DebertaV2", BERT, 32, UNITS),
    ("MPNet", BERT, 32, UNITS),
    ("Esm", BERT, 32, UNITS),
    ("DistilBert", {"dim": UNITS, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}, 32, UNITS),
    ("Albert", {**BERT, "embedding_size": 8}, 32, UNITS),
    ("GPT2", OLD, 64, UNITS),
    ("GPTNeo", {**NEO, "attention_types": [[["global", "local"], 1]]}, 32, UNITS),
    ("GPTNeoX", BERT, 32, UNITS),
    ("GPTJ", {**OLD, "rotary_dim": 4}, 64, UNITS),
    (
        "OPT",
        {"hidden_size": UNITS, "word_embed_proj_dim": UNITS, "num_hidden_layers": 2, "num_attention_heads": 2}
        | {"ffn_dim": 32},
        32,
        UNITS,
    ),
    ("Bloom", {"hidden_size": UNITS, "n_layer": 2, "n_head": 2}, 64, UNITS),
    ("Falcon", {"hidden_size": UNITS, "num_hidden_layers": 2, "num_attention_heads": 2}, 64, UNITS),
    ("Mpt", {"d_model": UNITS, "n_layers": 2, "n_heads": 2}, 64, UNITS),
    ("Llama", GROUPED, 32, 24),
    ("Mistral", GROUPED, 32, 24),
    ("Qwen2", BERT, 32, UNITS),
    ("Qwen3", GROUPED, 32, 24),
    ("Gemma", GROUPED, 32, 24),
    ("Gemma3Text", GROUPED, 32, 24),
    ("Phi", BERT, 32, UNITS),
    ("Phi3", BERT, 32, UNITS),
    ("T5", T5, 32, 24),
    ("T5", {**T5, "feed_forward_proj": "gated-gelu"}, 32, 24),
    (
        "Bart",
        {"d_model": UNITS, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
        | {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 48},
        32,
        UNITS,
    ),
    ("ModernBert", BERT, 32, UNITS),
]


def save_config(folder, name: str, sizes: dict) -> str:
    getattr(hf, f"{name}Config")(vocab_size=20, pad_token_id=0, **sizes).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(("name", "sizes", "mlp", "attention"), ARCHITECTURES, ids=[row[0] for row in ARCHITECTURES])
def test_sites_are_found_by_name(tmp_path, name, sizes, mlp, attention):
    model = skeleton(save_config(tmp_path, name, sizes))
    assert len(blocks(model)) == 2
    found = [(group.name, group.units) for group in groups_in(model, SITES, [], {})]
    assert found == [
        ("hidden-L01", UNITS),
        ("hidden-L02", UNITS),
        ("mlp-L01", mlp),
        ("mlp-L02", mlp),
        ("attention-L01", attention),
        ("attention-L02", attention),
    ]
    assert all(parameter.is_meta for parameter in model.parameters())


def test_experts_are_no_feed_forward_layer(tmp_path):
    model = skeleton(save_config(tmp_path, "Mixtral", {**GROUPED, "num_local_experts": 2}))
    with pytest.raises(InputError, match=r"MixtralModel has no module block\.\(.*mlp\.down_proj.*\) in each of its 2"):
        groups_in(model, ["mlp"], [], {})


def test_the_plan_tells_fused_attention_from_plain(tmp_path):
    assert attention_kernel(skeleton(save_config(tmp_path / "a", "Bert", BERT))) == "sdpa"
    assert attention_kernel(skeleton(save_config(tmp_path / "b", "Deberta", BERT))) == "eager"


def test_a_config_of_no_transformer_is_named(tmp_path):
    hf.ResNetConfig().save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"its config is of no known transformer"):
        skeleton(str(tmp_path))


def test_the_bound_of_activations_grows_with_the_longest_input_where_attention_is_not_fused(tmp_path):
    plain, fused = (save_config(tmp_path / name, name, BERT) for name in ("Deberta", "Bert"))
    for folder, growth in ((plain, 6 * 2), (fused, 1)):
        units = sum(group.units for group in groups_in(skeleton(folder), SITES, [], {}))
        short, long = (activation_bound(folder, units, 1, 1000, longest) for longest in (10, 110))
        assert long - short == 4 * 1000 * 100 * growth
