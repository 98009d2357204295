"""All figures of one model, from its neurons table, under their names in analysis/<model>."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from neuronsig.analysis.clusters import Agreement
from neuronsig.analysis.rankings import field_counts, field_names, sentiment_sd
from neuronsig.figures.clusters import clusters_by_layer, tsne_by_layer
from neuronsig.figures.corpora import TOTAL, corpora_overview, shares_by_layer
from neuronsig.figures.layers import length_map, ranking_by_layer
from neuronsig.neuron import SITES

MOST_VALUES = 24


def figures(
    neurons: pa.Table, found: Mapping[str, Agreement], corpora: pa.Table | None, model: str
) -> list[tuple[str, Figure]]:
    """Name and figure of all that the data allow: sentiment and domains only where the text has them.

    `neurons` is the NEURONS table, `found` is by site.
    Every site has figures of its own, as if it had been collected alone: layer 4's hidden states and feed-forward
    activations are other neurons. Names begin with the site, but for hidden states.
    """
    drawn = []
    for site in SITES:
        own = neurons.filter(pc.equal(neurons["site"], site))
        if own.num_rows:
            prefix = "" if site == "hidden" else f"{site}_"
            drawn += [(prefix + name, figure) for name, figure in _of_site(own, found[site], corpora, model, site)]
    if corpora is not None and corpora.num_rows:
        drawn.append(("corpora", corpora_overview(corpora, f"neuronsig · text of the run that {model} read")))
    return drawn


def _of_site(
    neurons: pa.Table, found: Agreement, corpora: pa.Table | None, model: str, site: str
) -> list[tuple[str, Figure]]:
    """The figures of one site's neurons, without the site in their names."""
    layers = neurons["layer"].to_numpy()
    places = np.array(neurons["tsne"].to_pylist(), dtype=np.float32).reshape(-1, 2)
    top = int(np.max(neurons["n_sentences"].to_numpy()))
    kind = "" if site == "hidden" else f"{site} "
    source = f"neuronsig · {model} · {len(layers):,} {kind}neurons · up to {top:,} top sentences a neuron"
    drawn = [
        ("tsne_by_layer", tsne_by_layer(places, layers, source)),
        ("clusters_by_layer", clusters_by_layer(neurons["cluster"].to_numpy(), layers, found, source)),
        (
            "selectivity_by_layer",
            ranking_by_layer(
                neurons["selectivity"].to_numpy().astype(np.float64),
                layers,
                "Selectivity for a part of speech, by layer",
                "Greatest share of nouns, verbs or adjectives relative to the corpus (P1 4.3)",
                source,
            ),
        ),
        ("length_by_layer", _length_map(neurons, source)),
    ]
    profiles = neurons["metadata_profile"]
    if "sentiment" in field_names(profiles):
        deviations = sentiment_sd(field_counts(profiles, "sentiment"))
        title = "Selectivity for a sentiment, by layer"
        measure = "Standard deviation of the shares of positive and negative sentences (P1 4.3)"
        drawn.append(("sentiment_by_layer", ranking_by_layer(deviations, layers, title, measure, source)))
    field = composition_field(profiles)
    if field is not None:
        corpus = _corpus_shares(corpora) if field == "domain" else {}
        shares = shares_by_layer(field_counts(profiles, field), layers, field, corpus, source)
        drawn.append((f"{field}_by_layer".replace("/", "_"), shares))
    return drawn


def composition_field(profiles: pa.ChunkedArray) -> str | None:
    """The field whose shares are drawn: domain if the text has several, else the first with a few values."""
    for field in field_names(profiles):
        values = {value for counts in field_counts(profiles, field) for value in counts}
        if 2 <= len(values) <= MOST_VALUES and field != "sentiment":
            return field
    return None


def _length_map(neurons: pa.Table, source: str) -> Figure:
    """The map of one sign: the highest activations where they were collected."""
    signs = neurons["sign"].to_numpy()
    inside = signs == signs.max()
    columns = [neurons[name].to_numpy()[inside] for name in ("length_mean", "layer", "unit")]
    return length_map(columns[0].astype(np.float64), columns[1], columns[2], source)


def _corpus_shares(corpora: pa.Table | None) -> dict[str, float]:
    """Sentences by domain over the whole text; empty when the corpus table is not there."""
    rows = corpora.to_pylist() if corpora is not None else []
    return {row["domain"]: float(row["sentences"]) for row in rows if row["domain"] != TOTAL}
