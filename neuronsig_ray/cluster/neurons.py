"""From the top lists of a model to the table of NEURONS: vectors, typical sentences, facets, clusters and places."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from neuronsig.analysis.clusters import Agreement, agreement, kmeans, ordered_by_layer, tsne
from neuronsig.analysis.vectors import (
    NO_SENTENCE,
    Doubles,
    Membership,
    NeuronLists,
    NeuronSums,
    TypicalSentences,
    sentence_block,
    unit_vectors,
)
from neuronsig.analysis.word_vectors import WordSource, opened_words
from neuronsig.config import AnalysisConfig
from neuronsig.errors import InputError
from neuronsig.neuron import NEURON_COLUMNS, SITES, Neuron
from neuronsig.progress import Done, task, uncounted
from neuronsig.readers import token_batches
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import check_table, id_bounds, table_files
from neuronsig.tables import FACETS, NEURONS, SENTENCES
from neuronsig_ray.cluster.facet_tasks import FacetColumns, neuron_facets
from neuronsig_ray.tasks import ended_tasks


def cluster_neurons(
    run: RunDirectory, model: str, analysis: AnalysisConfig, words: WordSource, lists: NeuronLists, profiles: pa.Table
) -> tuple[pa.Table, dict[str, Agreement], dict[str, Any]]:
    """The table of NEURONS, how far each site's clusters agree with its layers, and what was counted; on Ray.

    `profiles` has a row for each neuron of the lists, in their order.
    """
    files = table_files(run.sentences)
    with task("neuron vectors", len(files), "files") as t:
        sums = neuron_vectors(files, lists, words, t.advance)
    _require_all_sentences(sums.seen, lists, run)
    means = sums.means()  # (neurons, d) float64
    with task("typical sentences", len(files), "files") as t:
        typical = typical_sentences(files, lists, means, words, t.advance)
    facets = _facets(run, model, analysis, words, lists)
    vectors = means.astype(np.float32)
    clusters, places, found, number = _clusters_by_site(analysis, lists, vectors)
    columns = {
        "typical_sentence_id": pa.array(typical.sentence_ids(), pa.int64()),
        "facets": pa.array(facets.facets, FACETS),
        "silhouette": pa.array(facets.silhouette, pa.float64()),
        "vector": pa.array(list(vectors), pa.list_(pa.float32())),
        "cluster": pa.array(clusters),
        "tsne": pa.array(list(places), pa.list_(pa.float32())),
    }
    neurons = profiles
    for column, values in columns.items():
        neurons = neurons.append_column(column, values)
    by_facets = Counter(map(len, facets.facets))
    counts: dict[str, Any] = {
        "neurons": len(lists.neurons),
        "silhouette of random sentences, at most": round(facets.by_chance, 3),
        "sentences in a list": sums.sentences,
        "sentences without a vector": sums.without_vector,
        "neurons without a vector": int((sums.counts == 0).sum()),
        "neurons by number of facets": {str(n): count for n, count in sorted(by_facets.items())},
        "clusters": number,
    }
    for site, agreed in found.items():
        of = "" if site == "hidden" else f"{site}: "
        counts[f"{of}accuracy"] = round(agreed.accuracy, 4)
        counts[f"{of}accuracy by chance"] = round(agreed.chance_mean, 4)
        counts[f"{of}accuracy by chance, 95th percentile"] = round(agreed.chance_high, 4)
    return neurons.cast(NEURONS), found, counts


def _clusters_by_site(
    analysis: AnalysisConfig, lists: NeuronLists, vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, Agreement], int]:
    """Cluster (neurons,) int32 and place (neurons, 2) float32 of every neuron, agreement with the layers, clusters.

    Each site by itself, so that its clusters are those of a run that collected no other.
    """
    sites = np.array([neuron.site for neuron in lists.neurons])
    layers = np.array([neuron.layer for neuron in lists.neurons])
    clusters, places = np.empty(len(layers), np.int32), np.empty((len(layers), 2), np.float32)
    found: dict[str, Agreement] = {}
    present, first = [site for site in SITES if site in sites], 0
    with task("clusters and t-SNE", 2 * len(present), "steps") as t:
        for site in present:
            own = np.flatnonzero(sites == site)
            k = analysis.clusters or len(np.unique(layers[own]))
            labels = kmeans(vectors[own], k, analysis.seed)
            clusters[own] = first + ordered_by_layer(labels, layers[own])
            first += k
            t.advance()
            places[own] = tsne(vectors[own], analysis.perplexity, analysis.seed)
            found[site] = agreement(clusters[own], layers[own], analysis.seed)
            t.advance()
    return clusters, places, found, first


def _facets(
    run: RunDirectory, model: str, analysis: AnalysisConfig, words: WordSource, lists: NeuronLists
) -> FacetColumns:
    """What each neuron's sentences fall into; the sentences' vectors are kept on the disk meanwhile."""
    files = table_files(run.sentences)
    folder = run.work("facets", model)
    remove(folder)
    reading = task("vectors of the sentences that facets are looked for in", len(files), "files")
    with reading as read, task("facets", len(lists.neurons), "neurons") as t:
        total = check_table(run.sentences, SENTENCES)
        wanted = (analysis.facets, analysis.seed)
        found = neuron_facets(files, total, lists, words, folder, *wanted, read.advance, t.advance)
    remove(folder)
    return found


def profiles_of(profiles: pa.Table, lists: NeuronLists, directory: Path) -> pa.Table:
    """The profiles in the order of the lists' neurons; raises InputError for a neuron without one."""
    place = {Neuron.of_row(key): row for row, key in enumerate(profiles.select(NEURON_COLUMNS).to_pylist())}
    missing = [neuron for neuron in lists.neurons if neuron not in place]
    if missing:
        raise InputError(
            f"{directory} has no profile of {len(missing)} of {len(lists.neurons)} neurons, the first is {missing[0]}; "
            "delete it and run neuronsig mine again"
        )
    return profiles.take([place[neuron] for neuron in lists.neurons])


def _require_all_sentences(seen: np.ndarray, lists: NeuronLists, run: RunDirectory) -> None:
    expected = np.bincount(lists.membership.neurons, minlength=len(lists.neurons))
    lacking = np.flatnonzero(seen < expected)
    if len(lacking):
        row = int(lacking[0])
        raise InputError(
            f"{run.sentences} lacks sentences of {len(lacking)} neurons' lists: {lists.neurons[row]} has "
            f"{expected[row]}, {seen[row]} are there; "
            "delete it and run neuronsig annotate again"
        )


def neuron_vectors(files: Sequence[Path], lists: NeuronLists, words: WordSource, done: Done = uncounted) -> NeuronSums:
    """First pass: the sums whose `means()` are the neuron vectors. `done` counts files."""
    vectors = opened_words(words)
    empty = partial(NeuronSums, len(lists.neurons), vectors.dimension, lists.k, vectors.largest)
    return _over_files(files, lists, words, empty, (), done)


def typical_sentences(
    files: Sequence[Path], lists: NeuronLists, means: Doubles, words: WordSource, done: Done = uncounted
) -> TypicalSentences:
    """Second pass: for each neuron the sentence of its list that is nearest to its mean. `done` counts files."""
    directions = ray.put(unit_vectors(means))
    return _over_files(files, lists, words, partial(TypicalSentences, len(lists.neurons)), (directions,), done)


def _over_files(
    files: Sequence[Path], lists: NeuronLists, words: WordSource, empty: partial[Any], more: tuple[Any, ...], done: Done
) -> Any:
    """What `empty` makes, with all listed sentences added by a task for each file that has some.

    `done` counts all files; `more` is what adding takes beside a block and its membership.
    """

    def calls() -> Iterator[tuple[Any, ...]]:
        for file, bounds in zip(files, id_bounds(files), strict=True):
            piece = lists.membership.between(*(bounds or (NO_SENTENCE, -1)))
            if len(piece.neurons):
                yield (absolute(file), piece, words, empty, *more)
            else:
                done(1)

    total = empty()
    for _, part in ended_tasks(_of_file, calls()):
        total.merge(part)
        done(1)
    return total


def _of_file(file: str, membership: Membership, words: WordSource, empty: partial[Any], *more: Any) -> Any:
    found, vectors = empty(), opened_words(words)
    for batch in token_batches(file):
        block = sentence_block(batch["sentence_id"].to_numpy(), batch["tokens"], membership, vectors)
        found.add(block, membership, *more)
    return found
