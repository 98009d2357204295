"""The front page: the run at a glance (what was run, on what, for how long, what was dropped, figures), and neurons.

The neurons shown are the most striking of every kind, and honestly some that are not.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuronsig.constant_units import count_units
from neuronsig.neuron import SITE_NAMES, SITES, Neuron
from neuronsig.report.site_data import Line
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import leaves
from neuronsig.run.stages import in_order
from neuronsig.signature.freshness import by_results, required_stages
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.wording import corpus_text
from neuronsig.storage.files import list_files, read_bytes

CAPTIONS = {
    "tsne_by_layer": "Neurons by the mean vector of their top sentences (t-SNE), coloured by layer; P1 Figure 2.",
    "clusters_by_layer": "How the clusters of neurons and the layers go together; P1 4.3.",
    "selectivity_by_layer": "How each layer's neurons rank by their selectivity for a part of speech; P1 Figure 3.",
    "sentiment_by_layer": "How each layer's neurons rank by their deviation of sentiment; P1 Figure 4.",
    "length_by_layer": "Mean length of the top sentences, neuron by neuron; P2 Figure 2.",
    "domain_by_layer": "Which domains the top sentences of each layer come from.",
    "evaluation": "How well signatures tell unseen sentences that activate their neuron, by layer.",
    "stability": "Agreement of signatures of two halves of the corpus, by the sentences they are made from.",
    "convergence": "New entries of the top lists while the corpus was read, by layer; P1 Figure 1.",
    "corpora": "The corpora: sentences, mean length, parts of speech; P1 Table 1.",
}
DRAWN_FROM = {"evaluation": ("evaluate",), "stability": ("stability",), "corpora": ("corpus_table", "cluster")}
"""Figures that are not drawn from neuronsig cluster's results alone, and the jobs whose results they show."""
SVG_BYTES = 400_000
SECTIONS = (
    ("words", "Words and topics", "A few words make up much of their sentences and little of the corpus."),
    ("metadata", "Domains and sources", "Their sentences come from one kind of text."),
    ("tags", "Parts of speech", "A part of speech is far more, or less, frequent than in the corpus."),
    ("length", "Length", "Their sentences are far shorter, or longer, than the corpus's."),
)
CONSTANT = 24
"""Constant neurons that are named; a page of their own names all."""
FEATURED = 12
"""Neurons that are featured; a quarter as many are shown in which little stands out."""


def overview(run: RunDirectory, reader: SignatureReader, site: Path) -> dict[str, Any]:
    """Variables of templates/index.html that tell of the run; copies the figures into `site/figures`."""
    entries = run.record()["stages"]
    stages = _stages(entries, reader)
    collect = entries.get(f"collect/{reader.model}", {})
    mined = sum(bool(row["mined"]) for row in reader.profiles.values())
    return {
        "stages": stages,
        "seconds": sum(stage["seconds"] for stage in stages),
        "reasons": [(stage["name"], *row) for stage in stages for row in stage["reasons"]],
        "corpora": reader.corpora,
        "corpus": corpus_text(reader.match),
        "n_sentences": reader.total.get("sentences"),
        "n_neurons": len(reader.neurons),
        "constant": list(reader.constant)[:CONSTANT],
        "n_constant": count_units(reader.constant),
        "n_constant_neurons": len(reader.constant),
        "shapes": list(_shapes([*reader.neurons, *reader.constant])),
        "signs": sorted({neuron.sign for neuron in reader.neurons}, reverse=True),
        "n_mined": mined,
        "k": max(row["n_sentences"] for row in reader.profiles.values()),
        "plan": dict(leaves(collect.get("plan", {}))),
        "versions": collect.get("versions", {}) | entries.get("annotate", {}).get("versions", {}),
        "missing": by_results(reader.missing),
        "left_out": by_results(reader.left_out),
        "earlier": reader.earlier,
        "figures": copy_figures(run, reader, site),
    }


def copy_figures(run: RunDirectory, reader: SignatureReader, site: Path) -> list[dict[str, str]]:
    """The pictures of `analysis/<model>/` and `analysis/`, one a name; an SVG unless it is large and a PNG is there.

    Those whose job's results are left out are left out with them.
    """
    chosen: dict[str, Path] = {}
    for directory in (run.analysis(reader.model), run.analysis()):
        for path in list_files(directory):
            if path.suffix not in (".png", ".svg") or not reader.made >= _drawn_from(path.stem):
                continue
            held = chosen.get(path.stem)
            small_svg = path.suffix == ".svg" and path.stat().st_size <= SVG_BYTES
            if held is None or (held.parent == path.parent and small_svg):
                chosen[path.stem] = path
    figures = []
    for stem, path in sorted(chosen.items()):
        (site / "figures").mkdir(exist_ok=True)
        (site / "figures" / path.name).write_bytes(read_bytes(path))
        figures.append({"file": f"figures/{path.name}", "caption": caption_of(stem)})
    return figures


def _drawn_from(name: str) -> frozenset[str]:
    """The jobs after mining whose results a figure shows; none for that of the collection, which is always current."""
    return frozenset(DRAWN_FROM.get(name, ("cluster",) if name.endswith("_by_layer") else ()))


def caption_of(name: str) -> str:
    """What a figure shows, by its name in neuronsig.figures.gallery; there a metadata field may give the name."""
    if name in CAPTIONS:
        return CAPTIONS[name]
    site, _, rest = name.partition("_")
    if site in SITES and rest:
        return f"{SITE_NAMES[site].capitalize()}: {caption_of(rest)}"
    words = name.removesuffix("_by_layer").replace("_", " ")
    return f"The top sentences of each layer by their {words}." if name.endswith("_by_layer") else f"{words}."


def _shapes(neurons: Sequence[Neuron]) -> Iterator[str]:
    """`6 × 384`, or `6 × 384 hidden` and `6 × 1,536 mlp` where several sites were collected: layers × units."""
    present = [site for site in SITES if any(neuron.site == site for neuron in neurons)]
    for site in present:
        own = {(neuron.layer, neuron.unit) for neuron in neurons if neuron.site == site}
        layers, units = {layer for layer, _ in own}, max(unit for _, unit in own) + 1
        yield f"{len(layers)} × {units:,}" + (f" {site}" if len(present) > 1 else "")


def _stages(entries: Mapping[str, Mapping[str, Any]], reader: SignatureReader) -> list[dict[str, Any]]:
    """The stages whose results are shown, and those that they were made from, with what each counted and dropped."""
    names = {*required_stages(reader.model), *reader.current}
    names |= {source for name in tuple(names) for source in entries[name]["plan"].get("inputs", {})}
    found = []
    for name in in_order(names):
        entry = entries[name]
        counts = entry.get("counts", {})
        groups = [(key, value) for key, value in counts.items() if isinstance(value, Mapping)]
        plain = [(key, value) for key, value in counts.items() if not isinstance(value, Mapping)]
        found.append(
            {
                "name": name,
                "seconds": float(entry.get("seconds", 0.0)),
                "counts": plain,
                "reasons": [(key, reason, n) for key, group in groups for reason, n in leaves(group) if n],
            }
        )
    return found


def choose_featured(lines: Sequence[Line], n: int) -> list[tuple[tuple[str, str, str], list[Line]]]:
    """(section, its neurons), at most `n` neurons, the strongest of each kind in turn.

    A neuron whose leading word or value is already shown counts half, then a third, so that sections show
    different findings; layers break ties from the last to the first.
    """
    chosen: dict[str, list[Line]] = {kind: [] for kind, _, _ in SECTIONS}
    left = {kind: [line for line in lines if line.description.kind == kind] for kind in chosen}
    shown: Counter[str] = Counter()
    while sum(map(len, chosen.values())) < n and any(left.values()):
        for kind, candidates in left.items():
            if candidates and sum(map(len, chosen.values())) < n:
                best = max(candidates, key=lambda line: (_worth(line, shown), line.neuron))
                candidates.remove(best)
                chosen[kind].append(best)
                shown.update(best.leads)
    return [(section, chosen[section[0]]) for section in SECTIONS if chosen[section[0]]]


def _worth(line: Line, shown: Counter[str]) -> float:
    return line.description.strength / (1 + max(shown[lead] for lead in line.leads))


def choose_silent(lines: Sequence[Line], n: int) -> list[Line]:
    """Neurons in which nothing stands out, spread evenly over the layers."""
    silent = [line for line in lines if line.description.kind == "none"]
    if len(silent) <= n:
        return silent
    return [silent[(2 * i + 1) * len(silent) // (2 * n)] for i in range(n)]
