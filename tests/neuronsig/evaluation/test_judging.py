"""A block of neurons judged on sentences that nothing was fitted on: planted rules, baselines by scikit-learn."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.naive_bayes import MultinomialNB

from neuronsig.errors import InputError
from neuronsig.evaluation.baselines import PENALTY, Baselines
from neuronsig.evaluation.judging import JudgedText, judge_block, partners
from neuronsig.evaluation.layers import LAYER_COLUMNS, by_layer, median_curve, shown
from neuronsig.figures.layers import evaluation_by_layer
from neuronsig.neuron import Neuron
from neuronsig.statements.logistic import halves
from neuronsig.statements.signature import describe
from neuronsig.statements.training import Training, TrainingText, reference_of
from neuronsig.tables import EVALUATION
from tests.neuronsig.statements.texts import in_a_row, low, make_rows, table_of

MINED, N = 1200, 200
ROWS = make_rows(MINED + N, seed=4)
JUDGED = np.arange(MINED, MINED + N)
NEURONS = [Neuron("hidden", 2, unit) for unit in range(3)]
DRAW = np.random.default_rng(1)
MUSIC = np.array([bool({"music", "boat", "stone"} & set(low(row))) for row in ROWS])
ORDER = np.array([in_a_row(row["pos"], "DT", "NN") for row in ROWS])
# Rows answer to a word or two, to tags in a row, and to nothing.
ACTIVATIONS = DRAW.random((len(ROWS), 3)) + np.stack([5.0 * MUSIC, 5.0 * ORDER, 0.0 * MUSIC], axis=1)
LISTS = {neuron: np.argsort(-ACTIVATIONS[:MINED, i], kind="stable")[:150] for i, neuron in enumerate(NEURONS)}
TEXT = JudgedText(TrainingText.of(table_of(ROWS), reference_of(np.arange(MINED), 1000), judged=JUDGED), JUDGED)
SIGNATURES = {neuron: describe(TEXT.text, ids, 3) for neuron, ids in LISTS.items()}


def judged(positives=20, seed=0, neurons=NEURONS):
    lists = {neuron: LISTS[neuron] for neuron in neurons}
    scores = ACTIVATIONS[MINED:, : len(neurons)].astype(np.float32)
    return judge_block(lists, SIGNATURES, scores, TEXT, positives, seed)


def test_a_planted_signature_finds_its_sentences_and_another_s_does_not():
    music, order, nothing = judged()
    for row in (music, order):
        assert row["beats_chance"]
        assert row["told_beats_chance"]
        assert row["random_ap"] < 0.7 * row["ap"]
    assert (music["chance"], music["positives"], music["sentences"]) == (0.1, 20, N)
    assert order["ap"] > max(order["words_ap"], order["bayes_ap"], order["length_ap"])
    gain, low = (dict(order[name]) for name in ("kind_gain", "kind_gain_low"))
    assert gain["two_tags"] > 0
    assert gain["two_tags"] > low["two_tags"] > -0.1
    assert gain.keys() == low.keys()
    assert nothing["told"] == 0
    assert nothing["told_ap"] == pytest.approx(0.1)
    assert dict(music["curve"]).keys() == {1, 2, 3, 5, 10, 100, -1}
    assert dict(music["curve"])[-1] == music["ap"]
    assert dict(music["curve"])[10] == music["told_ap"]


def test_columns_are_those_of_the_table_and_agree_with_each_other():
    rows = judged()
    table = pa.Table.from_pylist(rows, schema=EVALUATION)
    of_order = {"contextuality", "kept_shuffled"}
    assert all(set(row) == set(EVALUATION.names) - of_order for row in rows)
    assert all(row["ap_low"] <= row["ap"] <= row["ap_high"] for row in rows)
    assert all(row["random_unit"] != row["unit"] for row in rows)
    for name in ("random", "words", "bayes"):
        expected = [row["ap"] - row[f"{name}_ap"] for row in rows]
        assert table[f"over_{name}"].to_pylist() == pytest.approx(expected)


def test_the_score_is_the_sum_of_the_weights_of_what_holds():
    (row, *_) = judged()
    scores = np.zeros(N)
    for one in SIGNATURES[NEURONS[0]]:
        scores += (one.whole or 0.0) * one.statement.joined(TEXT.columns.dense(one.statement.parts).T)
    positive = np.zeros(N, bool)
    positive[np.argsort(-ACTIVATIONS[MINED:, 0].astype(np.float32), kind="stable")[:20]] = True
    assert row["ap"] == pytest.approx(average_precision_score(positive, scores))


def test_baselines_are_those_of_scikit_learn_on_the_same_list_and_reference():
    training = Training.of(TEXT.text, LISTS[NEURONS[1]])
    found = Baselines(TEXT.text, JUDGED).scores(training)
    words = [single.pattern[0] for single in TEXT.text.columns.singles if single.kind == "word"]
    words = list(dict.fromkeys(word for word in words if not word.startswith("×")))
    counter = CountVectorizer(analyzer=lambda i: set(low(ROWS[i])), vocabulary=words, binary=True)
    places = TEXT.text.ids[training.rows]
    bayes = MultinomialNB(fit_prior=False).fit(counter.transform(places), training.listed)
    theirs = np.diff(bayes.predict_joint_log_proba(counter.transform(JUDGED)), axis=1)[:, 0]
    assert np.corrcoef(found["bayes"], theirs)[0, 1] > 0.999
    lengths = TEXT.text.columns.matrix[:, TEXT.text.columns.of_kinds(["length"])].toarray()
    mass = halves(training.listed)
    ridge = LogisticRegression(C=1 / PENALTY, tol=1e-8, max_iter=5000).fit(
        lengths[training.rows], training.listed, mass
    )
    theirs = lengths[JUDGED] @ ridge.coef_[0]
    assert np.corrcoef(found["length"], theirs)[0, 1] > 0.999


def test_positives_are_the_best_and_of_equal_ones_the_first():
    lists = {NEURONS[0]: LISTS[NEURONS[0]]}
    scores = np.zeros((N, 1), np.float32)
    scores[5:9] = 1.0
    (row,) = judge_block(lists, {NEURONS[0]: []}, scores, TEXT, 6, 0)
    assert row["threshold"] == 0
    assert row["patterns"] == row["told"] == 0
    assert row["ap"] == pytest.approx(6 / N)


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
    for place, row in enumerate(rows):
        row |= {"contextuality": (0.3, None, 0.1)[place], "kept_shuffled": (0.5, None, 0.8)[place]}
    mlp = [{**row, "site": "mlp", "layer": 1, "random_ap": None, "beats_random": None} for row in rows[:1]]
    table = pa.Table.from_pylist([*mlp, *rows], schema=EVALUATION)
    found = by_layer(table)
    assert [(row["layer"], row["neurons"]) for row in found] == [("hidden L2", 3), ("mlp L1", 1), ("all", 4)]
    assert found[0]["AP"] == sorted(row["ap"] for row in rows)[1]
    assert found[0]["> chance"] == pytest.approx(sum(row["beats_chance"] for row in rows) / 3)
    assert found[1]["other"] is found[1]["> other"] is None
    assert (found[0]["context"], found[0]["kept"]) == (pytest.approx(0.2), pytest.approx(0.65))
    assert [len(row) for row in shown(found)] == [len(LAYER_COLUMNS)] * 3


def test_the_curve_is_the_median_of_the_neurons_at_each_number_of_statements():
    rows = judged()
    curve = median_curve(pa.Table.from_pylist(rows, schema=EVALUATION))
    assert list(curve) == ["1", "2", "3", "5", "10", "100", "all"]
    assert curve["all"] == sorted(row["ap"] for row in rows)[1]
    assert curve["10"] == sorted(row["told_ap"] for row in rows)[1]


def test_the_figure_has_a_box_for_each_layer_and_measure_and_the_chance_line():
    table = pa.Table.from_pylist([*judged(), *({**row, "layer": 3} for row in judged())], schema=EVALUATION)
    figure = evaluation_by_layer(table, "Source: test")
    (axes,) = figure.axes
    assert len([patch for patch in axes.patches if patch.get_facecolor()[3]]) == 10
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "3"]
    assert "chance" in [text.get_text() for text in axes.get_legend().get_texts()]
