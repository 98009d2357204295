"""Figures are drawn for ordinary, tiny and degenerate data; what they show is read back from the artists."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from neuronsig.analysis.clusters import agreement
from neuronsig.figures.clusters import clusters_by_layer, tsne_by_layer
from neuronsig.figures.corpora import corpora_overview, shares_by_layer
from neuronsig.figures.gallery import composition_field, figures
from neuronsig.figures.layers import length_map, ranking_by_layer
from neuronsig.figures.style import save
from neuronsig.report.front_page import CAPTIONS, caption_of
from neuronsig.tables import NEURONS

pytestmark = pytest.mark.usefixtures("coarse_figures")

DRAWN_BY_OTHER_JOBS = {"convergence", "evaluation", "stability"}

CORPORA = pa.table(
    {
        "domain": ["book", "news", "total"],
        "sentences": [30, 10, 40],
        "length_mean": [12.0, 20.0, 14.0],
        "noun_share": [0.2, 0.4, 0.25],
        "verb_share": [0.2, 0.1, 0.18],
        "adj_share": [0.05, 0.06, 0.05],
    }
)


def neurons(layers, units, fields=("domain", "sentiment"), site="hidden"):
    rng = np.random.default_rng(0)
    rows = []
    for layer in range(1, layers + 1):
        for unit in range(units):
            profile = {"domain": {"book": 12, "news": layer}, "sentiment": {"positive": 10 + unit, "negative": 10}}
            number = {f.name: 0 for f in NEURONS if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)}
            rows.append(
                number
                | {
                    "site": site,
                    "layer": layer,
                    "unit": unit,
                    "sign": 1,
                    "n_sentences": 20,
                    "length_mean": float(rng.uniform(4, 30)),
                    "selectivity": float(rng.uniform(1, 3)),
                    "metadata_profile": [(k, list(v.items())) for k, v in profile.items() if k in fields],
                    "mined": False,
                    "vector": [0.0, 1.0],
                    "cluster": unit % layers,
                    "tsne": [float(x) for x in rng.normal(size=2)],
                }
            )
    return pa.Table.from_pylist(rows, schema=NEURONS)


def draw_all(table, found, corpora, model, folder):
    drawn = figures(table, found, corpora, model)
    for name, figure in drawn:
        save(figure, folder, name)
    return [name for name, _ in drawn]


def found(table):
    found = {}
    for site in set(table["site"].to_pylist()):
        own = table.filter(pc.equal(table["site"], site))
        found[site] = agreement(own["cluster"].to_numpy(), own["layer"].to_numpy(), seed=0, rounds=5)
    return found


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """The figures of three layers of eight units."""
    folder = tmp_path_factory.mktemp("hidden")
    table = neurons(3, 8)
    draw_all(table, found(table), CORPORA, "minilm", folder)
    return folder


@pytest.mark.parametrize(("layers", "units"), [(1, 1), (1, 5), (30, 2)])
def test_every_figure_is_written_as_png_and_svg(tmp_path, layers, units):
    table = neurons(layers, units)
    names = draw_all(table, found(table), CORPORA, "minilm", tmp_path)
    assert set(names) == {
        "tsne_by_layer",
        "clusters_by_layer",
        "selectivity_by_layer",
        "length_by_layer",
        "sentiment_by_layer",
        "domain_by_layer",
        "corpora",
    }
    assert set(names) == set(CAPTIONS) - DRAWN_BY_OTHER_JOBS
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{n}{s}" for n in names for s in (".png", ".svg"))
    assert all(path.stat().st_size > 2000 for path in tmp_path.iterdir())


def test_without_metadata_and_corpora_their_figures_are_left_out(tmp_path):
    table = neurons(2, 4, fields=())
    names = draw_all(table, found(table), None, "minilm", tmp_path)
    assert set(names) == {"tsne_by_layer", "clusters_by_layer", "selectivity_by_layer", "length_by_layer"}


def test_each_site_has_figures_of_its_own_that_do_not_change_with_the_others(hidden, tmp_path):
    mlp = neurons(3, 13, site="mlp")
    both = pa.concat_tables([mlp, neurons(3, 8)])
    names = draw_all(both, found(both), CORPORA, "minilm", tmp_path / "both")
    of_site = set(CAPTIONS) - {"corpora"} - DRAWN_BY_OTHER_JOBS
    assert set(names) == {*of_site, "corpora", *(f"mlp_{name}" for name in of_site)}
    draw_all(mlp, found(mlp), CORPORA, "minilm", tmp_path / "mlp")
    for name in of_site:
        assert (tmp_path / "both" / f"{name}.svg").read_bytes() == (hidden / f"{name}.svg").read_bytes()
        alone = (tmp_path / "mlp" / f"mlp_{name}.svg").read_bytes()
        assert (tmp_path / "both" / f"mlp_{name}.svg").read_bytes() == alone
        assert b"39 mlp neurons" in alone
        assert caption_of(f"mlp_{name}") == f"Feed-forward activations (mlp): {CAPTIONS[name]}"


def test_the_same_data_give_the_same_bytes(hidden, tmp_path):
    table = neurons(3, 8)
    draw_all(table, found(table), CORPORA, "minilm", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in hidden.iterdir()}
    for path in hidden.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_boxes_show_the_ranks_of_each_layer_and_the_most_selective_is_on_top():
    values = np.array([1.0, 2.0, 3.0, 10.0, 11.0, 12.0])
    figure = ranking_by_layer(values, np.array([1, 1, 1, 2, 2, 2]), "title", "measure", "source")
    axes = figure.axes[0]
    medians = [line.get_ydata()[0] for line in axes.lines if line.get_linewidth() > 2]
    assert medians == [5, 2]
    low, high = axes.get_ylim()
    assert low > high


def test_neurons_without_a_value_are_left_out_and_said():
    values = np.array([1.0, np.nan, 3.0])
    figure = ranking_by_layer(values, np.array([1, 1, 2]), "title", "measure", "source")
    assert any("2 neurons; 1 left out" in text.get_text() for text in figure.texts)


def test_a_ranking_of_nothing_says_so():
    figure = ranking_by_layer(np.full(3, np.nan), np.array([1, 1, 2]), "title", "measure", "source")
    assert any("no neuron" in text.get_text() for text in figure.axes[0].texts)


def test_the_length_map_keeps_the_first_layers_order_in_every_row():
    lengths, layers, units = np.array([9.0, 3.0, 6.0, 1.0, 2.0, 3.0]), np.repeat([1, 2], 3), np.tile([0, 1, 2], 2)
    figure = length_map(lengths, layers, units, "source")
    assert figure.axes[0].images[0].get_array().tolist() == [[3, 6, 9], [2, 3, 1]]


def test_the_cluster_map_shows_the_counts_and_frames_the_matching():
    clusters, layers = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 2, 2, 2])
    axes = clusters_by_layer(clusters, layers, agreement(clusters, layers, 0, 5), "source").axes[0]
    assert [text.get_text() for text in axes.texts] == ["2", "1", "·", "2"]
    assert [(round(p.get_x()), round(p.get_y())) for p in axes.patches] == [(0, 0), (1, 1)]


def test_layers_have_their_own_colour_in_the_map_of_neurons():
    places = np.arange(8, dtype=np.float32).reshape(4, 2)
    axes = tsne_by_layer(places, np.array([1, 1, 5, 9]), "source").axes[0]
    assert len(np.unique(axes.collections[0].get_facecolors(), axis=0)) == 3


def test_shares_are_means_over_neurons_and_add_up_to_one():
    counts = [{"book": 3, "news": 1}, {"book": 100, "news": 100}, {"news": 5}]
    axes = shares_by_layer(counts, np.array([1, 1, 2]), "domain", {"book": 30.0, "news": 10.0}, "source").axes[0]
    heights = {(round(p.get_x() + p.get_width() / 2, 3), round(p.get_height(), 3)) for p in axes.patches}
    assert heights == {(-1.5, 0.75), (-1.5, 0.25), (0, 0.625), (0, 0.375), (1, 0), (1, 1)}


def test_the_corpora_figure_leaves_the_total_out():
    figure = corpora_overview(CORPORA, "source")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["book", "news"]
    assert any("40 sentences of 2 domains" in text.get_text() for text in figure.texts)


def test_a_text_of_one_domain_is_shown_by_another_field():
    rows = [[("domain", [("docs", 5)]), ("kind", [("readme", 3), ("licence", 2)])]]
    column = pa.chunked_array([pa.array(rows, NEURONS.field("metadata_profile").type)])
    assert composition_field(column) == "kind"


@pytest.mark.parametrize(("layers", "units"), [(1, 1), (6, 170)])
def test_no_title_or_note_leaves_its_figure(layers, units):
    table = neurons(layers, units)
    column = table.schema.get_field_index("metadata_profile")
    few = [[("domain", [("book", 1), ("news", 1)]), ("sentiment", [("positive", 1)])]] * (table.num_rows // 2)
    profiles = table["metadata_profile"].to_pylist()[len(few) :] + few
    table = table.set_column(column, NEURONS.field("metadata_profile"), pa.array(profiles, NEURONS.field(column).type))
    for name, figure in figures(table, found(table), CORPORA, "a-model-with-a-rather-long-name"):
        figure.draw_without_rendering()
        for text in figure.texts:
            assert text.get_window_extent().x1 <= figure.bbox.x1, (name, text.get_text())
