import json
from pathlib import Path

import pytest

from neuronsig.collection.shards import committed_keys, in_flight, shard_sizes
from neuronsig.config.compose import compose
from neuronsig.errors import InputError
from neuronsig.estimate import ModelShape, estimate
from neuronsig.run.stages import pipeline_jobs

BERT_BASE = ModelShape(layers=12, width=768, feed_forward=3072)


def test_bert_base_costs_170_mflop_a_token():
    assert BERT_BASE.flops_per_token(25) / 1e6 == pytest.approx(170, rel=0.01)


def test_p1_has_9216_neurons_and_2_billion_tokens_in_629_shards():
    cost = estimate(compose(["preset=paper"]), BERT_BASE, 82_000_000, 25.0)
    assert (cost.neurons, cost.tokens, cost.shards) == (9216, 2.05e9, 629)
    lists = 9216 * 10_000 * 8
    assert 3 * lists < cost.replica.host < 8 * lists
    assert cost.replica.device > 1.5 * lists


@pytest.mark.parametrize("sentences", [82_000_000, 5_000_000_000, 10_000_000_000])
def test_what_grows_with_the_corpus_is_told(sentences):
    told = estimate(compose(["preset=paper"]), BERT_BASE, sentences, 25.0).scale
    assert (f"{sentences:,} of 4,294,967,296" == told.ids) == (sentences < 2**32)
    assert ("refused by neuronsig annotate" in told.ids) == (sentences > 2**32)
    shards = len(shard_sizes(sentences, 131_072))
    assert told.files["tokenized"] == 2 * shards + 1
    assert sentences / 25_000 < told.files["sentences"] < 1.3 * sentences / 25_000
    assert told.requests["each check of sentences/, by the driver"] < 3 * told.files["sentences"]
    assert told.driver["mine"] <= 200_000_000
    assert min(told.shuffled.values()) > sentences


def test_twice_the_replicas_halve_the_hours_of_collection_only():
    one = estimate(compose(["hardware.replicas=1"]), BERT_BASE, 10_000, 25.0).hours_by_stage
    two = estimate(compose(["hardware.replicas=2"]), BERT_BASE, 10_000, 25.0).hours_by_stage
    assert two["collect"] == pytest.approx(one["collect"] / 2)
    assert two["annotate"] == one["annotate"]


def test_every_stage_has_its_hours_and_commits_are_bounded_by_their_thresholds():
    cost = estimate(compose(["preset=paper"]), BERT_BASE, 82_000_000, 25.0)
    jobs = dict.fromkeys(stage.split(":")[0] for stage in cost.hours_by_stage)
    assert list(jobs) == [job.name for job in pipeline_jobs()]
    assert all(hours > 0 for hours in cost.hours_by_stage.values())
    commits = cost.bytes_by_stage["shard commits, until the reduce"]
    expected = committed_keys(10_000, shard_sizes(82_000_000, 131_072), in_flight(8))
    assert commits == 9216 * 8 * expected < 626 * 9216 * 10_000 * 8 / 10


def test_a_replica_needs_no_longer_lists_than_there_are_sentences():
    few, many, more = (
        estimate(compose(["collect.k=1000000"]), BERT_BASE, sentences, 25.0).replica.host
        for sentences in (1_000, 1_000_000, 2_000_000)
    )
    assert few < many / 10
    assert more == pytest.approx(many, rel=0.1)


def test_what_the_pipeline_does_after_mining_is_in_the_price():
    def cost(*words: str):
        return estimate(compose(list(words)), BERT_BASE, 400_000, 25.0)

    plain = cost()
    scores = "scores of held-out sentences, until judged"
    assert plain.bytes_by_stage[scores] == 9216 * 20_000 * 8
    assert cost("evaluation.max_sentences=1000").bytes_by_stage[scores] == 9216 * 1000 * 8
    assert cost("mining.holdout=0").hours_by_stage["evaluate"] == 0
    assert cost("triggers.sentences=40").hours_by_stage["triggers"] > plain.hours_by_stage["triggers"]
    assert plain.bytes_by_stage["inner nodes of the reduce"] == 0
    assert cost("tokenize.shard_sentences=10000").bytes_by_stage["inner nodes of the reduce"] > 9216 * 10_000 * 8


def test_all_neurons_are_mined_unless_some_are_named():
    def hours(*words):
        config = compose(["collect.signs=[1,-1]", *words])
        return estimate(config, BERT_BASE, 1_000_000, 25.0).hours_by_stage["mine: patterns"]

    every = hours()
    assert hours("mining.signs=[1]") == pytest.approx(every / 2)
    assert hours("mining.layers=[3,4]") == pytest.approx(every / 6)
    assert hours("mining.neurons=[L1/U0]", "mining.selective=2") == pytest.approx(every * 3 / 18432)
    assert hours("mining.kinds=[]") == 0
    assert hours("mining=mllib") > every


def test_vectors_from_a_file_are_not_trained():
    trained, read = (
        estimate(compose(words), BERT_BASE, 10_000, 25.0) for words in ([], ["analysis.vectors=cc.en.300.bin"])
    )
    assert read.hours_by_stage["cluster"] < trained.hours_by_stage["cluster"]


@pytest.mark.parametrize(
    "config",
    [
        {"hidden_size": 8, "num_hidden_layers": 2, "intermediate_size": 16},
        {"n_embd": 8, "n_layer": 2, "n_inner": 16},
        {"dim": 8, "n_layers": 2, "hidden_dim": 16},
    ],
    ids=["bert", "gpt2", "distilbert"],
)
def test_shapes_are_read_from_configs_of_several_architectures(tmp_path: Path, config: dict[str, int]):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert ModelShape.from_config(tmp_path / "config.json") == ModelShape(2, 8, 16)


def test_a_config_without_sizes_is_named(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"config\.json names no width"):
        ModelShape.from_config(tmp_path / "config.json")


def test_neurons_of_every_site_are_priced():
    def neurons(*words: str) -> int:
        return estimate(compose(["preset=paper", *words]), BERT_BASE, 1_000, 25.0).neurons

    assert neurons() == 12 * 768
    assert neurons("collect.sites=[mlp]") == 12 * 3072
    assert neurons("collect.sites=[hidden,mlp,attention]", "collect.signs=[1,-1]") == 2 * 12 * (768 + 3072 + 768)
    assert neurons("collect.sites=[hidden,mlp]", "collect.layers=[0,3]") == 2 * 768 + 3072
