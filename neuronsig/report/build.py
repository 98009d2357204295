"""Builds the site of one model: neuron pages layer by layer, then the pages that need all of them."""

import shutil
from collections import defaultdict
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from neuronsig import __version__
from neuronsig.constant_units import count_units
from neuronsig.neuron import Neuron
from neuronsig.progress import task
from neuronsig.report.front_page import FEATURED, choose_featured, choose_silent, overview
from neuronsig.report.pages import dominated_pages, neuron_context
from neuronsig.report.render import environment
from neuronsig.report.site_data import Line, SearchIndex, group_title, kinds_by_layer, write_labels, write_map
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import fingerprint_files
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.summary import Description, describe
from neuronsig.signature.wording import constant_text
from neuronsig.storage.files import files_below
from neuronsig.storage.whole_files import atomic_write, written_folder

PACKAGE = Path(__file__).resolve().parent
READING = (
    *sorted((PACKAGE.parent / "signature").glob("*.py")),
    PACKAGE.parent / "collection" / "dominance.py",
    PACKAGE.parent / "constant_units.py",
)
"""Modules beside the report's own that decide what a page says."""


def inputs_fingerprint() -> str:
    """Fingerprint of the templates and the code that fill them, so that a newer version is built anew."""
    files = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".html", ".css", ".js")]
    return fingerprint_files([*files, *READING])


def build(run: RunDirectory, model: str, sentences: int) -> dict[str, int]:
    """Write `report/<model>/` and `report/index.html`, with so many top sentences a neuron; returns counts.

    The old site stays whole until the new one is; on a store, where nothing is renamed, until the new one's pages are
    uploaded.

    Memory grows with neurons x sentences shown, not with the corpus or K. Raises InputError when the model's
    tables are not there or not of one run.
    """
    reader = SignatureReader(run, model, sentences, "report")
    with written_folder(run.report / model) as site:
        (site / "neurons").mkdir()
        shutil.copytree(PACKAGE / "assets", site / "assets", ignore=shutil.ignore_patterns("__pycache__"))
        builder = _Builder(reader, site)
        builder.neuron_pages()
        builder.group_pages()
        builder.dominated_pages()
        builder.constant_pages()
        builder.front_page(run)
        counts = {
            "neuron pages": len(builder.lines),
            "constant units": count_units(reader.constant),
            "neurons in which nothing stands out": sum(line.description.kind == "none" for line in builder.lines),
            "largest neuron page, bytes": max(path.stat().st_size for path in (site / "neurons").iterdir()),
            "site, bytes": sum(path.stat().st_size for path in files_below(site)),
        }
    write_index(run)
    return counts


def write_index(run: RunDirectory) -> None:
    """`report/index.html`: leads to the one model's site, or lists the sites of all models."""
    folders = [folder for folder in run.report.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    models = sorted(folder.name for folder in folders if (folder / "index.html").is_file())
    page = environment().get_template("models.html").render(models=models, version=__version__)
    atomic_write(run.report / "index.html", page.encode())


class _Builder:
    """The site under construction: `lines` is one entry a neuron, in the reader's order."""

    def __init__(self, reader: SignatureReader, site: Path) -> None:
        self.reader, self.site = reader, site
        self.environment = environment()
        self.common: dict[str, Any] = {"model": reader.model, "version": __version__}
        self.lines: list[Line] = []
        self.dominated: list[dict[str, Any]] = []
        self.order = {neuron: index for index, neuron in enumerate(reader.neurons)}

    def neuron_pages(self) -> None:
        """One page a neuron; descriptions of all come first, because pages show those of their neighbours."""
        self.reader.prefetch()
        index = SearchIndex()
        described: dict[Neuron, Description] = {}
        groups = [list(group) for _, group in groupby(self.reader.neurons, key=lambda n: (n.site, n.layer, n.sign))]
        with task("describing neurons", len(self.reader.neurons), "neurons") as progress:
            for group in groups:
                for view in self.reader.views(group, with_sentences=False):
                    described[view.neuron] = description = describe(view)
                    self.lines.append(Line(view, description))
                    index.add(self.order[view.neuron], view, description)
                    progress.advance()
        index.write(self.site / "data")
        write_labels(self.site / "data", self.lines)
        write_map(self.site / "data", self.lines, self.reader.constant)
        template = self.environment.get_template("neuron.html")
        with task("writing pages", len(self.reader.neurons), "pages") as progress:
            for view in (view for group in groups for view in self.reader.views(group)):
                context = neuron_context(view, described, self.reader)
                self._write(f"neurons/{view.neuron.slug}.html", template, context)
                progress.advance()

    def group_pages(self) -> None:
        """One page a layer and one a cluster: a line for each of its neurons."""
        template = self.environment.get_template("group.html")
        layers, clusters = defaultdict[str, list[Line]](list), defaultdict[int, list[Line]](list)
        for line in self.lines:
            layers[line.neuron.layer_slug].append(line)
            if line.cluster is not None:
                clusters[line.cluster].append(line)
        for slug, lines in layers.items():
            constant = [neuron for neuron in self.reader.constant if neuron.layer_slug == slug]
            context = {"title": group_title(lines[0].neuron), "lines": lines, "is_cluster": False, "constant": constant}
            self._write(f"groups/{slug}.html", template, context)
        for cluster, lines in clusters.items():
            context = {"title": f"Cluster {cluster}", "lines": lines, "is_cluster": True, "constant": []}
            self._write(f"groups/cluster-{cluster}.html", template, context)

    def dominated_pages(self) -> None:
        """One page a thing that dominates lists, where neuronsig outliers has looked for them."""
        template = self.environment.get_template("dominated.html")
        self.dominated = dominated_pages(self.lines)
        for page in self.dominated:
            self._write(f"groups/{page['slug']}.html", template, {"page": page})

    def constant_pages(self) -> None:
        """One page a constant neuron, which says no more than that, and one that lists them."""
        template = self.environment.get_template("constant.html")
        for neuron, activation in self.reader.constant.items():
            context = {"neuron": neuron, "title": group_title(neuron), "said": constant_text(activation)}
            self._write(f"neurons/{neuron.slug}.html", template, context)
        if self.reader.constant:
            context = {"constant": self.reader.constant, "n_constant": count_units(self.reader.constant)}
            self._write("groups/constant.html", self.environment.get_template("constant_list.html"), context)

    def front_page(self, run: RunDirectory) -> None:
        """The run at a glance, featured neurons, figures, and what was dropped."""
        featured = choose_featured(self.lines, FEATURED)
        silent = choose_silent(self.lines, FEATURED // 4)
        wanted = [line.neuron for _, lines in featured for line in lines] + [line.neuron for line in silent]
        cards = {view.neuron: view for view in self.reader.views(wanted)} if wanted else {}
        context = {
            **overview(run, self.reader, self.site),
            "featured": featured,
            "silent": silent,
            "cards": cards,
            "kinds": kinds_by_layer(self.lines),
            "dominance": next(iter(self.reader.results.dominance.values()), None),
            "dominated": self.dominated,
            "n_dominated": sum(line.dominance is not None for line in self.lines),
            "clusters": {c: len(n) for c, n in sorted(self.reader.clusters.items())},
        }
        self._write("index.html", self.environment.get_template("index.html"), context)
        self._write("search.html", self.environment.get_template("search.html"), {})

    def _write(self, name: str, template: jinja2.Template, context: Mapping[str, Any]) -> None:
        path = self.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * name.count("/")
        path.write_text(template.render(root=root, **self.common, **context), encoding="utf-8", newline="\n")
