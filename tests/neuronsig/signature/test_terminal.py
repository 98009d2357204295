"""The terminal shows what was planted, fits 80 columns and cannot be steered by a corpus."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from neuronsig.neuron import Neuron
from neuronsig.signature.freshness import mining_command
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.terminal import bar, render_terminal
from neuronsig.signature.view import FacetView
from tests.run_factory import DOMINATED, MODEL, add_outliers, add_statements, make_run


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> SignatureReader:
    return SignatureReader(add_statements(make_run(tmp_path_factory.mktemp("run"))).run, MODEL, 8)


def rendered(reader: SignatureReader, unit: int, width: int = 80) -> str:
    out = io.StringIO()
    render_terminal(next(reader.views([Neuron("hidden", 1, unit)])), Console(file=out, width=width, soft_wrap=True))
    return out.getvalue()


@pytest.mark.parametrize(
    ("unit", "planted"),
    [
        (0, ["L1/U0", "social media", "100%", "Domain", "Similar neurons"]),
        (1, ["violin", "Sentences with “violin”", "Words", "neuron   corpus   ratio"]),
        (4, ["Sentences with “not” (100%", "not only", "Word patterns", "POS patterns", "Itemsets"]),
        (6, ["Nothing stands out: no statement is credible"]),
    ],
)
def test_planted_facts_are_on_the_screen(reader: SignatureReader, unit: int, planted: list[str]) -> None:
    text = rendered(reader, unit)
    assert [fact for fact in planted if fact not in text] == []


def test_what_the_corpus_of_a_share_is_stands_below_the_sentence(reader: SignatureReader) -> None:
    said = " ".join(rendered(reader, 1).split())
    assert "Shares of the corpus are of its other sentences, length for length." in said


def test_shares_say_what_they_are_of(reader: SignatureReader) -> None:
    view = next(reader.views([Neuron("hidden", 1, 1)]))
    facets = (
        FacetView(0.7, ("violin",), shares=((0.31, 0.02),)),
        FacetView(0.3, (), told=(("of at most 8 words", 0.8, 0.25),)),
    )
    out = io.StringIO()
    render_terminal(replace(view, facets=facets), Console(file=out, width=80, soft_wrap=True))
    text = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    assert "70%  violin 31%" in text
    assert "30%  no words of its own\n      of at most 8 words (80%, the others 25%)" in text
    assert [title for title in ("Words, of all sentences", "Tags, of all words") if title not in text] == []


@pytest.mark.parametrize("unit", range(8))
def test_no_line_is_wider_than_eighty_columns(reader: SignatureReader, unit: int) -> None:
    assert max(map(cell_len, rendered(reader, unit).splitlines())) <= 80


def test_control_characters_of_a_corpus_do_not_reach_the_terminal(reader: SignatureReader) -> None:
    text = rendered(reader, 5)
    assert "\x1b" not in text
    assert "\t" not in text
    assert "escape" in text


def test_markup_of_a_corpus_is_text(reader: SignatureReader) -> None:
    assert "<b>not bold</b>" in rendered(reader, 5, width=110)


def test_a_neuron_that_was_not_mined_prints_the_command_in_one_line(tmp_path: Path) -> None:
    root = tmp_path / ("a rather long name " * 6)
    made = make_run(root, layers=1, units=1, clustered=False)
    reader = SignatureReader(made.run, MODEL, 3)
    reader.profiles[Neuron("hidden", 1, 0)]["mined"] = False
    command = f"  {mining_command(made.run, MODEL, Neuron('hidden', 1, 0))}"
    assert command in [line.rstrip() for line in rendered(reader, 0).splitlines()]


def test_what_dominates_the_sentences_is_said_before_them(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, sentences=80, k=12)
    rows = [{**DOMINATED, "unit": 0, "token": "\x1b[31m"}, DOMINATED, {**DOMINATED, "unit": 2, "flags": ""}]
    add_outliers(made.run, rows)
    reader = SignatureReader(made.run, MODEL, 3)
    said = " ".join(rendered(reader, 1).split())
    assert "hold one rare word, “violin” (0.60% of all neurons'). Top sentences" in said
    assert "\x1b" not in rendered(reader, 0)
    free = " ".join(rendered(reader, 2).split())
    assert "How good is this signature? No one thing dominates its first 20 sentences" in free


@pytest.mark.parametrize(("share", "text"), [(0.0, ""), (0.5, "████"), (1.0, "████████"), (7.0, "████████")])
def test_a_bar_is_as_long_as_its_share(share: float, text: str) -> None:
    assert bar(share, 8) == text
