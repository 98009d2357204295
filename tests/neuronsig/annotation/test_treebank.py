"""CoNLL-U, agreement and pruning on a treebank of two sentences."""

from __future__ import annotations

import pytest

from neuronsig.annotation.treebank import (
    SCALE,
    Word,
    agreement,
    count_weights,
    interleaved,
    pruned,
    read_conllu,
    to_conllu,
    to_tagged_lines,
)
from neuronsig.errors import InputError


def line(index: str, form: str, tag: str, head: str) -> str:
    return "\t".join((index, form, "_", "X", tag, "_", head, "dep", "_", "_"))


TREEBANK = "\n".join(
    [
        "# sent_id = 1",
        line("1-2", "don't", "_", "_"),
        line("1", "do", "VBP", "3"),
        line("2", "n't", "RB", "3"),
        line("3", "go", "VB", "0"),
        "",
        line("1", "Stop", "VB", "0"),
        line("1.1", "now", "RB", "_"),
        line("2", "!", ".", "1"),
    ]
)
SENTENCES = [
    [Word("do", "VBP", 3), Word("n't", "RB", 3), Word("go", "VB", 0)],
    [Word("Stop", "VB", 0), Word("!", ".", 1)],
]

PERCEPTRON = [
    "perceptron.seen=[10]",
    "perceptron.learning={",
    "w{",
    "go[0:2,5,4|1:-1,0,9]",  # averages (2 * 6 + 5) / 10 = 1.7 and (-1 * 1 + 0) / 10 = -0.1
    "a[b][2:0,4,10]",  # 0.4; the value itself holds brackets
    "rare[1:0,0,3]",  # 0
    "}",
    "}",
]


def test_ranges_empty_nodes_and_an_unterminated_last_sentence_are_read_as_words_only(tmp_path):
    path = tmp_path / "t.conllu"
    path.write_text(TREEBANK)
    assert read_conllu(path) == SENTENCES


def test_what_is_written_for_the_trainer_reads_back_and_ends_with_a_blank_line(tmp_path):
    text = to_conllu(SENTENCES)
    path = tmp_path / "t.conllu"
    path.write_text(text)
    assert read_conllu(path) == SENTENCES
    assert text.endswith("\n\n")
    assert text.splitlines()[0].split("\t")[3:5] == ["VBP", "VBP"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no sentence"),
        ("1\tgo\n", "2 columns, CoNLL-U has 10"),
        (line("1", "go", "VB", "_"), "is no number"),
        (line("1", "go", "VB", "2"), "outside its sentence"),
    ],
    ids=["empty", "columns", "no head", "head out of range"],
)
def test_a_broken_treebank_is_named_with_its_fault(tmp_path, content, said):
    path = tmp_path / "broken.conllu"
    path.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_conllu(path)
    assert "broken.conllu" in str(caught.value)


def test_a_missing_treebank_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read"):
        read_conllu(tmp_path / "none.conllu")


def test_tagged_lines_refuse_a_word_that_holds_the_delimiter():
    assert to_tagged_lines(SENTENCES[1:], "|") == "Stop|VB !|.\n"
    with pytest.raises(InputError, match="delimiter"):
        to_tagged_lines([[Word("a|b", "NN", 0)]], "|")


def test_interleaved_parts_hold_every_sentence_once():
    parts = interleaved([[Word(str(i), "CD", 0)] for i in range(5)], 2)
    assert [[s[0].form for s in part] for part in parts] == [["0", "2", "4"], ["1", "3"]]


def test_agreement_counts_tokens_not_sentences():
    assert agreement([[3, 3, 0], [0, 1]], [[3, 0, 0], [0, 1]]) == 4 / 5
    with pytest.raises(ValueError, match="zip"):
        agreement([[1, 2]], [[1]])


def test_pruning_keeps_exact_averages_and_drops_small_ones():
    assert list(pruned(PERCEPTRON, least=0.3)) == [
        "perceptron.seen=[1]",
        "perceptron.learning={",
        "w{",
        f"go[0:0,{round(1.7 * SCALE)},0]",
        f"a[b][2:0,{round(0.4 * SCALE)},0]",
        "}",
        "}",
    ]


def test_pruning_at_zero_drops_only_weights_that_are_zero():
    assert count_weights(PERCEPTRON) == 4
    assert count_weights(pruned(PERCEPTRON, least=0)) == 3


def test_a_pruned_perceptron_averages_to_what_is_written_in_it():
    once = list(pruned(PERCEPTRON, least=0))
    seen, current, total, since = 1, 0, 170, 0
    assert f"go[0:{current},{total},{since}|1:0,-10,0]" in once
    assert (current * (seen - since) + total) / seen == 1.7 * SCALE
