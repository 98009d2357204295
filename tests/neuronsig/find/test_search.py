"""The index gives what looking through every row of the table gives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from neuronsig.errors import ConfigError, InputError
from neuronsig.find import index as index_module
from neuronsig.find.query import items_of, parse
from neuronsig.find.search import search
from neuronsig.miners.containment import in_order
from tests.neuronsig.find.tables import Row, index_of

ROWS: list[Row] = [
    ("L1/U0", "words", ["not"], 2.0),
    ("L1/U0", "word_sequence", ["not", "only", "but"], 3.0),
    ("L1/U0", "word_sequence", ["not", "but"], 1.0),
    ("L2/U7", "word_sequence", ["not", "but"], 1.5),
    ("L2/U8", "word_sequence", ["but", "not"], 9.0),
    ("L2/U9-", "word_sequence", ["not", "but"], 0.0),
    ("L2/U9-", "pos", ["NN"], 1.0),
    ("L2/U7", "pos", ["JJ"], 0.0),
    ("L2/U7", "mixed_sequence", ["not", "pos=JJ"], 1.2),
    ("L2/U8", "itemset", ["word=not", "sentiment=negative"], 4.0),
    ("L1/U0", "metadata", ["sentiment", "negative"], 0.7),
    ("L1/U0", "subtree", ["(VB (RB) (NN))"], 1.1),
    ("L2/U8", "subtree", ["(VB (NN))"], 0.9),
]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return index_of(tmp_path, ROWS, parts=3)


def found(index: Path, text: str) -> list[tuple[str, str, bool]]:
    return [(str(hit.neuron), hit.pattern, hit.exact) for hit in search(index, text, 0).hits]


def test_exact_patterns_stand_before_those_that_contain_it_whatever_their_lrc(index: Path) -> None:
    # L1/U0 has 'not but' itself (1.0) and within 'not only but' (3.0): the exact one represents it.
    assert found(index, "not but") == [("L2/U7", "not but", True), ("L1/U0", "not but", True)]
    assert found(index, "not only") == [("L1/U0", "not only but", False)]


def test_order_matters_in_a_sequence_and_not_in_a_set(index: Path) -> None:
    assert found(index, "but not") == [("L2/U8", "but not", True)]
    expected = [("L2/U8", "not + sentiment=negative", True)]
    assert found(index, "set: sentiment=negative not") == expected
    assert found(index, "sentiment=negative not") == expected


def test_one_word_finds_words_before_patterns_and_sets(index: Path) -> None:
    assert found(index, "not") == [
        ("L1/U0", "not", True),
        ("L2/U8", "but not", False),
        ("L2/U7", "not but", False),
    ]


def test_rows_within_chance_are_no_response(index: Path) -> None:
    assert "L2/U9-" not in [neuron for neuron, _, _ in found(index, "not but")]


def test_tags_of_the_run_are_tags_even_where_no_neuron_responds_to_them(index: Path) -> None:
    with pytest.raises(ConfigError, match="the tag 'VBZ'"):
        search(index, "pos:VBZ")
    assert found(index, "not JJ") == [("L2/U7", "not JJ", True)]
    assert found(index, "NN") == [("L2/U9-", "NN", True)]


def test_metadata_is_found_in_any_capitals(index: Path) -> None:
    assert found(index, "sentiment=Negative")[0] == ("L1/U0", "sentiment=negative", True)


def test_a_subtree_is_found_in_larger_ones(index: Path) -> None:
    assert found(index, "(VB (NN))") == [("L2/U8", "(VB (NN))", True), ("L1/U0", "(VB (RB) (NN))", False)]


def test_layers_are_counted_whole_when_few_neurons_are_shown(index: Path) -> None:
    answer = search(index, "not but", 1)
    assert len(answer.hits) == 1
    assert [(c.layer, c.responding, c.exact, c.neurons) for c in answer.layers] == [(1, 1, 1, 1), (2, 1, 1, 3)]
    assert (answer.neurons, answer.exact) == (2, 2)


def test_counts_of_a_hit_are_those_of_its_row(index: Path) -> None:
    hit = search(index, "not but").hits[0]
    assert (hit.f1, hit.n1, hit.f2, hit.n2, hit.lrc, hit.share, hit.reference) == (15, 100, 20, 1000, 1.5, 0.15, 0.02)


def test_an_unknown_word_says_what_is_near(index: Path) -> None:
    with pytest.raises(ConfigError, match=r"word 'onli'.*near it: only"):
        search(index, "onli")


def test_an_unknown_field_names_the_fields(index: Path) -> None:
    with pytest.raises(ConfigError, match=r"no metadata field 'modle'.*sentiment"):
        search(index, "modle=minilm")


def test_all_parts_known_but_nowhere_together_is_an_empty_answer_with_a_note(index: Path) -> None:
    answer = search(index, "only not")
    assert answer.neurons == 0
    (note,) = [note for note in answer.notes if "every part is in some signature" in note]
    assert note.endswith("in one of the word sequences among each neuron's strongest 40 (mining.patterns_kept)")


def test_where_no_signature_holds_the_whole_neurons_with_every_part_are_named(tmp_path: Path) -> None:
    rows: list[Row] = [
        *((name, "words", [word], lrc) for name, word, lrc in (
            ("L1/U0", "not", 2.0), ("L1/U0", "but", 1.0), ("L2/U3", "not", 5.0), ("L2/U3", "but", 0.5),
            ("L2/U4", "but", 9.0), ("L2/U5", "but", 9.0), ("L2/U5", "not", 0.0),
        )),
        ("L2/U4", "word_sequence", ["not", "bad"], 4.0),
    ]  # fmt: skip
    index = index_of(tmp_path, rows)
    answer = search(index, "but not")
    assert answer.neurons == 0
    assert [(str(hit.neuron), hit.lrc) for hit in answer.parts] == [("L2/U3", 5.5), ("L1/U0", 3.0)]
    assert [len(hit.shares) for hit in answer.parts] == [2, 2]
    first = search(index, "set: not but", 1)
    assert ([str(hit.neuron) for hit in first.parts], first.with_parts) == (["L2/U3"], 2)
    assert search(index, "not bad").parts == ()


def test_a_word_that_is_not_there_may_be_in_patterns_that_were_not_kept(tmp_path: Path, index: Path) -> None:
    with pytest.raises(
        ConfigError, match="neither alone nor in one of each neuron's strongest 40 patterns of a kind; near it: only"
    ):
        search(index, "onli")
    (tmp_path / "unknown").mkdir()
    with pytest.raises(ConfigError, match="nor in one of each neuron's strongest patterns of a kind"):
        search(index_of(tmp_path / "unknown", ROWS, kept=None), "zither")


def test_kinds_mined_for_some_neurons_only_are_told(index: Path) -> None:
    assert any("mixed sequences were found for 1 of 4 neurons" in note for note in search(index, "not JJ").notes)


def test_a_broken_index_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(InputError, match="delete it"):
        search(tmp_path / "x.sqlite", "not")


def test_random_tables_give_what_every_row_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "BATCH", 7)  # several rounds of reading and of writing
    draw = random.Random(1)
    rows: dict[tuple[str, str, tuple[str, ...]], float] = {}
    for _ in range(900):
        kind = draw.choice(["words", "word_sequence", "word_sequence", "pos_sequence", "itemset"])
        words = draw.choices("abcde", k=1 if kind == "words" else draw.randint(1, 3))
        if kind == "itemset":
            words = sorted({f"word={word}" for word in words})
        key = (f"L{draw.randint(1, 3)}/U{draw.randint(0, 9)}", kind, tuple(words))
        rows[key] = round(draw.uniform(-1, 3), 3)
    index = index_of(tmp_path, [(*key, lrc) for key, lrc in rows.items()], parts=2)
    for text in ("a", "a b", "b a", "c c", "a b c", "word: e d", "set: a b", "pos: a b"):
        query = parse(text, ())
        best: dict[str, tuple[int, float]] = {}
        for (neuron, kind, pattern), lrc in rows.items():
            held = items_of(kind, pattern)
            if kind == "itemset":
                inside = set(query.items) <= set(held) and (query.form == "set" or len(query.items) == 1)
                exact = set(query.items) == set(held)
            else:
                inside, exact = query.form == "sequence" and in_order(held, query.items), held == query.items
            if lrc > 0 and inside:
                best[neuron] = min(best.get(neuron, (2, 0.0)), (int(not exact), -lrc))
        hits = search(index, text, 0).hits
        assert {str(hit.neuron): (int(not hit.exact), -hit.lrc) for hit in hits} == best
        assert [(not hit.exact, -hit.lrc) for hit in hits] == sorted((not hit.exact, -hit.lrc) for hit in hits)
        assert best
