import itertools

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.encoding.text import Items, Text
from neuronsig.evaluation.matching import Postings, sequence_postings, set_postings, subtree_postings
from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.reference import sequences_of, subtrees_of
from neuronsig.miners.trees import forest
from tests.neuronsig.evaluation.texts import ANIMALS, table_of

TEXT = Text.of(table_of(ANIMALS))


def held(postings: Postings, pattern: int) -> list[int]:
    return postings.of(pattern).tolist()


def coded(*items: str) -> list[int]:
    return [TEXT.code(item, "tags" if item.isupper() else "words") for item in items]


def test_sequences_may_skip_words_and_mix_words_with_tags():
    patterns = [coded("the", "cat"), coded("cat", "the"), coded("the", "JJ", "cat"), coded("the", "zebra"), coded("NN")]
    found = sequence_postings(patterns, TEXT.token_items, TEXT.n_codes)
    assert [held(found, i) for i in range(5)] == [[0, 2], [0], [2], [], [0, 1, 2]]


def test_a_word_and_its_own_tag_are_no_sequence():
    found = sequence_postings([coded("cat", "NN")], TEXT.token_items, TEXT.n_codes)
    assert held(found, 0) == [0]  # cat ... mat; not sentence 2, where cat is the only NN


def test_gap_and_window_limit_what_a_sequence_may_skip():
    pattern = [coded("the", "cat", ".")]
    for limits, sentences in (((1, None), []), ((4, None), [0, 2]), ((3, None), [2]), ((None, 6), [2]), ((2, 6), [2])):
        assert held(sequence_postings(pattern, TEXT.token_items, TEXT.n_codes, *limits), 0) == sentences, limits


@pytest.mark.parametrize(("gap", "window"), [(None, None), (0, None), (1, None), (None, 3), (1, 4)])
def test_sequences_are_those_of_the_definition(gap, window):
    random = np.random.default_rng(5)
    sentences = [
        [random.choice(4, size=random.integers(1, 3), replace=False).tolist() for _ in range(random.integers(0, 7))]
        for _ in range(60)
    ]
    flat = [code for sentence in sentences for choices in sentence for code in choices]
    at = [place for sentence in sentences for place, choices in enumerate(sentence) for _ in choices]
    offsets = np.cumsum([0] + [sum(map(len, sentence)) for sentence in sentences])
    patterns = [p for size in (1, 2, 3) for p in itertools.product(range(4), repeat=size)]
    found = sequence_postings(patterns, Items(np.array(flat), np.array(at), offsets), 4, gap, window)
    expected = [sequences_of(sentence, Limits(max_length=3, max_gap=gap, max_window=window)) for sentence in sentences]
    for i, pattern in enumerate(patterns):
        assert held(found, i) == [s for s, of in enumerate(expected) if pattern in of], pattern


def test_sets_are_in_any_order_and_hold_metadata():
    code = TEXT.code("domain=news", "metadata")
    patterns = [[*coded("cat", "VBD"), code], coded("ran", "cat"), [*coded("dog"), -1], [code]]
    found = set_postings(patterns, TEXT.sets, TEXT.n_codes)
    assert [held(found, i) for i in range(4)] == [[0, 2], [2], [], [0, 1, 2, 3]]


def subtrees(patterns):
    return subtree_postings(patterns, TEXT.trees, TEXT.word_codes, TEXT.tag_codes, TEXT.n_codes)


def test_subtrees_may_leave_out_children_but_keep_their_order_and_edges():
    vbd, nn, dt, jj, cat, stop = coded("VBD", "NN", "DT", "JJ", "cat", ".")
    found = subtrees(
        [
            [(0, vbd), (1, nn), (2, dt)],
            [(0, vbd), (1, dt)],
            [(0, nn), (1, jj), (1, jj)],
            [(0, vbd), (1, stop), (1, nn)],
            [(0, vbd), (1, cat), (2, dt), (1, nn)],
            [(0, vbd), (1, -1)],
        ]
    )
    assert [held(found, i) for i in range(6)] == [[0, 2], [], [2], [], [0], []]


def test_subtrees_are_those_of_the_definition():
    random = np.random.default_rng(6)
    sizes = random.integers(1, 8, 80)
    heads = [[0, *(int(random.integers(1, i + 1)) for i in range(1, n))] for n in sizes]
    codes = [random.integers(0, 3, n) for n in sizes]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    trees = forest(np.arange(offsets[-1]), np.concatenate(heads), offsets, int(offsets[-1]))
    # The reference wants a parent before its children, each family in the order of the sentence: as it is here.
    expected = [
        subtrees_of([(h - 1, int(c)) for h, c in zip(head, code, strict=True)], 4)
        for head, code in zip(heads, codes, strict=True)
    ]
    patterns = sorted(set().union(*expected))
    word = np.concatenate(codes).astype(np.int64)
    found = subtree_postings(patterns, trees, word, word + 3, 6)
    for i, pattern in enumerate(patterns):
        assert held(found, i) == [s for s, of in enumerate(expected) if pattern in of], pattern


def test_no_patterns_and_no_sentences_are_no_error():
    assert sequence_postings([], TEXT.token_items, TEXT.n_codes).offsets.tolist() == [0]
    empty = Text.of(table_of(ANIMALS).slice(0, 0))
    assert held(sequence_postings([[0]], empty.token_items, 1), 0) == []
    assert held(subtree_postings([[(0, 0)]], empty.trees, empty.word_codes, empty.tag_codes, 1), 0) == []


def test_a_sentence_without_a_tree_holds_no_subtree():
    table = table_of(ANIMALS)
    heads = [of if i != 0 else [] for i, of in enumerate(table["heads"].to_pylist())]
    table = table.set_column(7, table.schema.field("heads"), pa.array(heads, pa.list_(pa.int32())))
    text = Text.of(table)
    patterns = [[(0, code) for code in coded("cat")], [(0, code) for code in coded("NN")]]
    found = subtree_postings(patterns, text.trees, text.word_codes, text.tag_codes, text.n_codes)
    assert [held(found, i) for i in range(2)] == [[2], [1, 2]]


def test_a_subtree_of_more_nodes_than_fit_is_refused():
    with pytest.raises(ValueError, match="a subtree of 63 nodes; 62 can be matched"):
        subtrees([[(0, 0)] + [(1, 0)] * 62])
