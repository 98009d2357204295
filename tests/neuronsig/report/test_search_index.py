"""The index finds planted words, patterns and values, in the script that the page would load."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from neuronsig.kinds import KINDS
from neuronsig.report.build import build
from neuronsig.report.site_data import bucket, normalise, terms
from tests.run_factory import MODEL, FactoryRun, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    made = make_run(tmp_path_factory.mktemp("site"))
    build(made.run, MODEL, 5)
    return made


def script(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="ascii")
    return dict(json.loads("[" + text[text.index("(") + 1 : text.rindex(")")] + "]")[1])


def found(made: FactoryRun, term: str) -> dict[tuple[int, int], str]:
    """(layer, unit) -> kind of the neurons indexed under a term, in the order of the index."""
    site = made.run.report / MODEL / "data"
    flat = script(site / "index" / f"{bucket(term)}.js")[term]
    neurons = sorted(made.top)
    return {neurons[flat[i]]: [*KINDS, "label"][flat[i + 1]] for i in range(0, len(flat), 5)}


@pytest.mark.parametrize(
    ("term", "unit", "kind"),
    [
        ("violin", 1, "words"),
        ("not only", 4, "word_sequence"),
        ("uh vb ,", 0, "pos_sequence"),
        ("social", 0, "metadata"),
        ("social media", 0, "metadata"),
    ],
)
def test_a_planted_term_leads_to_its_neurons(made: FactoryRun, term: str, unit: int, kind: str) -> None:
    hits = found(made, term)
    assert {key for key in made.top if key[1] == unit} <= set(hits)
    assert hits[1, unit] == kind


def test_a_word_is_indexed_where_it_stands_out_and_nowhere_else(made: FactoryRun) -> None:
    rows = [r for r in made.signatures if r["lrc"] > 0 and "violin" in terms(" ".join(r["pattern"]))]
    assert set(found(made, "violin")) == {(r["layer"], r["unit"]) for r in rows}
    assert len(set(found(made, "violin"))) < len(made.top)


@pytest.mark.parametrize(
    ("term", "name"),
    [("lol", "lo"), ("a", "a_"), ("'s", "u0"), ("n't", "n_"), ("élan", "u0"), ("文", "u65"), ("!", "u0")],
)
def test_a_term_has_one_bucket(term: str, name: str) -> None:
    assert bucket(term) == name


def test_queries_and_terms_are_normalised_alike() -> None:
    assert normalise("  ＬＯＬ\t That ") == "lol that"
    assert terms("topic=earn + wait") == ["topic", "earn", "wait"]


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the path")
@pytest.mark.parametrize(
    ("query", "first", "why"),
    [
        ("viol", "/U1<", "word “violin”"),
        ("ＶＩＯＬ", "/U1<", "word “violin”"),
        ("<U>ZAP", "/U7<", "&lt;u&gt;zap&lt;/u&gt;"),
        ("not only", "/U4<", "word pattern “not only”"),
        ("l2 / u3", ">L2/U3<", ""),
        ("zzz", "No neuron's signature has “zzz”", ""),
        ("<img src=x onerror=alert(1)>", "No neuron's signature has “&lt;img", ""),
    ],
)
def test_the_page_finds_it_in_a_browser(made: FactoryRun, tmp_path: Path, query: str, first: str, why: str) -> None:
    from urllib.parse import quote

    address = (made.run.report / MODEL / "search.html").resolve().as_uri() + "?q=" + quote(query)
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    command = [str(BROWSER), *flags.split(), f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom"]
    dom = subprocess.run([*command, address], capture_output=True, text=True, timeout=90, check=True).stdout
    results = dom[dom.index('id="status"') : dom.index("<noscript")]
    assert first in results
    assert why in results
    assert "<u>" not in results
    assert "<img" not in results


def test_the_page_has_a_name_for_every_kind_of_the_index(made: FactoryRun) -> None:
    names = script(made.run.report / MODEL / "data" / "buckets.js")["kinds"]
    assert dict(zip(KINDS, names, strict=True)) == {
        "words": "word",
        "pos": "tag",
        "metadata": "metadata",
        "word_sequence": "word pattern",
        "pos_sequence": "POS pattern",
        "mixed_sequence": "mixed pattern",
        "itemset": "itemset",
        "subtree": "subtree",
    }
