"""Every kind of pattern, mined and counted, against what each sentence holds by definition."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from neuronsig.config import MiningConfig
from neuronsig.encoding.vocabulary import OTHER
from neuronsig.errors import ConfigError
from neuronsig.kinds import KINDS, SET, TAGS, Kind, kind_of, pattern_kinds, shown_kinds
from neuronsig.miners.brackets import brackets, parse_tree
from neuronsig.mining.kinds import (
    KindCounter,
    itemset_items,
    limits_of,
    mine_kind,
    pattern_names,
    shortest,
)
from tests.neuronsig.miners.bracketed import forest_of_brackets
from tests.neuronsig.miners.encoded import STRATA, WORDS, dictionary_of, held_by, random_rows, sentences_of
from tests.neuronsig.miners.reference import subtrees_of

FEW = {f"{part}_min_support": 0.05 for part in ("word", "pos", "mixed", "itemset", "subtree")}
ALL = MiningConfig(min_count=2, pattern_min_count=2, target="all", subtree_max_nodes=3, pos_max_length=3, **FEW)


@pytest.mark.parametrize("kind", pattern_kinds(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_mined_is_what_enough_sentences_hold(kind, seed):
    rows = random_rows(seed)
    found = mine_kind(kind, sentences_of(rows), dictionary_of(), ALL)
    held = Counter(pattern for row in rows for pattern in held_by(kind.name, row, limits_of(kind, ALL)))
    assert found.counts() == {pattern: f for pattern, f in held.items() if f >= 3}
    assert max(map(len, found)) >= 2


@pytest.mark.parametrize("kind", pattern_kinds(), ids=lambda kind: kind.name)
def test_counts_by_stratum_are_those_of_the_definition(kind):
    mined, others = random_rows(2), random_rows(3, n=200)
    dictionary = dictionary_of()
    found = mine_kind(kind, sentences_of(mined), dictionary, ALL)
    counter = KindCounter(kind, found.items, found.offsets, dictionary, ALL)
    counts = counter.count(sentences_of(others))
    expected = np.zeros((len(found), STRATA), np.int64)
    for row in others:
        held = held_by(kind.name, row, limits_of(kind, ALL))
        expected[:, row["stratum"]] += [pattern in held for pattern in found]
    assert counts.tolist() == expected.tolist()
    assert counter.count(sentences_of(mined)).sum(axis=1).tolist() == found.supports.tolist()


def test_a_mixed_sequence_has_a_word_and_a_tag_near_each_other():
    rows = [{"words": [0, -1, 1], "tags": [0, 1, 2], "heads": [], "values": [], "stratum": 0}] * 9
    found = mine_kind(kind_of("mixed_sequence"), sentences_of(rows), dictionary_of(), ALL)
    names = {" ".join(pattern_names(kind_of("mixed_sequence"), p, dictionary_of())) for p in found if len(p) == 2}
    assert names == {"w0 pos=T1", "w0 pos=T2", "pos=T0 w1", "pos=T1 w1"}
    near = MiningConfig(**{**vars(ALL), "mixed_max_gap": 0})
    found = mine_kind(kind_of("mixed_sequence"), sentences_of(rows), dictionary_of(), near)
    assert "w0 pos=T2" not in {" ".join(pattern_names(kind_of("mixed_sequence"), p, dictionary_of())) for p in found}


def test_subtrees_of_words_have_words_for_labels():
    rows = [{"words": [0, 1, -1], "tags": [0, 1, 2], "heads": [2, 0, 2], "values": [], "stratum": 0}] * 9
    mining = MiningConfig(**{**vars(ALL), "subtree_labels": "words"})
    found = mine_kind(kind_of("subtree"), sentences_of(rows), dictionary_of(), mining)
    names = [pattern_names(kind_of("subtree"), p, dictionary_of(), "words") for p in found]
    assert sorted(names) == [["(w0)"], ["(w1 (w0))"], ["(w1)"]]


@pytest.mark.parametrize("words", [False, True])
def test_subtrees_of_bracketed_trees_are_those_of_their_forest_and_of_the_definition(words):
    trees = ["(S (NP (PRP it)) (VP (VBZ rains)))", "", "(S (NP (DT the) (NN cat)) (VP (VBZ rains)))", "(FRAG (NN cat))"]
    trees = trees * 3
    parsed = [parse_tree(tree, words) if tree else ([], []) for tree in trees]
    brackets_of, names = forest_of_brackets(trees, words=words)
    rows = [{"words": [0], "tags": [0], "heads": heads, "values": [], "stratum": i % STRATA}
            for i, (_, heads) in enumerate(parsed)]  # fmt: skip
    code = {name: i for i, name in enumerate(names)}
    nodes = np.array([code[label] for labels, _ in parsed for label in labels])
    sentences = dataclasses.replace(sentences_of(rows), nodes=nodes)
    dictionary = dataclasses.replace(dictionary_of(), labels=names)
    for name in ("labels", "parent", "bounds"):
        assert getattr(sentences.forest(dictionary, "pos"), name).tolist() == getattr(brackets_of, name).tolist()
    found = mine_kind(kind_of("subtree"), sentences, dictionary, ALL)
    held = Counter(
        brackets(tree)
        for labels, heads in parsed
        for tree in subtrees_of([(head - 1, label) for head, label in zip(heads, labels, strict=True)], 3)
    )
    named = {pattern_names(kind_of("subtree"), p, dictionary)[0]: f for p, f in found.counts().items()}
    assert named == {tree: f for tree, f in held.items() if f >= 3}
    assert named["(S (NP) (VP))"] == 6
    assert ("(VBZ (rains))" in named) == words
    counter = KindCounter(kind_of("subtree"), found.items, found.offsets, dictionary, ALL)
    assert counter.count(sentences).sum(axis=1).tolist() == found.supports.tolist()
    assert [shortest(kind, dictionary) for kind in pattern_kinds()] == [2, 2, 2, 2, 1]


def test_patterns_read_as_words_tags_values_and_brackets():
    dictionary = dictionary_of()
    assert pattern_names(kind_of("word_sequence"), [0, 5], dictionary) == ["w0", "w5"]
    assert pattern_names(kind_of("pos_sequence"), [0, 2], dictionary) == ["T0", "T2"]
    assert pattern_names(kind_of("itemset"), [0, 7, 8], dictionary) == ["word=w0", "m=1", "pos=T0"]
    assert pattern_names(kind_of("subtree"), [1, 3 + 2, 3 + 0], dictionary) == ["(T1 (T2) (T0))"]


def test_items_that_a_neuron_does_not_prefer_form_no_itemsets():
    dictionary = dictionary_of(common=[2])  # in all sentences of the corpus
    dictionary.word_sentences[1] = 800  # less frequent among the neuron's sentences than in the corpus
    dictionary.metadata[1] = ("m", OTHER)
    f1 = np.array([10, 5, 10, 0, 0, 0, 10, 10, 10])
    allowed = itemset_items(f1, 10, dictionary)
    assert np.flatnonzero(allowed).tolist() == [0, WORDS, WORDS + 2]


def test_the_support_is_raised_to_keep_the_bound_and_says_so():
    mining = MiningConfig(**{**vars(ALL), "pattern_limit": 20})
    found = mine_kind(kind_of("word_sequence"), sentences_of(random_rows(0)), dictionary_of(), mining)
    assert found.raised
    assert 0 < len(found) <= 20


def test_a_support_of_nothing_is_named():
    with pytest.raises(ConfigError, match=r"mining\.word_min_support=0: must be above 0 and at most 1"):
        mine_kind(
            kind_of("word_sequence"), sentences_of(random_rows(0)), dictionary_of(), MiningConfig(word_min_support=0)
        )


def test_a_further_kind_is_one_entry(monkeypatch):
    entry = Kind("tag_set", "Tag sets", "tags", SET, (TAGS,), limits={"min_support": 0.05, "max_length": 2})
    monkeypatch.setitem(KINDS, "tag_set", entry)
    rows, dictionary = random_rows(0), dictionary_of()
    found = mine_kind(kind_of("tag_set"), sentences_of(rows), dictionary, ALL)
    assert {len(pattern) for pattern in found} == {1, 2}
    for pattern, f1 in found.counts().items():
        assert f1 == sum({dictionary.tags[tag] for tag in row["tags"]} >= set(names(entry, pattern)) for row in rows)
    counter = KindCounter(entry, found.items, found.offsets, dictionary, ALL)
    assert counter.count(sentences_of(rows)).sum(axis=1).tolist() == found.supports.tolist()
    assert entry in shown_kinds()


def names(kind, pattern):
    return [name for _, name in kind.read(pattern_names(kind, pattern, dictionary_of()))]
