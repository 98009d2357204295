"""Any words of a command line are a config or an error of one line."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from neuronsig.config import Config
from neuronsig.config.compose import compose, describe, groups, is_setting, to_yaml
from tests.fuzzing import ANY, ODD, fuzzed, like, tried

SECTIONS = [field.name for field in dataclasses.fields(Config)]
KEYS = [key for key, _, _ in describe(SECTIONS)]
SOURCES = ["corpus.sources.a.format", "corpus.sources.documentation.path", "corpus.sources", "corpus.sources.a"]
KEY = st.one_of(
    st.sampled_from([*KEYS, *groups(), *SECTIONS, *SOURCES, "hydra.verbose", "download.homes.x.y", "preset@x"]),
    like([*KEYS[:20], *groups(), ".", "+", "++", "~", "@", ":", "corpus.sources."], 3),
    ANY,
)
VALUE = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(["9" * 30, "9" * 5000, "-" + "9" * 5000, "[" + "9" * 5000 + "]", "1" + "0" * 5000 + ".5", "1e400"]),
    st.integers().map(str),
    st.floats().map(str),
    st.lists(st.one_of(st.integers().map(str), st.sampled_from(ODD)), max_size=3).map(lambda of: f"[{','.join(of)}]"),
    like(
        [
            "[",
            "]",
            ",",
            "'",
            '"',
            "a",
            "1",
            "1.5",
            "${run}",
            "${oc.env:HOME}",
            "{a:1}",
            "x=y",
            "sort(1,2)",
            "choice(1,2)",
        ]
    ),
    like([choice for choices in groups().values() for choice in choices], 2),
    ANY,
)
WORD = st.one_of(
    st.tuples(st.sampled_from(KEYS), VALUE).map("=".join),
    st.tuples(KEY, VALUE).map("=".join),
    st.tuples(st.sampled_from(["~", "+", "++", ""]), KEY).map("".join),
    like(["=", "a", "--brief"]),
)


@fuzzed
@given(words=st.lists(WORD, min_size=1, max_size=3))
def test_any_words_are_a_config_or_refused_in_one_line(words: list[str]) -> None:
    for word in words:
        is_setting(word)
    config = tried(lambda: compose(words))
    if config is not None:
        assert to_yaml(config, SECTIONS)
        json.dumps(dataclasses.asdict(config), allow_nan=False)  # as run.json holds it
