"""What jobs after mining found is shown where it is there and current, and how it is made where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.results import SHADES, shaded
from neuronsig.signature.summary import describe
from neuronsig.signature.view import NeuronView, ScoreView, StabilityView
from neuronsig.signature.wording import (
    detector_text,
    dominance_text,
    effects_text,
    facets_text,
    order_text,
    quality_texts,
    score_text,
    stability_text,
)
from neuronsig.tables import DETECTORS, EVALUATION, NEURONS, STATEMENTS, TRIGGERS
from tests.run_factory import DOMINATED, MODEL, FactoryRun, add_outliers, add_stage, change_stage, make_run

NEURON = Neuron("hidden", 1, 1)
KEY = {"site": "hidden", "layer": 1, "unit": 1, "sign": 1}
ORDER = {"contextuality": 0.13, "kept_shuffled": 0.65}


def write(folder: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    empty = dict.fromkeys(schema.names)
    pq.write_table(pa.Table.from_pylist([empty | KEY | row for row in rows], schema=schema), folder / "part-0.parquet")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    """A run with every optional table, of one neuron."""
    made = make_run(tmp_path_factory.mktemp("findings") / "run", layers=1, units=3, sentences=200, k=20)
    top = [sentence_id for _, sentence_id in made.top[1, 1]]
    tokens = made.rows[top[0]]["tokens"]
    activations = [float(place) for place in range(len(tokens))]
    first = {"rank": 0, "sentence_id": top[0], "activations": activations, "trigger": len(tokens) - 1}
    first |= {"on_special": False, "covered": False, "kind": "words", "pattern": ["violin"], "offset": -2}
    write(made.run.triggers(MODEL), TRIGGERS, [first])
    detector = {"sentences": 20, "baseline": 0.0, "detector": "token", "word": "violin", "word_share": 0.9}
    write(
        made.run.detectors(MODEL),
        DETECTORS,
        [{**detector, "covered_share": 0.8, "words_covered": 0.65, "special_share": 0.0}],
    )
    score = {"sentences": 500, "ap": 0.5, "chance": 0.1, "beats_chance": True, "beats_words": False, "words_ap": 0.49}
    score |= {"told_ap": 0.3, "told_beats_chance": True, "patterns": 7, "bayes_ap": 0.47, "ceiling_ap": 0.55}
    write(made.run.evaluation(MODEL), EVALUATION, [{**score, "auroc": 0.8, "random_ap": 0.12, **ORDER}])
    told = {"rank": 0, "operation": "", "kinds": ["word"], "patterns": [["violin"]], "f1": 18, "n1": 20, "f2": 10}
    told |= {"n2": 1000, "log_odds": 9.0, "log_odds_limit": 6.0, "bits": 0.4, "covered": 0.9, "told": 3.0, "whole": 2.0}
    long = {"rank": 1, "kinds": ["length"], "patterns": [["at least", "20"]], "f1": 5, "f2": 500, "bits": 0.1}
    long |= {"covered": 0.95, "told": -1.0}
    write(made.run.statements(MODEL), STATEMENTS, [told, told | long, told | {"rank": 2, "told": None}])
    rows = [{**KEY, "kind": kind, "k": k, "overlap": 0.5 + k / 1000} for k in (100, 200) for kind in ("words", "pos")]
    made.run.analysis(MODEL).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), made.run.analysis(MODEL, "stability.parquet"))
    neurons = pq.read_table(made.run.neurons(MODEL)).to_pylist()
    for row in neurons:
        words = [{"word": "violin", "share": 0.9, "others": 0.1, "corpus": 0.01, "lrc": 2.0}]
        facets = [(0.75, top[1], words), (0.25, top[2], [])]
        apart = {"statement": "of at most 8 words", "share": 0.8, "others": 0.25}
        row["facets"] = [
            {"sentences": 5, "share": share, "typical_sentence_id": typical, "words": said, "told": told}
            for (share, typical, said), told in zip(facets, ([], [apart]), strict=True)
        ]
    write(made.run.neurons(MODEL), NEURONS, neurons)
    for job in ("describe", "triggers", "evaluate", "stability"):
        add_stage(made.run, job)
    add_outliers(made.run, [DOMINATED, {**DOMINATED, "unit": 2, "flags": ""}])
    return made


@pytest.fixture(scope="module")
def view(made: FactoryRun) -> NeuronView:
    return next(SignatureReader(made.run, MODEL, 3).views([NEURON]))


def test_the_first_sentences_last_token_is_the_trigger_and_shaded_most(made: FactoryRun, view: NeuronView) -> None:
    marked = [piece for piece in view.sentences[0].segments if piece.trigger]
    assert [(piece.text, piece.shade) for piece in marked] == [(made.rows[made.top[1, 1][0][1]]["tokens"][-1], SHADES)]
    assert view.sentences[0].note == "trigger 2 words after “violin”"
    assert not any(piece.shade or piece.trigger for piece in view.sentences[1].segments)


def test_the_detector_is_told(view: NeuronView) -> None:
    assert view.trigger
    text = detector_text(view.trigger)
    assert text.startswith("Token detector: the strongest word is “violin” in 90% of the top 20 sentences;")
    assert text.endswith("the signature holds the strongest word in 80%, and 65% of all words.")


def test_the_score_is_told_with_what_it_is_compared_with(view: NeuronView) -> None:
    assert view.score
    text = score_text(view.score)
    assert "what is told reaches average precision 0.30 and the whole signature, 7 statements, 0.50" in text
    assert "(naive Bayes 0.47, words and length 0.49, all that" in text
    assert "have to give 0.55, another neuron's signature 0.12, chance 0.10)" in text
    assert text.endswith("not clearly better than words and length.")
    order = "With their words shuffled, 65% of its best unseen sentences stay among the best (contextuality 0.13;"
    assert quality_texts(view)[1].startswith(order)


def test_a_neuron_whose_activations_are_all_the_same_tells_nothing_of_order() -> None:
    assert order_text(ScoreView(0.5, 0.1, True, False)) == ""


def test_what_is_told_is_read_in_its_order_with_what_it_is_against(view: NeuronView) -> None:
    assert view.told is not None
    assert [(one.text, one.share, one.reference, one.aspect) for one in view.told] == [
        ("with “violin”", 0.9, 0.01, "words"),
        ("of at most 19 words", 0.75, 0.5, "length"),
    ]
    description = describe(view)
    assert description.kind == "words"
    assert description.label == "“violin” · at most 19 words"
    assert description.text == (
        "Sentences with “violin” (90%, others 1.0%); of at most 19 words (75%, others 50%). These cover 95% of "
        "its sentences. They fall into 2 groups: 75% with “violin”; 25% of at most 8 words. The strongest word is "
        "“violin” in 90% of the top 20 sentences; the strongest token holds 0% of what is above the unit's mean. "
        "On unseen documents it reaches average precision 0.30, all 7 statements 0.50 (chance 0.10)."
    )


def test_a_neuron_of_which_nothing_is_credible_says_so(made: FactoryRun) -> None:
    view = next(SignatureReader(made.run, MODEL, 3).views([Neuron("hidden", 1, 2)]))
    assert view.told == ()
    assert describe(view).text.startswith("Nothing stands out: no statement is credible")


def test_stability_is_that_of_the_most_sentences(view: NeuronView) -> None:
    assert view.stability
    assert (view.stability.k, view.stability.overlap) == (200, {"words": 0.7, "pos": 0.7})
    assert "200 sentences each" in stability_text(view.stability)


def test_what_dominates_a_list_is_told_with_its_figures_and_the_share_that_counts(view: NeuronView) -> None:
    assert view.dominance
    assert dominance_text(view.dominance) == (
        "One thing dominates its top sentences (told from 60% on): the strongest token holds 61% of what is above the "
        "unit's mean in the first 5, most often “[CLS]”, the first; 75% of the first 20 hold one rare word, “violin” "
        "(0.60% of all neurons')."
    )


def test_a_document_and_near_duplicates_are_told_of_too(view: NeuronView) -> None:
    assert view.dominance
    text = dominance_text(replace(view.dominance, flags=("document", "near_duplicates")))
    assert "25% of the first 20 come from one document, “book 7” (0.40% of all neurons')" in text
    assert "10% of the first 20 nearly repeat a stronger one" in text


def test_a_list_that_nothing_dominates_is_told_how_far_it_is_from_it(made: FactoryRun) -> None:
    view = next(SignatureReader(made.run, MODEL, 3).views([Neuron("hidden", 1, 2)]))
    assert view.dominance
    assert dominance_text(view.dominance) == (
        "No one thing dominates its first 20 sentences (told from 60% on): 25% come from the most frequent document "
        "(0.40% of all neurons'), "
        "10% nearly repeat a stronger one, 75% hold the most frequent rare word, the strongest token holds 61% of what "
        "is above the unit's mean in the first 5."
    )
    unasked = replace(view.dominance, shares={**view.dominance.shares, "token": None})
    assert "strongest token" not in dominance_text(unasked)


def test_outliers_of_another_collection_are_left_out_and_told(made: FactoryRun) -> None:
    record = made.run.record_file.read_bytes()
    try:
        change_stage(made.run, f"outliers/{MODEL}", plan={"inputs": {f"collect/{MODEL}": "another"}})
        reader = SignatureReader(made.run, MODEL, 3)
        view = next(reader.views([NEURON]))
        assert view.dominance is None
        assert "neuronsig outliers" in reader.left_out[f"outliers/{MODEL}"]
        assert not any("neuronsig outliers" in command for _, command in view.missing)
    finally:
        made.run.record_file.write_bytes(record)


def test_outliers_without_a_column_or_a_file_are_refused_with_the_remedy(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, sentences=60, k=10)
    add_outliers(made.run, [DOMINATED])
    file = made.run.analysis(MODEL, "outliers.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["document_elsewhere"]), file)
    with pytest.raises(InputError, match=r"outliers\.parquet cannot be read .* run neuronsig outliers again"):
        SignatureReader(made.run, MODEL, 3)
    file.unlink()
    with pytest.raises(InputError, match=r"outliers\.parquet cannot be read .* run neuronsig outliers again"):
        SignatureReader(made.run, MODEL, 3)


def test_halves_without_a_pattern_beyond_chance_are_told_and_not_a_number() -> None:
    some = stability_text(StabilityView(200, {"words": 0.7, "word_sequence": None}))
    assert "overlap by words 0.70 (rank-biased, 1: the same); no word patterns beyond chance in either of them" in some
    none = stability_text(StabilityView(200, {"words": None, "word_sequence": None}))
    assert none.endswith("cannot be compared: no word patterns and no words beyond chance in either of them.")


def test_a_score_without_another_neuron_to_compare_with_leaves_it_out() -> None:
    alone = score_text(ScoreView(0.5, 0.1, True, False, words_ap=0.49, random_ap=None))
    assert "another neuron" not in alone


def test_facets_have_their_words_and_typical_sentences(made: FactoryRun, view: NeuronView) -> None:
    assert view.facets
    assert [(facet.share, facet.words) for facet in view.facets] == [(0.75, ("violin",)), (0.25, ())]
    assert [facet.told for facet in view.facets] == [(), (("of at most 8 words", 0.8, 0.25),)]
    assert view.facets[0].typical
    assert view.facets[0].typical.sentence_id == made.top[1, 1][1][1]
    assert facets_text(view.facets) == "2 facets: the sentences fall into groups of 75%, 25%."


def test_a_neuron_without_rows_has_none_of_it(made: FactoryRun) -> None:
    other = next(SignatureReader(made.run, MODEL, 3).views([Neuron("hidden", 1, 0)]))
    assert (other.trigger, other.score, other.stability, other.dominance) == (None, None, None, None)


def test_what_is_missing_is_told_with_its_command(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=60, k=10, clustered=False)
    view = next(SignatureReader(made.run, MODEL, 3).views([Neuron("hidden", 1, 0)]))
    assert [command.split()[1] for _, command in view.missing] == [
        "describe",
        "cluster",
        "triggers",
        "evaluate",
        "stability",
        "outliers",
    ]
    assert view.facets is None


def test_what_is_of_other_signatures_is_left_out_and_told(made: FactoryRun) -> None:
    record = made.run.record_file.read_bytes()
    try:
        change_stage(made.run, f"evaluate/{MODEL}", plan={"inputs": {f"mine/{MODEL}": "another"}})
        reader = SignatureReader(made.run, MODEL, 3)
        assert next(reader.views([NEURON])).score is None
        assert "neuronsig evaluate" in reader.left_out[f"evaluate/{MODEL}"]
    finally:
        made.run.record_file.write_bytes(record)


def test_shades_go_from_the_baseline_to_the_strongest_token_of_all_sentences() -> None:
    row = {"trigger": 0, "on_special": False, "covered": True, "pattern": ["x"], "offset": 0}
    found = shaded(
        [
            {**row, "sentence_id": 1, "activations": [9.0, 1.0, float("nan"), -3.0]},
            {**row, "sentence_id": 2, "activations": [5.0, 1.9], "on_special": True},
        ],
        baseline=1.0,
    )
    assert found[1].shades == (SHADES, 0, 0, 0)
    assert found[2].shades == (SHADES // 2, 0)  # half of the way
    assert (found[1].trigger, found[2].trigger) == (0, -1)
    assert "special token" in found[2].note


def test_effects_are_told_where_they_are_beyond_chance_and_not_small(view: NeuronView) -> None:
    assert effects_text(view) == ""
    from neuronsig.signature.view import Effect

    effects = {
        "length": Effect(8.0, 20.0, -1.1, 7.5, 8.5),
        "relative_position": Effect(0.5, 0.5, 0.1),
        "noun": Effect(0.4, 0.2, 1.0, 0.9, 1.1),
        "verb": Effect(0.1, 0.1, 0.0, -0.1, 0.1),
    }
    text = effects_text(replace(view, effects=effects))
    assert "length -1.10 standard deviations (mean 7.5 to 8.5 words, corpus 20.0)" in text
    assert "nouns ×1.87 to ×2.14" in text
    assert "verbs" not in text
    assert "document" not in text
