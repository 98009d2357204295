"""How a typed pattern is read."""

from __future__ import annotations

import pytest

from neuronsig.errors import NeuronsigError
from neuronsig.find.query import items_of, parse
from neuronsig.kinds import SEQUENCE, SET, SUBTREE

TAGS = {"NN", "JJ", "RB", "VB", "IN", ",", "PRP$"}


@pytest.mark.parametrize(
    ("text", "form", "items"),
    [
        ("not only but", SEQUENCE, ("w:not", "w:only", "w:but")),
        ("Not Only", SEQUENCE, ("w:not", "w:only")),
        ("JJ NN", SEQUENCE, ("p:JJ", "p:NN")),
        ("nn", SEQUENCE, ("w:nn",)),
        ("Cafe\u0301", SEQUENCE, ("w:caf\u00e9",)),
        ("not JJ", SEQUENCE, ("w:not", "p:JJ")),
        ("word: IN", SEQUENCE, ("w:in",)),
        ("word:IN pos:NN", SEQUENCE, ("w:in", "p:NN")),
        (",", SEQUENCE, ("w:,",)),
        ("pos:,", SEQUENCE, ("p:,",)),
        ("PRP$", SEQUENCE, ("p:PRP$",)),
        ("the the", SEQUENCE, ("w:the", "w:the")),
        ("sentiment=negative", SEQUENCE, ("m:sentiment=negative",)),
        ('"domain=social media"', SEQUENCE, ("m:domain=social media",)),
        ('domain="social media"', SEQUENCE, ("m:domain=social media",)),
        ('meta:domain="social media"', SEQUENCE, ("m:domain=social media",)),
        ('good domain="social media" NN', SET, ("m:domain=social media", "p:NN", "w:good")),
        ('word:a="b c"', SEQUENCE, ("w:a=b c",)),
        ("meta:corpus=imdb", SEQUENCE, ("m:corpus=imdb",)),
        ("word:a=b", SEQUENCE, ("w:a=b",)),
        ("=", SEQUENCE, ("w:=",)),
        ("set: good NN", SET, ("p:NN", "w:good")),
        ("good sentiment=negative", SET, ("m:sentiment=negative", "w:good")),
        ("(VB (RB))", SUBTREE, ("t:VB", "t:RB")),
        ("tree: (VB (not))", SUBTREE, ("t:VB", "t:not")),
        ("http://x :", SEQUENCE, ("w:http://x", "w::")),
    ],
)
def test_what_a_pattern_means(text: str, form: str, items: tuple[str, ...]) -> None:
    query = parse(text, TAGS)
    assert (query.form, query.items) == (form, items)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("pos:", "is empty"),
        ('not "only', "quote is not closed"),
        ('""', "empty quotes"),
        ('domain=""', "empty quotes"),
        ('domain="social', "quote is not closed"),
        ("meta: negative", "field=value"),
        ("meta: =x", "field=value"),
        ("(VB (RB)", "')' missing"),
        ("(VB) (RB)", "second tree"),
        ("tree:", "no tree follows"),
        ("not tree: (VB)", "at the beginning"),
    ],
)
def test_a_malformed_pattern_is_one_line_that_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(NeuronsigError) as error:
        parse(text, TAGS)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_items_of_each_kind_of_row() -> None:
    assert items_of("words", ["don't"]) == ("w:don't",)
    assert items_of("pos_sequence", ["JJ", "NN"]) == ("p:JJ", "p:NN")
    assert items_of("metadata", ["domain", "a = b"]) == ("m:domain=a = b",)
    assert items_of("itemset", ["word==", "pos=NN", "topic=earn"]) == ("w:=", "p:NN", "m:topic=earn")
    assert items_of("mixed_sequence", ["not", "pos=JJ", "in", ","]) == ("w:not", "p:JJ", "w:in", "w:,")
    assert items_of("subtree", ["(VB (RB) (NN))"]) == ("t:VB", "t:RB", "t:NN")
