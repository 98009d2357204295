import numpy as np
import pyarrow as pa
import pytest

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from neuronsig.evaluation.classifier import Vote
from neuronsig.evaluation.judging import Voter, judge_block, partners
from neuronsig.evaluation.layers import LAYER_COLUMNS, by_layer, shown
from neuronsig.evaluation.ranking import judge
from neuronsig.figures.layers import evaluation_by_layer
from neuronsig.neuron import Neuron
from neuronsig.tables import EVALUATION
from tests.neuronsig.evaluation.texts import table_of

N = 200


def text() -> Text:
    """Sentence i holds `cat` if i is below 20, and `dog ... ran` if i is even."""
    random = np.random.default_rng(0)
    sentences = []
    for i in range(N):
        words = list(random.choice(["a", "b", "c", "d"], size=4))
        words[0] = "cat" if i < 20 else words[0]
        words += ["dog", "x", "ran"] if i % 2 == 0 else ["ran", "x", "dog"]
        sentences.append(" ".join(f"{word}/NN/0" for word in words))
    return Text.of(table_of(sentences))


NEURONS = [Neuron("hidden", 2, unit) for unit in range(3)]
SIGNATURES = {
    NEURONS[0]: Voter((Vote("words", ("cat",), 3.0),), 6.9, 0.4),
    NEURONS[1]: Voter((Vote("word_sequence", ("dog", "ran"), 2.0), Vote("words", ("dog",), 0.1)), 6.9, 0.4),
    NEURONS[2]: Voter((), 6.9, 0.4),
}
TEXT = text()


def judged(positives=20, seed=0, neurons=NEURONS):
    random = np.random.default_rng(1)
    scores = random.random((N, 3)).astype(np.float32)
    scores[:20, 0] += 5
    scores[::2, 1] += 5
    return judge_block(neurons, SIGNATURES, scores[:, : len(neurons)], TEXT, MiningConfig(), positives, seed)


def test_a_planted_signature_finds_its_sentences_and_another_s_does_not():
    cat, dog, nothing = judged()
    assert cat["ap"] == pytest.approx(1.0)
    assert (cat["chance"], cat["positives"], cat["patterns"]) == (0.1, 20, 1)
    assert cat["beats_chance"]
    assert cat["beats_random"]
    assert cat["random_ap"] < 0.3
    assert not cat["beats_words"]  # words are all that it has
    assert cat["over_words"] == pytest.approx(0.0)
    assert dog["auroc"] > 0.7
    assert dog["words_auroc"] == 0.5  # every sentence has a dog
    assert nothing["patterns"] == 0
    assert dict(dog["kind_ap"]).keys() == {"length", "word_sequence", "words"}


def test_columns_are_those_of_the_table_and_agree_with_each_other():
    rows = judged()
    table = pa.Table.from_pylist(rows, schema=EVALUATION)
    assert all(set(row) == set(EVALUATION.names) for row in rows)
    assert all(row["ap_low"] <= row["ap"] <= row["ap_high"] for row in rows)
    assert all(row["random_unit"] != row["unit"] for row in rows)
    assert table["over_random"].to_pylist() == pytest.approx([row["ap"] - row["random_ap"] for row in rows])


def test_positives_are_the_best_and_of_equal_ones_the_first():
    scores = np.array([[1], [2], [2], [2], [0], [0]], np.float32)
    small = Text.of(table_of(["a/X/0", "a/X/0", "b/X/0", "b/X/0", "a/X/0", "b/X/0"]))
    votes = Voter((Vote("words", ("b",), 1.0),), 1.0, 1.0)
    (row,) = judge_block(NEURONS[:1], {NEURONS[0]: votes}, scores, small, MiningConfig(), 2, 0)
    assert row["threshold"] == 2
    expected = judge([0, 0, 1, 1, 0, 1], [False, True, True, False, False, False])
    assert row["words_ap"] == pytest.approx(expected.ap.value)


def test_a_neuron_alone_in_its_layer_has_no_other_to_be_compared_with():
    (row,) = judged(neurons=NEURONS[:1])
    table = pa.Table.from_pylist([row], schema=EVALUATION)
    assert table["random_unit"].to_pylist() == table["beats_random"].to_pylist() == [None]


def test_partners_are_others_and_the_same_for_a_seed():
    many = [Neuron("hidden", 1, unit) for unit in range(50)]
    found = partners(many, 3)
    assert found == partners(many, 3) != partners(many, 4)
    assert all(place != other for place, other in enumerate(found))
    assert len(set(found)) > 20


@pytest.mark.parametrize("positives", [0, N])
def test_one_class_alone_is_refused(positives):
    with pytest.raises(InputError, match="positives of 200 held-out sentences: both kinds are needed"):
        judged(positives)


def test_layers_are_summed_up_over_their_neurons():
    rows = judged()
    mlp = [{**row, "site": "mlp", "layer": 1, "random_ap": None, "beats_random": None} for row in rows[:1]]
    table = pa.Table.from_pylist([*mlp, *rows], schema=EVALUATION)
    found = by_layer(table)
    assert [(row["layer"], row["neurons"]) for row in found] == [("hidden L2", 3), ("mlp L1", 1), ("all", 4)]
    assert found[0]["AP"] == sorted(row["ap"] for row in rows)[1]
    assert found[0]["> chance"] == pytest.approx(sum(row["beats_chance"] for row in rows) / 3)
    assert found[1]["other"] is found[1]["> other"] is None
    assert [len(row) for row in shown(found)] == [len(LAYER_COLUMNS)] * 3
    assert shown(found)[1][-1] == ""


def test_the_figure_has_a_box_for_each_layer_and_measure_and_the_chance_line():
    table = pa.Table.from_pylist([*judged(), *({**row, "layer": 3} for row in judged())], schema=EVALUATION)
    figure = evaluation_by_layer(table, "Source: test")
    (axes,) = figure.axes
    assert len([patch for patch in axes.patches if patch.get_facecolor()[3]]) == 8
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "3"]
    assert "chance" in [text.get_text() for text in axes.get_legend().get_texts()]
