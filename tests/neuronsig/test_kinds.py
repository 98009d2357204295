"""The registry of patterns: how each kind is written and read."""

import pytest

from neuronsig.errors import InputError
from neuronsig.kinds import KINDS, METADATA, TAGS, WORDS, kind_of, pattern_kinds, shown_kinds


def test_patterns_are_read_as_they_are_written():
    assert kind_of("mixed_sequence").read(["not", "pos=JJ"]) == [(WORDS, "not"), (TAGS, "JJ")]
    assert kind_of("itemset").read(["word=good", "pos=JJ", "a=b=c"]) == [
        (WORDS, "good"), (TAGS, "JJ"), (METADATA, "a=b=c"),
    ]  # fmt: skip
    assert kind_of("word_sequence").read(["pos=", "word=x"]) == [(WORDS, "pos="), (WORDS, "word=x")]
    assert kind_of("metadata").read(["domain", "social media"]) == [(METADATA, "domain=social media")]
    for kind in pattern_kinds():
        items = [(layer, "x=y" if layer == METADATA else "x") for layer in kind.layers]
        assert kind.read([kind.write(*item) for item in items]) == items


@pytest.mark.parametrize(
    ("kind", "pattern", "text"),
    [
        ("words", ["the"], "the"),
        ("metadata", ["domain", "book"], "book"),
        ("pos_sequence", ["DT", "NN"], "DT NN"),
        ("mixed_sequence", ["not", "pos=JJ"], "not JJ"),
        ("itemset", ["word=good", "domain=book"], "good + domain=book"),
        ("subtree", ["(VB (RB))"], "(VB (RB))"),
    ],
)
def test_patterns_are_shown_as_a_reader_writes_them(kind, pattern, text):
    assert kind_of(kind).text(pattern) == text


def test_readers_see_what_is_easier_to_read_first():
    names = [kind.name for kind in shown_kinds()]
    assert names == ["word_sequence", "mixed_sequence", "pos_sequence", "itemset", "subtree"]
    assert [KINDS[name].plural for name in ("words", *names[:3])] == [
        "words", "word patterns", "mixed patterns", "POS patterns",
    ]  # fmt: skip


def test_an_unknown_kind_is_named():
    with pytest.raises(InputError, match="kind 'trigrams' is unknown; was it written by another version"):
        kind_of("trigrams")
