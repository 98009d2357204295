"""Neuron vectors, typical sentences, clusters and figures of one model (P1 4.1, 4.3).

Reads RUN/sentences (from annotate), RUN/topk/<model> (from collect) and RUN/profiles/<model> (from mine). fastText
gives words vectors, sentences the mean of their words', neurons the mean of their top sentences'. Neurons are
clustered by faiss k-means, each site by itself, with as many clusters as layers, compared with the layers by the
Hungarian algorithm, and laid out by t-SNE. Each neuron's sentences (2,000 of them at most) are clustered too: a neuron
that answers to two things has two facets. Writes RUN/neurons/<model> (the profiles with typical sentence, facets,
vector, cluster and position) and RUN/analysis/<model> (clusters.json, layers_by_cluster.csv, figures as .png and .svg).

Example:  neuronsig cluster run=runs/demo model=minilm
          neuronsig cluster run=runs/demo analysis.vectors=crawl-300d-2M-subword.bin overwrite=true
"""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.analysis.clusters import RESTARTS, Agreement, check_clusters, layers_by_cluster
from neuronsig.analysis.vectors import neuron_lists
from neuronsig.analysis.word_vectors import check_vectors, word_source, words_plan
from neuronsig.config import Config
from neuronsig.constant_units import left_out
from neuronsig.figures.gallery import figures
from neuronsig.figures.style import save
from neuronsig.progress import show_table, task
from neuronsig.run.directory import RunDirectory
from neuronsig.statements.groups import TOLD
from neuronsig.storage.files import list_files
from neuronsig.storage.parquet import check_table, read_parquet, read_table
from neuronsig.storage.whole_files import atomic_write, written_folder
from neuronsig.tables import PROFILES, SENTENCES, TOPK
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter, inputs_of
from neuronsig_ray.cluster import facet_tasks
from neuronsig_ray.cluster.neurons import cluster_neurons, profiles_of
from neuronsig_ray.preflight import ready_session

PLANNED = ("clusters", "perplexity", "facets", "seed")
FIXED = {
    "restarts": RESTARTS,
    "facet_sentences": facet_tasks.SENTENCES,
    "facet_margin": facet_tasks.MARGIN,
    "facet_statements": TOLD,
}
"""What determines the table and is no setting."""


def run(config: Config) -> Summary:
    """Make `neurons/<model>/`, and tables and figures of its clusters, unless they are there."""
    directory, name, analysis = RunDirectory.existing(config.run), config.model.name, config.analysis
    inputs = inputs_of(config, "cluster")
    check_vectors(analysis)
    total = check_table(directory.sentences, SENTENCES)
    check_table(directory.topk(name), TOPK)
    check_table(directory.profiles(name), PROFILES)
    words = words_plan(analysis, inputs["annotate"])
    plan = {"inputs": inputs, "words": words, **FIXED, **{key: getattr(analysis, key) for key in PLANNED}}
    folder = directory.analysis(name)
    # The folder holds other jobs' results too.
    drawn = [file for file in list_files(folder) if "_by_" in file.stem or file.stem == "corpora"]
    with enter(config, "cluster", plan, [directory.neurons(name), folder / "clusters.json", *drawn]) as stage:
        if not stage.done:
            lists = neuron_lists(directory.topk(name))
            check_clusters(analysis.clusters, min(Counter(neuron.site for neuron in lists.neurons).values()))
            profiles = profiles_of(read_table(directory.profiles(name), PROFILES), lists, directory.profiles(name))
            source = word_source(directory, analysis, words, total)
            with ready_session(config):
                neurons, found, counts = cluster_neurons(directory, name, analysis, source, lists, profiles)
            stage.counts.update(left_out(directory.topk(name)) | counts)
            with written_folder(directory.neurons(name)) as path:
                pq.write_table(neurons, path / "part-00000.parquet", compression="zstd")
            _tell(directory, name, neurons, found)
    pictures = sum(file.suffix == ".png" for file in list_files(folder))
    return {
        "table": str(directory.neurons(name)),
        "figures": f"{pictures} in {folder}",
        "stage, seconds": stage.seconds,
        **stage.counts,
    }


def _tell(directory: RunDirectory, name: str, neurons: pa.Table, found: dict[str, Agreement]) -> None:
    """clusters.json, layers_by_cluster.csv, the same table on the terminal, and the figures."""
    folder, corpora = directory.analysis(name), directory.analysis("corpora.parquet")
    record, header, rows = layers_by_cluster(neurons, found)
    atomic_write(folder / "clusters.json", json.dumps(record, indent=1).encode())
    lines = [",".join(map(str, row)) for row in [list[object](header), *rows]]
    atomic_write(folder / "layers_by_cluster.csv", ("\n".join(lines) + "\n").encode())
    show_table("Neurons by cluster and layer", header, rows)
    table = read_parquet(corpora) if corpora.exists() else None
    with task("figures", None, "figures") as t:
        for figure_name, figure in figures(neurons, found, table, name):
            save(figure, folder, figure_name)
            t.advance()
