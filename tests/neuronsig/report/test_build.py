"""The built site: every page well formed, every link leads somewhere, nothing of a corpus runs."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest

from neuronsig.neuron import Neuron
from neuronsig.report.build import build
from neuronsig.report.front_page import caption_of
from neuronsig.run.directory import RunDirectory
from neuronsig.tables import EVALUATION
from tests.run_factory import (
    AWKWARD,
    DOMINATED,
    MODEL,
    FactoryRun,
    add_outliers,
    add_stage,
    add_statements,
    change_stage,
    make_constant,
    make_run,
)

VOID = {"meta", "link", "input", "img", "br", "hr"}
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


class Page(HTMLParser):
    """Fails on a tag that is not closed in order; keeps links, ids, text and attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.path, self.open, self.links, self.ids, self.tags = path, [], [], [], []  # type: ignore[var-annotated]
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == [], f"{path} leaves {self.open} open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"{self.path}: an attribute twice in {tag}"
        for name, value in attrs:
            if name in ("href", "src", "action") and value is not None:
                self.links.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{self.path}: </{tag}> closes nothing"
        assert self.open.pop() == tag, f"{self.path}: </{tag}> out of order at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    made = add_statements(make_run(tmp_path_factory.mktemp("site"), layers=3, units=9))
    figures = made.run.analysis(MODEL)
    figures.mkdir()
    (figures / "tsne_by_layer.png").write_bytes(PNG)
    (figures / "tsne_by_layer.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    build(made.run, MODEL, 10)
    return made


@pytest.fixture(scope="module")
def pages(made: FactoryRun) -> dict[Path, Page]:
    return {path: Page(path) for path in made.run.report.rglob("*.html")}


def test_there_is_a_page_for_each_neuron_layer_and_cluster(made: FactoryRun) -> None:
    site = made.run.report / MODEL
    assert len(list((site / "neurons").glob("*.html"))) == 27
    assert len(list((site / "groups").glob("hidden-L*.html"))) == 3
    assert len(list((site / "groups").glob("cluster-*.html"))) == 3


def test_every_link_leads_to_a_file_of_the_site(pages: dict[Path, Page]) -> None:
    assert links_that_lead_to_a_file(pages) > 500


def links_that_lead_to_a_file(pages: dict[Path, Page]) -> int:
    seen = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, f"{path} links outside: {link}"
            assert not parts.netloc, f"{path} links outside: {link}"
            target = (path.parent / unquote(parts.path)) if parts.path else path
            assert target.is_file(), f"{path}: {link} leads nowhere"
            if parts.fragment:
                assert parts.fragment in pages[target.resolve()].ids if target.resolve() in pages else True
            seen += 1
    return seen


def test_nothing_is_fetched_and_nothing_comes_from_outside(made: FactoryRun) -> None:
    for path in made.run.report.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://|@import|fetch\(|XMLHttpRequest|type=.module", text), path


def test_text_of_a_corpus_is_text_on_the_page(made: FactoryRun, pages: dict[Path, Page]) -> None:
    path = made.run.report / MODEL / "neurons" / "hidden-L01-U0005p.html"
    page, source = pages[path], path.read_text(encoding="utf-8")
    assert AWKWARD[0] in "".join(page.text)
    assert "<script>document.title" not in source
    assert {attributes.get("src", "") for tag, attributes in page.tags if tag == "script"} == {"../assets/theme.js"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "\x1b" not in source


def test_scripts_with_corpus_text_hold_no_tag(made: FactoryRun) -> None:
    labels = (made.run.report / MODEL / "data" / "labels" / "0.js").read_text(encoding="ascii")
    assert "u>zap" in labels
    for path in (made.run.report / MODEL / "data").rglob("*.js"):
        assert "<" not in path.read_text(encoding="ascii")


def test_a_page_shows_the_signature_and_its_neighbours(made: FactoryRun, pages: dict[Path, Page]) -> None:
    site = made.run.report / MODEL / "neurons"
    page = pages[site / "hidden-L02-U0001p.html"]
    text = " ".join("".join(page.text).split())
    for fact in ("L2/U1", "Sentences with “violin”", "Word patterns", "POS patterns", "Domain", "Typical sentence"):
        assert fact in text
    marked = [attributes for tag, attributes in page.tags if tag == "mark"]
    assert len(marked) > 10
    for other in ("hidden-L02-U0000p.html", "hidden-L02-U0002p.html", "hidden-L01-U0001p.html"):
        assert other in page.links


@pytest.mark.parametrize("page", ["index.html", "neurons/hidden-L01-U0001p.html"])
def test_what_the_corpus_of_a_share_is_stands_where_sentences_do(
    made: FactoryRun, pages: dict[Path, Page], page: str
) -> None:
    text = " ".join("".join(pages[made.run.report / MODEL / page].text).split())
    assert "Shares of the corpus are of its other sentences, length for length." in text


def test_the_front_page_features_several_kinds_and_admits_silence(made: FactoryRun, pages: dict[Path, Page]) -> None:
    text = " ".join("".join(pages[made.run.report / MODEL / "index.html"].text).split())
    assert "Words and topics" in text
    assert "Domains and sources" in text
    assert "Where nothing stands out" in text
    assert "Nothing stands out: no statement is credible" in text


def test_the_front_page_tells_what_was_dropped_and_how_long_it_took(made: FactoryRun, pages: dict[Path, Page]) -> None:
    page = pages[made.run.report / MODEL / "index.html"]
    text = " ".join(" ".join(page.text).split())
    assert "dropped: under 3 word pieces 17" in text
    assert "book author, tag" in text
    assert "collect/minilm 4.5 s" in text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["src"] for image in images] == ["figures/tsne_by_layer.svg"]
    assert "t-SNE" in images[0]["alt"]


FIGURES = {
    "tsne_by_layer": "cluster",
    "mlp_tsne_by_layer": "cluster",
    "evaluation": "evaluate",
    "stability": "stability",
    "corpora": "corpus_table",
    "convergence": "",
}
"""A figure of each job, and the job that is not run again where it must not be shown."""


@pytest.mark.parametrize("stale", ["", "cluster", "evaluate", "stability", "corpus_table"])
def test_stages_and_figures_of_earlier_results_are_left_out_with_the_command_that_makes_them_again(
    tmp_path: Path, stale: str
) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, k=20)
    folder = made.run.analysis(MODEL)
    folder.mkdir()
    for name in FIGURES:
        (folder / f"{name}.png").write_bytes(PNG)
    empty = {"evaluation": made.run.evaluation(MODEL), "stability": folder}
    for name, place in empty.items():
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(EVALUATION.empty_table(), place / f"{name}.parquet")
    for job in ("evaluate", "stability"):
        add_stage(made.run, job)
    stage = stale if stale == "corpus_table" else f"{stale}/{MODEL}"
    if stale:
        change_stage(made.run, stage, plan={"inputs": {"annotate": "another"}}, seconds=50_000)
    build(made.run, MODEL, 5)
    site = made.run.report / MODEL
    left_out = {name for name, job in FIGURES.items() if stale and job == stale}
    if stale == "cluster":
        left_out.add("corpora")  # which jobs.cluster draws
    assert {path.stem for path in (site / "figures").iterdir()} == FIGURES.keys() - left_out
    front, neuron = (read(Page(site / name)) for name in ("index.html", "neurons/hidden-L01-U0000p.html"))
    stages = front.partition("counted")[2].partition("Dropped and noted")[0]
    assert f"evaluate/{MODEL}" in stages or stale == "evaluate"
    if not stale:
        assert "Left out" not in front + neuron
        return
    assert stage not in stages
    assert "13.9 h" not in front
    for page in (front, neuron):
        said = page.partition("because what it was made from has changed since: ")[2]
        assert said.partition("( ")[2].startswith(f"neuronsig {stale} run={made.run.root}")


def test_another_models_tokenization_is_no_stage_of_this_one(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, k=20)
    record = made.run.record()
    record["stages"]["tokenize/another"] = record["stages"]["tokenize/bert"]
    made.run.record_file.write_text(json.dumps(record))
    build(made.run, MODEL, 5)
    front = read(Page(made.run.report / MODEL / "index.html"))
    assert "tokenize/bert" in front
    assert "tokenize/another" not in front


def test_pages_stay_small_however_long_the_sentences(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=6, k=60)
    counts = build(made.run, MODEL, 20)
    assert counts["largest neuron page, bytes"] < 60_000


def test_building_again_gives_the_same_bytes_and_drops_old_pages(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=4, k=20)
    build(made.run, MODEL, 20)
    first = {path.name: path.read_bytes() for path in made.run.report.rglob("*") if path.is_file()}
    (made.run.report / MODEL / "neurons" / "old.html").write_text("old")
    build(made.run, MODEL, 20)
    assert {path.name: path.read_bytes() for path in made.run.report.rglob("*") if path.is_file()} == first


def test_one_index_leads_to_all_models(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, k=20)
    build(made.run, MODEL, 20)
    index = made.run.report / "index.html"
    assert 'http-equiv="refresh"' in index.read_text()
    shutil.copytree(made.run.report / MODEL, made.run.report / "other")
    build(RunDirectory(made.run.root), MODEL, 20)
    assert 'http-equiv="refresh"' not in index.read_text()
    assert {"minilm/index.html", "other/index.html"} <= set(Page(index).links)


def test_sites_of_several_widths_have_their_own_pages_layers_and_neighbours(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=2, units=3, k=20, mlp_units=5)
    build(made.run, MODEL, 20)
    site = made.run.report / MODEL
    assert {path.stem for path in (site / "groups").glob("*-L*.html")} == {
        *("hidden-L01p", "hidden-L02p", "mlp-L01p", "mlp-L02p")
    }
    assert len(list((site / "neurons").glob("hidden-*"))) == 6
    assert len(list((site / "neurons").glob("mlp-*"))) == 10
    page = Page(site / "neurons" / "mlp-L02-U0002p.html")
    text = " ".join("".join(page.text).split())
    assert "mlp:L2/U2" in text
    assert "Layer 2, mlp" in text
    assert "../groups/mlp-L02p.html" in page.links
    assert "mlp-L01-U0002p.html" in page.links
    assert "hidden-L01-U0002p.html" not in page.links
    sentences = [made.rows[i]["text"] for _, i in made.mlp[2, 2][:3]]
    assert all(sentence[:30] in "".join(page.text) for sentence in sentences)
    front = " ".join(" ".join(Page(site / "index.html").text).split())
    assert "16 2 × 3 hidden, 2 × 5 mlp" in front
    assert re.search(r"Layer 1 .*Layer 2 .*Layer 1, mlp .*Layer 2, mlp", front)


@pytest.fixture(scope="module")
def dominated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The pages of a run in which one thing dominates three lists of four, by their path in the site."""
    made = make_run(tmp_path_factory.mktemp("dominated") / "run", layers=1, units=4, k=20)
    of_document = {"unit": 2, "flags": "document token", "document": "<script>x</script>\x1b", "document_share": 0.9}
    less = {"unit": 0, "flags": "token", "concentration": 0.6, "token": "!"}
    rows = [{**DOMINATED, **less}, DOMINATED, {**DOMINATED, **of_document}, {**DOMINATED, "unit": 3, "flags": ""}]
    add_outliers(made.run, rows)
    build(made.run, MODEL, 20)
    site = made.run.report / MODEL
    return {str(path.relative_to(site)): Page(path) for path in site.rglob("*.html")}


def read(page: Page) -> str:
    return " ".join(" ".join(page.text).split())


def test_the_front_page_counts_the_lists_that_one_thing_dominates_and_leads_to_them(dominated: dict[str, Page]) -> None:
    front = dominated["index.html"]
    text = read(front)
    assert "Lists that one thing dominates 3 of 4 neurons" in text
    assert "Where one thing fills 60% or more" in text
    assert "one token (3) · one rare word (1) · one document (1)" in text
    named = {"groups/dominated-by-token.html", "groups/dominated-by-word.html", "groups/dominated-by-document.html"}
    assert {link for link in front.links if "dominated" in link} == named == {n for n in dominated if "dominated" in n}


def test_dominated_lists_come_with_what_dominates_them_the_most_dominated_first(dominated: dict[str, Page]) -> None:
    page = dominated["groups/dominated-by-token.html"]
    text = read(page)
    assert "Lists that one token dominates 3 neurons with a share of 60% or more" in text
    assert re.search(r"L1/U1 “\[CLS\]”, the first 61% .* L1/U2 .* L1/U0 “!”, the first 60%", text)
    assert "../neurons/hidden-L01-U0000p.html" in page.links


def test_a_neurons_page_says_what_dominates_its_list_or_that_nothing_does(dominated: dict[str, Page]) -> None:
    name = "neurons/hidden-L01-U000{}p.html"
    sentence = "One thing dominates its top sentences (told from 60% on): the strongest token holds 61% of"
    assert sentence in read(dominated[name.format(1)])
    free = read(dominated[name.format(3)])
    assert "One thing dominates" not in free
    assert "How good is this signature? No one thing dominates its first 20 sentences" in free
    assert free.count("No one thing dominates") == 1


def test_a_list_of_neurons_marks_those_that_one_thing_dominates(dominated: dict[str, Page]) -> None:
    page = dominated["groups/hidden-L01p.html"]
    assert page.links.count("dominated-by-token.html") == 3
    assert page.links.count("dominated-by-word.html") == 1


def test_names_of_documents_are_text_on_every_page(dominated: dict[str, Page]) -> None:
    page = dominated["groups/dominated-by-document.html"]
    source = page.path.read_text(encoding="utf-8")
    assert "“<script>x</script> ”" in "".join(page.text)
    assert "<script>x" not in source + dominated["neurons/hidden-L01-U0002p.html"].path.read_text(encoding="utf-8")
    assert "\x1b" not in source


def test_without_outliers_nothing_is_said_of_them_but_the_command(made: FactoryRun, pages: dict[Path, Page]) -> None:
    site = made.run.report / MODEL
    front = read(pages[site / "index.html"])
    assert "one thing dominates the top sentences ( neuronsig outliers" in front
    assert "Lists that one thing dominates" not in front
    assert not list((site / "groups").glob("dominated*"))
    assert "One thing dominates" not in read(pages[site / "neurons" / "hidden-L02-U0001p.html"])


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The pages of a run with 30 constant units beside four others: those of layer 2, and two of layer 1."""
    made = make_run(tmp_path_factory.mktemp("dead"), layers=1, units=4, sentences=80, k=10)
    constant = {Neuron("hidden", 2, unit): 0.0 for unit in range(28)}
    make_constant(made.run, constant | {Neuron("hidden", 1, unit): 1.25e-7 for unit in (4, 5)})
    assert build(made.run, MODEL, 10)["constant units"] == 30
    site = made.run.report / MODEL
    return {str(path.relative_to(site)): Page(path) for path in site.rglob("*.html")}


def test_constant_units_are_counted_and_named_and_have_a_page_that_says_so(dead: dict[str, Page]) -> None:
    front = dead["index.html"]
    assert "neurons 4 2 × 28, without 30 constant" in read(front)
    assert "Constant units 30 Their activation is the same for every sentence" in read(front)
    assert "L1/U4 · L1/U5 · L2/U0" in read(front)
    assert "L2/U21 · all of them" in read(front)
    assert sum("neurons/hidden-L02" in link for link in front.links) == 22
    own = read(dead["neurons/hidden-L01-U0005p.html"])
    assert "L1/U5 Layer 1 Constant: its activation is the same for every sentence (1.25e-07)" in own
    listed = dead["groups/constant.html"]
    assert "30 units have the same activation" in read(listed)
    assert sum("../neurons/hidden-L02" in link for link in listed.links) == 28
    layer = dead["groups/hidden-L01p.html"]
    assert "4 neurons" in read(layer)
    assert "2 constant , and not in the list: L1/U4 , L1/U5" in read(layer)


def test_every_link_to_and_from_a_constant_unit_leads_to_a_page(dead: dict[str, Page]) -> None:
    assert links_that_lead_to_a_file({page.path.resolve(): page for page in dead.values()}) > 100


def test_a_search_for_the_name_of_a_constant_unit_knows_its_page(dead: dict[str, Page]) -> None:
    data = (dead["index.html"].path.parent / "data" / "map.js").read_text(encoding="ascii")
    assert '"constant":{"hidden-L01p":[4,5],"hidden-L02p":[0,1,' in data


def test_without_constant_units_nothing_is_said_of_them(made: FactoryRun, pages: dict[Path, Page]) -> None:
    site = made.run.report / MODEL
    assert "onstant" not in read(pages[site / "index.html"]) + read(pages[site / "groups" / "hidden-L01p.html"])
    assert not (site / "groups" / "constant.html").exists()


def test_a_figure_named_for_a_metadata_field_says_so() -> None:
    assert caption_of("sentence_length_by_layer") == "The top sentences of each layer by their sentence length."


def test_a_change_of_what_is_said_of_a_neuron_is_a_change_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("neuronsig.report.build")
    before = module.inputs_fingerprint()
    assert {"reader.py", "summary.py", "entries.py"} <= {path.name for path in module.READING}
    for path in module.READING:
        monkeypatch.setattr(module, "READING", [other for other in module.READING if other != path])
        assert module.inputs_fingerprint() != before
        monkeypatch.undo()
