"""The generated sentence tells what is planted, and admits when nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuronsig.neuron import Neuron
from neuronsig.signature.salience import percent
from neuronsig.signature.summary import LITTLE, NOTHING, describe
from neuronsig.signature.view import Effect, Evidence, FacetView, NeuronView, ScoreView, Share, TriggerView

QUIET = NeuronView(
    neuron=Neuron("hidden", 1, 0),
    n_sentences=1000,
    n_tokens=18_000,
    mined=True,
    selectivity=1.0,
    length=Share("words", 18.0, 18.9),
    length_sd=5.0,
    pos_shares=(Share("noun", 0.28, 0.277), Share("verb", 0.15, 0.142), Share("adjective", 0.06, 0.057)),
    sentences=(),
    evidence={},
    metadata={},
)


def word(text: str, f1: int, f2: int, log_ratio: float = 4.0, lrc: float = 3.0, kind: str = "words") -> Evidence:
    return Evidence(kind, tuple(text.split()), f1, 1000, f2, 100_000, log_ratio, lrc)


def test_nothing_stands_out_when_nothing_does() -> None:
    description = describe(QUIET)
    assert (description.label, description.kind) == (NOTHING, "none")
    assert description.text.startswith("Nothing stands out")


def test_words_within_chance_are_not_told_however_frequent() -> None:
    view = replace(QUIET, evidence={"words": (word("the", 900, 90_000, log_ratio=0.0, lrc=0.0),)})
    assert describe(view).kind == "none"


def test_a_rare_word_is_only_a_trace() -> None:
    view = replace(QUIET, evidence={"words": (word("zither", 20, 3, log_ratio=9.0, lrc=6.0),)})
    assert describe(view).kind == "none"
    assert describe(view).text.startswith("Little stands out")
    assert "clearest trace is “zither” in 2.0% (corpus <0.01%)" in describe(view).text


def test_a_strong_word_in_few_sentences_is_not_enough() -> None:
    assert describe(replace(QUIET, evidence={"words": (word("zither", 60, 3),)})).kind == "none"


def test_a_domain_within_chance_is_not_told_however_large_its_share() -> None:
    domain = Evidence("metadata", ("domain", "news"), 9, 10, 30_000, 100_000, 1.6, 0.0)
    assert describe(replace(QUIET, metadata={"domain": (domain,)})).kind == "none"


def test_telling_words_are_named_strongest_first() -> None:
    rows = (word("lol", 300, 50), word("haha", 200, 50), word("omg", 90, 50), word("ok", 50, 50))
    description = describe(replace(QUIET, evidence={"words": rows}))
    assert description.kind == "words"
    assert description.label == "lol, haha, omg"
    assert description.text == "Sentences with “lol” (30%), “haha” (20%) or “omg” (9.0%)."


def test_a_word_with_another_apostrophe_is_told_once() -> None:
    rows = (word("n't", 300, 50), word("n’t", 200, 50), word("do", 90, 50))
    assert describe(replace(QUIET, evidence={"words": rows})).label == "n't, do"


def test_a_word_and_a_full_stop_are_no_phrase() -> None:
    assert (
        describe(replace(QUIET, evidence={"word_sequence": (word("it .", 300, 50, kind="word_sequence"),)})).kind
        == "none"
    )


def test_one_word_comes_with_its_shares() -> None:
    description = describe(replace(QUIET, evidence={"words": (word("olympics", 640, 2000),)}))
    assert description.text == "Sentences with “olympics” in 64% (corpus 2.0%)."


def test_short_exclamations_full_of_verbs_from_one_domain() -> None:
    domain = Evidence("metadata", ("domain", "social media"), 820, 1000, 3000, 100_000, 4.7, 4.2)
    view = replace(
        QUIET,
        length=Share("words", 3.2, 18.9),
        pos_shares=(Share("noun", 0.28, 0.277), Share("verb", 0.31, 0.142)),
        evidence={"words": (word("!", 900, 4000), word("wait", 300, 400))},
        metadata={"domain": (domain,)},
    )
    text = describe(view).text
    assert text.startswith("Short exclamations (3.2 words, corpus 18.9; “!” in 90%, corpus 4.0%) with “wait” in 30%")
    assert "many verbs (31% of words, corpus 14%)" in text
    assert text.endswith("82% social media (corpus 3.0%).")


def test_a_neuron_without_nouns_says_few() -> None:
    view = replace(QUIET, pos_shares=(Share("noun", 0.05, 0.277),))
    assert describe(view).text == "Sentences with few nouns (5.0% of words, corpus 28%)."
    assert describe(view).kind == "tags"


def test_a_pattern_speaks_when_no_word_does() -> None:
    row = word("is going to", 250, 900, kind="word_sequence")
    description = describe(replace(QUIET, evidence={"word_sequence": (row,)}))
    assert "the pattern “is going to” in 25% (corpus 0.90%)" in description.text
    assert description.label == "“is going to”"


def test_long_sentences_alone_are_a_finding() -> None:
    description = describe(replace(QUIET, length=Share("words", 40.0, 18.9)))
    assert (description.kind, description.label) == ("length", "long sentences")


def test_too_few_sentences_say_nothing() -> None:
    assert "too few" in describe(replace(QUIET, n_sentences=3)).text


def test_a_run_without_the_corpus_table_is_still_described() -> None:
    view = replace(QUIET, length=Share("words", 3.0, None), pos_shares=(Share("noun", 0.9, None),))
    assert describe(view).kind == "none"


def test_text_that_was_not_tagged_is_not_called_short() -> None:
    view = replace(QUIET, n_tokens=0, length=Share("words", 0.0, 15.0), pos_shares=(Share("noun", 0.0, 0.3),))
    assert describe(view).kind == "none"


@pytest.mark.parametrize(
    ("share", "text"), [(0.824, "82%"), (0.031, "3.1%"), (0.0004, "0.04%"), (0.00001, "<0.01%"), (0.0, "0%")]
)
def test_percentages_keep_two_digits(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("token", "said"), [("!", "Exclamations"), ("?", "Questions"), ("!?", "Sentences with “wait”")]
)
def test_only_a_mark_alone_makes_exclamations_or_questions(token: str, said: str) -> None:
    text = describe(replace(QUIET, evidence={"words": (word(token, 900, 400), word("wait", 300, 50))})).text
    assert text.startswith(said)


def test_a_mixed_pattern_is_told_beside_weaker_words_and_an_explained_one_is_not() -> None:
    words = (word("only", 120, 400, log_ratio=4.0),)
    told = word("not only pos=JJ", 200, 40, log_ratio=9.0, kind="mixed_sequence")
    explained = word("not only but", 300, 40, log_ratio=9.0, kind="word_sequence")._replace(
        explained_by=("not", "only")
    )
    view = replace(QUIET, evidence={"words": words, "mixed_sequence": (told,), "word_sequence": (explained,)})
    text = describe(view).text
    assert "with “only” in 12% (corpus 0.40%) and the pattern “not only [adjective]” in 20% (corpus 0.04%)" in text
    assert "but" not in text


def test_tags_in_order_are_told_when_no_tag_alone_is() -> None:
    row = Evidence("pos_sequence", ("MD", "RB", "VB"), 400, 1000, 4000, 100_000, 3.3, 3.0)
    description = describe(replace(QUIET, evidence={"pos_sequence": (row,)}))
    assert description.text == "Sentences with the pattern “[modal verb] [adverb] [base verb]” in 40% (corpus 4.0%)."
    assert description.kind == "tags"


def test_a_subtree_is_told_when_nothing_simpler_is() -> None:
    row = Evidence("subtree", ("(VB (MD) (RB))",), 400, 1000, 4000, 100_000, 3.3, 3.0)
    text = describe(replace(QUIET, evidence={"subtree": (row,)})).text
    assert text == "Sentences with the subtree (VB (MD) (RB)) in 40% (corpus 4.0%)."


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (Effect(0.2, 0.5, -0.9, 0.18, 0.22), "Sentences early in their documents (on average 20% in, corpus 50%)."),
        (Effect(0.2, 0.5, -0.9, 0.1, 0.6), "Nothing stands out"),
        (Effect(0.45, 0.5, -0.2, 0.44, 0.46), "Nothing stands out"),
    ],
    ids=["early", "within chance", "small"],
)
def test_a_place_in_documents_is_told_beyond_chance_and_when_large(effect: Effect, said: str) -> None:
    assert said in describe(replace(QUIET, effects={"relative_position": effect})).text


def test_a_length_or_a_share_within_its_limits_is_not_told() -> None:
    effects = {"length": Effect(40.0, 18.9, 1.0, 10.0, 70.0), "verb": Effect(0.3, 0.14, 1.1, -0.1, 2.0)}
    view = replace(QUIET, length=Share("words", 40.0, 18.9), pos_shares=(Share("verb", 0.3, 0.14),), effects=effects)
    assert describe(view).kind == "none"


def test_a_neuron_that_answers_to_two_things_says_so() -> None:
    view = replace(
        QUIET,
        evidence={"words": (word("olympics", 400, 90), word("tariff", 300, 90))},
        facets=(FacetView(0.6, ("olympics", "medal")), FacetView(0.4, ("tariff",)), FacetView(0.02, ("x",))),
    )
    text = describe(view).text
    assert text == "Sentences of two kinds: 60% rich in “olympics” or “medal”; 40% rich in “tariff”."
    one = describe(replace(view, facets=view.facets[:1]))  # type: ignore[index]
    assert "kinds" not in one.text


def test_a_kind_whose_words_few_of_its_sentences_have_is_counted_without_them() -> None:
    told = FacetView(0.5, ("vs",), shares=((0.27, 0.0),)), FacetView(0.3, ("sets",), shares=((0.12, 0.0),))
    rare = FacetView(0.2, ("wilkins",), shares=((0.03, 0.0),))
    text = describe(replace(QUIET, evidence={"words": (word("vs", 400, 90),)}, facets=(*told, rare))).text
    assert text == "Sentences of three kinds: 50% rich in “vs”; 30% rich in “sets”; the others have no such words."
    assert "kinds" not in describe(replace(QUIET, facets=(told[0], rare))).text


def test_what_carries_the_activation_and_how_it_does_on_unseen_sentences_are_told_where_known() -> None:
    evidence = {"words": (word("olympics", 640, 2000),)}
    trigger = TriggerView("token", "olympics", 0.71, concentration=0.34, sentences=20)
    score = ScoreView(ap=0.41, chance=0.01, beats_chance=True, beats_words=False)
    text = describe(replace(QUIET, evidence=evidence, trigger=trigger, score=score)).text
    strongest = "the strongest word is “olympics” in 71% of the top 20 sentences"
    assert f"; {strongest}, the strongest token holds 34% of what is above the unit's mean. On unseen" in text
    assert "average precision 0.41" in text
    of_tag = TriggerView("tag", tag="VBD", tag_share=0.6, concentration=0.25)
    assert "; the strongest word is of the past-tense verbs in 60% of the top sentences, the strongest token" in (
        describe(replace(QUIET, evidence=evidence, trigger=of_tag)).text
    )
    poor = replace(score, beats_chance=False)
    assert describe(replace(QUIET, evidence=evidence, score=poor)).text.endswith(
        "it is not clearly better than chance."
    )


def test_the_matched_share_is_what_the_neuron_is_compared_with() -> None:
    row = word("olympics", 640, 2000)._replace(matched=0.3)
    assert "in 64% (corpus 30%)" in describe(replace(QUIET, evidence={"words": (row,)})).text


@pytest.mark.parametrize(("f1", "said"), [(400, "[modal verb] [adverb]"), (150, "must [adverb]")])
def test_tags_in_order_are_told_in_place_of_a_phrase_only_when_they_tell_far_more(f1: int, said: str) -> None:
    tags = Evidence("pos_sequence", ("MD", "RB"), f1, 1000, 4000, 100_000, 3.3, 3.0)
    phrase = word("must pos=RB", 150, 1000, log_ratio=3.3, kind="mixed_sequence")
    text = describe(replace(QUIET, evidence={"pos_sequence": (tags,), "mixed_sequence": (phrase,)})).text
    assert text.count("pattern") == 1
    assert f"the pattern “{said}”" in text


def test_exclamations_alone_are_a_finding_with_their_share() -> None:
    mark = word("!", 920, 5000, log_ratio=4.2, lrc=3.5)
    description = describe(replace(QUIET, evidence={"words": (mark, word("wow", 20, 40))}))
    assert description.text == "Exclamations (“!” in 92%, corpus 5.0%)."
    assert (description.label, description.kind) == ("exclamations", "words")
    assert description.strength == pytest.approx(0.92 * 4.2)
    short = describe(replace(QUIET, evidence={"words": (mark,)}, length=Share("words", 3.2, 18.9)))
    assert short.label == "short exclamations"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (":)", "“:)”"),
        (";", "semicolons"),
        ("/", "slashes"),
        ('"', "quotation marks"),
        ("<", "angle brackets"),
    ],
)
def test_a_mark_is_told_as_a_word_is(token: str, said: str) -> None:
    description = describe(replace(QUIET, evidence={"words": (word(token, 600, 3100),)}))
    assert description.text == f"Sentences with {said} in 60% (corpus 3.1%)."
    assert (description.label, description.kind) == (said.strip("“”"), "words")


def test_marks_are_told_beside_words_that_tell_no_more_and_two_signs_of_a_name_once() -> None:
    signs = (word("<", 160, 3100, 2.4, 2.1), word(">", 155, 3100, 2.4, 2.1))
    faint = (word("corp", 37, 50),)
    assert describe(replace(QUIET, evidence={"words": (*signs, *faint)})).text == (
        "Sentences with angle brackets in 16% (corpus 3.1%)."
    )
    strong = (word("corp", 600, 50), *signs)
    assert describe(replace(QUIET, evidence={"words": strong})).text == "Sentences with “corp” in 60% (corpus 0.05%)."


def test_an_itemset_is_told_when_nothing_simpler_is() -> None:
    row = Evidence("itemset", ("pos=MD", "word=the"), 500, 1000, 1000, 100_000, 5.6, 5.0)
    description = describe(replace(QUIET, evidence={"itemset": (row,)}))
    assert description.text == "Sentences with “[modal verb] + the” together in 50% (corpus 1.0%)."
    assert description.kind == "words"
    assert (
        "together" not in describe(replace(QUIET, evidence={"itemset": (row,), "words": (word("lol", 300, 50),)})).text
    )


@pytest.mark.parametrize(
    ("row", "trace"),
    [
        (
            Evidence("pos_sequence", ("UH", "MD"), 140, 1000, 200, 100_000, 6.1, 6.0),
            "the pattern “[interjection] [modal verb]” in 14% (corpus 0.20%)",
        ),
        (
            Evidence("itemset", ("word=a", "word=b"), 60, 1000, 100, 100_000, 5.9, 5.0),
            "“a + b” together in 6.0% (corpus 0.10%)",
        ),
        (Evidence("words", (";",), 20, 1000, 3, 100_000, 9.0, 6.0), "semicolons in 2.0% (corpus <0.01%)"),
        (Evidence("pos", ("CD",), 900, 18_000, 60_000, 1_800_000, 0.6, 0.5), "the tag CD, 5.0% of words (corpus 3.3%)"),
    ],
    ids=["tags in order", "itemset", "mark", "tag"],
)
def test_the_clearest_trace_is_looked_for_in_all_that_stands_out(row: Evidence, trace: str) -> None:
    description = describe(replace(QUIET, evidence={row.kind: (row,), "subtree": (word("(X)", 900, 0, 0.0, 0.0),)}))
    assert description.text == f"Little stands out; the clearest trace is {trace}."
    assert (description.label, description.kind) == (LITTLE, "none")


def test_a_value_of_metadata_may_be_the_clearest_trace() -> None:
    value = Evidence("metadata", ("sentiment", "negative"), 200, 1000, 15_000, 100_000, 0.41, 0.2)
    text = describe(replace(QUIET, metadata={"sentiment": (value,)})).text
    assert text == "Little stands out; the clearest trace is sentiment negative in 20% (corpus 15%)."


def test_a_field_whose_values_stand_out_alike_is_not_told_by_one_of_them() -> None:
    def value(name: str, f1: int, log_ratio: float) -> Evidence:
        return Evidence("metadata", ("sentiment", name), f1, 1000, 10_000, 100_000, log_ratio, 1.0)

    both = value("negative", 270, 1.43), value("positive", 260, 1.38)
    text = describe(replace(QUIET, metadata={"sentiment": both})).text
    assert "27% sentiment negative (corpus 10%); 26% sentiment positive (corpus 10%)" in text
    one = value("negative", 600, 2.6), value("positive", 260, 1.38)
    assert "positive" not in describe(replace(QUIET, metadata={"sentiment": one})).text


def test_patterns_are_not_said_to_be_within_chance_where_none_were_mined() -> None:
    assert "no word, tag, pattern or metadata value is beyond chance" in describe(QUIET).text
    assert "pattern" not in describe(replace(QUIET, mined=False)).text


def test_the_tag_of_a_sign_that_is_told_is_not_told_besides() -> None:
    tag = Evidence("pos", ("''",), 3000, 18_000, 18_000, 1_800_000, 4.0, 3.5)
    view = replace(QUIET, evidence={"words": (word('"', 600, 3100),), "pos": (tag,)})
    assert describe(view).text == "Sentences with quotation marks in 60% (corpus 3.1%)."
    assert "many quotation marks" in describe(replace(view, evidence={"pos": (tag,)})).text
