"""Neuron vectors, typical sentences, clusters and figures of one model (P1 4.1, 4.3).

Reads RUN/sentences (jobs.annotate), RUN/topk/<model> (jobs.collect) and RUN/profiles/<model> (jobs.mine). fastText
gives words vectors, sentences the mean of their words', neurons the mean of their top sentences'. Neurons are
clustered by faiss k-means, each site by itself, with as many clusters as layers, compared with the layers by the
Hungarian algorithm, and laid out by t-SNE. Each neuron's sentences (analysis.facet_sentences of them) are clustered
too: a neuron that answers to two things has two facets. Writes RUN/neurons/<model> (the profiles with typical
sentence, facets, vector, cluster and position) and RUN/analysis/<model> (clusters.json, layers_by_cluster.csv,
figures as .png and .svg).

Example:  neuronsig cluster run=runs/demo model=minilm
          neuronsig cluster run=runs/demo analysis.vectors=crawl-300d-2M-subword.bin overwrite=true
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.analysis.clusters import Agreement, agreement, check_clusters, contingency, ordered_by_layer
from neuronsig.analysis.word_vectors import TRAIN, check_vectors
from neuronsig.config import AnalysisConfig, Config
from neuronsig.errors import InputError
from neuronsig.figures.gallery import draw_all
from neuronsig.neuron import SITES, Neuron
from neuronsig.progress import show_table, task
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.files import list_files, remove
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import check_table, read_parquet, read_table, table_files
from neuronsig.storage.whole_files import atomic_write, is_whole, written_folder
from neuronsig.tables import FACETS, NEURONS, PROFILES, SENTENCES, TOPK
from neuronsig_jobs.launch import Summary, command
from neuronsig_jobs.stage import enter, inputs_of
from neuronsig_ray.cluster.embeddings import read_vectors, save_vectors, train
from neuronsig_ray.cluster.facet_tasks import FacetColumns, Settings, neuron_facets
from neuronsig_ray.cluster.kmeans import kmeans, tsne
from neuronsig_ray.cluster.vectors import TopLists, WordSource, neuron_vectors, read_top_lists, typical_sentences
from neuronsig_ray.session import ray_session


def run(config: Config) -> Summary:
    run, name = RunDirectory.existing(config.run), config.model.name
    inputs = inputs_of(config, "cluster")
    check_vectors(config.analysis)
    total = check_table(run.sentences, SENTENCES)
    check_table(run.topk(name), TOPK)
    check_table(run.profiles(name), PROFILES)
    words_plan = _words_plan(config.analysis, inputs["annotate"])
    chosen = ("clusters", "restarts", "perplexity", "facets", "facet_sentences", "facet_margin", "seed")
    plan = {"inputs": inputs, "words": words_plan, **{key: getattr(config.analysis, key) for key in chosen}}
    # The folder holds other jobs' results too.
    drawn = [file for file in list_files(run.analysis(name)) if "_by_" in file.stem or file.stem == "corpora"]
    outputs = [run.neurons(name), run.analysis(name) / "clusters.json", *drawn]
    with enter(config, "cluster", plan, outputs) as stage:
        if not stage.done:
            lists = read_top_lists(run.topk(name))
            by_site = Counter(neuron.site for neuron in lists.neurons)
            check_clusters(config.analysis.clusters, min(by_site.values()))
            profiles = _profiles_of(read_table(run.profiles(name), PROFILES), lists, run.profiles(name))
            words = _words(run, config.analysis, words_plan, total)
            stage.counts.update(_cluster(config, run, words, lists, profiles))
    figures = sum(file.suffix == ".png" for file in list_files(run.analysis(name)))
    return {
        "table": str(run.neurons(name)),
        "figures": f"{figures} in {run.analysis(name)}",
        "stage, seconds": stage.seconds,
        **stage.counts,
    }


def _words_plan(config: AnalysisConfig, sentences: str) -> dict[str, Any]:
    """All that determines the word vectors: how they are trained and on what, or which file they are."""
    if config.vectors == TRAIN:
        keys = ("dimension", "epochs", "max_train_sentences", "min_count", "buckets", "seed")
        return {"train": sentences, **{key: getattr(config, key) for key in keys}}
    path = Path(config.vectors)
    return {"file": path.name, "bytes": path.stat().st_size, "ends": _ends_of(path)}


def _ends_of(path: Path, size: int = 1 << 20) -> str:
    """Fingerprint of a file's first and last MiB: pretrained files have gigabytes."""
    with open(path, "rb") as stream:
        head = stream.read(size)
        stream.seek(max(0, path.stat().st_size - size))
        return hashlib.sha256(head + stream.read(size)).hexdigest()[:16]


def _words(run: RunDirectory, config: AnalysisConfig, plan: dict[str, Any], total: int) -> WordSource:
    """Train or read the word vectors once; every model of the run shares them."""
    folder = run.work("words", fingerprint_of(plan))
    trained = config.vectors == TRAIN
    if not is_whole(folder):
        if trained:
            with task("training word vectors", total * (config.epochs + 1), "sentences") as t:
                vectors = train(table_files(run.sentences), total, config, t.advance)
        else:
            run.require_space(2 * Path(config.vectors).stat().st_size)
            with task(f"reading {config.vectors}", 1, "file") as t:
                vectors = read_vectors(config)
                t.advance()
        with written_folder(folder) as path:
            save_vectors(vectors, path)
    return WordSource(absolute(folder), lower=trained)


def _cluster(
    config: Config, run: RunDirectory, words: WordSource, lists: TopLists, profiles: pa.Table
) -> dict[str, Any]:
    name, analysis = config.model.name, config.analysis
    files = table_files(run.sentences)
    with ray_session(config.ray):
        with task("neuron vectors", len(files), "files") as t:
            sums = neuron_vectors(files, lists, words, t.advance)
        _require_all_sentences(sums.seen, lists, run)
        means = sums.means()  # (neurons, d) float64
        with task("typical sentences", len(files), "files") as t:
            typical = typical_sentences(files, lists, means, words, t.advance)
        facets = _facets(config, run, words, lists)
    vectors = means.astype(np.float32)
    sites = np.array([neuron.site for neuron in lists.neurons])
    layers = np.array([neuron.layer for neuron in lists.neurons])
    clusters, places = np.empty(len(layers), np.int32), np.empty((len(layers), 2), np.float32)
    found: dict[str, Agreement] = {}
    present, first = [site for site in SITES if site in sites], 0
    with task("clusters and t-SNE", 2 * len(present), "steps") as t:
        # Each site by itself, so that its clusters are those of a run that collected no other.
        for site in present:
            own = np.flatnonzero(sites == site)
            k = analysis.clusters or len(np.unique(layers[own]))
            labels = kmeans(vectors[own], k, analysis.restarts, analysis.seed)
            clusters[own] = first + ordered_by_layer(labels, layers[own])
            first += k
            t.advance()
            places[own] = tsne(vectors[own], analysis.perplexity, analysis.seed)
            found[site] = agreement(clusters[own], layers[own], analysis.seed)
            t.advance()
    columns = {
        "typical_sentence_id": pa.array(typical.sentence_ids(), pa.int64()),
        "facets": pa.array(facets.facets, FACETS),
        "silhouette": pa.array(facets.silhouette, pa.float64()),
        "vector": _lists(vectors),
        "cluster": pa.array(clusters),
        "tsne": _lists(places),
    }
    neurons = profiles
    for column, values in columns.items():
        neurons = neurons.append_column(column, values)
    neurons = neurons.cast(NEURONS)
    with written_folder(run.neurons(name)) as path:
        pq.write_table(neurons, path / "part-00000.parquet", compression="zstd")
    counts: dict[str, Any] = {
        "neurons": len(lists.neurons),
        "silhouette of random sentences, at most": round(facets.by_chance, 3),
        "sentences in a list": sums.sentences,
        "sentences without a vector": sums.without_vector,
        "neurons without a vector": int((sums.counts == 0).sum()),
        "neurons by number of facets": {str(n): count for n, count in sorted(Counter(map(len, facets.facets)).items())},
        "clusters": first,
    }
    for site, agreed in found.items():
        of = "" if site == "hidden" else f"{site}: "
        counts[f"{of}accuracy"] = round(agreed.accuracy, 4)
        counts[f"{of}accuracy by chance"] = round(agreed.chance_mean, 4)
        counts[f"{of}accuracy by chance, 95th percentile"] = round(agreed.chance_high, 4)
    corpora = run.analysis("corpora.parquet")
    folder = run.analysis(name)
    _write_clusters(folder, clusters, sites, layers, found)
    table = read_parquet(corpora) if corpora.exists() else None
    with task("figures", None, "figures") as t:
        draw_all(neurons, found, table, name, folder, t.advance)
    return counts


def _facets(config: Config, run: RunDirectory, words: WordSource, lists: TopLists) -> FacetColumns:
    """What each neuron's sentences fall into; the sentences' vectors are kept on the disk meanwhile."""
    files = table_files(run.sentences)
    folder = run.work("facets", config.model.name)
    remove(folder)
    reading = task("vectors of the sentences that facets are looked for in", len(files), "files")
    with reading as read, task("facets", len(lists.neurons), "neurons") as t:
        total = check_table(run.sentences, SENTENCES)
        settings = Settings.of(config.analysis)
        found = neuron_facets(files, total, lists, words, folder, settings, read.advance, t.advance)
    remove(folder)
    return found


def _profiles_of(profiles: pa.Table, lists: TopLists, directory: Path) -> pa.Table:
    """The profiles in the order of the lists' neurons; raises InputError for a neuron without one."""
    key = [profiles[column].to_pylist() for column in ("site", "layer", "unit", "sign")]
    place = {Neuron(*values): row for row, values in enumerate(zip(*key, strict=True))}
    missing = [neuron for neuron in lists.neurons if neuron not in place]
    if missing:
        raise InputError(
            f"{directory} has no profile of {len(missing)} of {len(lists.neurons)} neurons, the first is {missing[0]}; "
            "delete it and run neuronsig mine again"
        )
    return profiles.take([place[neuron] for neuron in lists.neurons])


def _require_all_sentences(seen: np.ndarray, lists: TopLists, run: RunDirectory) -> None:
    expected = np.bincount(lists.membership.neurons, minlength=len(lists.neurons))
    lacking = np.flatnonzero(seen < expected)
    if len(lacking):
        row = int(lacking[0])
        raise InputError(
            f"{run.sentences} lacks sentences of {len(lacking)} neurons' lists: {lists.neurons[row]} has "
            f"{expected[row]}, {seen[row]} are there; "
            "delete it and run neuronsig annotate again"
        )


def _lists(rows: np.ndarray) -> pa.Array:
    """A float32 matrix as an Arrow list column."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).ravel())
    offsets = pa.array(np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, flat)


def _write_clusters(
    folder: Path, clusters: np.ndarray, sites: np.ndarray, layers: np.ndarray, found: dict[str, Agreement]
) -> None:
    """clusters.json and layers_by_cluster.csv, and the same table on the terminal."""
    every = [int(layer) for layer in np.unique(layers)]
    header: list[str] = ["cluster", "site", *(f"L{layer}" for layer in every), "neurons", "matched_layer"]
    record: dict[str, Any] = {}
    rows: list[list[object]] = []
    for site, agreed in found.items():
        own = sites == site
        table, names, columns = contingency(clusters[own], layers[own])
        sizes = {"neurons": int(own.sum()), "clusters": names, "layers": columns, "table": table.tolist()}
        record[site] = {**dataclasses.asdict(agreed), **sizes}
        for cluster, row in zip(names, table, strict=True):
            counted = dict(zip(columns, row, strict=True))
            matched = f"L{agreed.matching[cluster]}" if cluster in agreed.matching else ""
            rows.append([str(cluster), site, *(int(counted.get(x, 0)) for x in every), int(row.sum()), matched])
    atomic_write(folder / "clusters.json", json.dumps(record, indent=1).encode())
    lines = [",".join(map(str, row)) for row in [list[object](header), *rows]]
    atomic_write(folder / "layers_by_cluster.csv", ("\n".join(lines) + "\n").encode())
    show_table("Neurons by cluster and layer", header, rows)


main = command("cluster", run)
