"""The passes over sentence files by Ray equal one block in one process, however the files are cut."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gensim.models.keyedvectors import KeyedVectors

from neuronsig.analysis.vectors import NeuronSums, TypicalSentences, neuron_lists, sentence_block, unit_vectors
from neuronsig.analysis.word_vectors import WordSource, opened_words, save_vectors
from neuronsig.errors import MachineError
from neuronsig.neuron import Neuron
from neuronsig.tables import TOPK
from neuronsig_ray.cluster.neurons import neuron_vectors, typical_sentences

NEURONS = [Neuron("hidden", layer, unit, sign) for layer in (1, 2) for unit in (0, 1, 2) for sign in (1, -1)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """400 sentences, 12 neurons with 30 sentences each in two files of a topk table, vectors of 50 words."""
    folder, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    words = KeyedVectors(6)
    words.add_vectors([f"w{i}" for i in range(50)], rng.normal(size=(50, 6)).astype(np.float32))
    save_vectors(words, folder / "words")
    tokens = [[f"w{i}" for i in rng.integers(0, 55, rng.integers(1, 9))] for _ in range(400)]
    table = pa.table({"sentence_id": np.arange(400), "tokens": tokens})
    for layer in (1, 2):
        rows = [
            {
                "site": n.site,
                "layer": n.layer,
                "unit": n.unit,
                "sign": n.sign,
                "rank": r,
                "score": 0.0,
                "sentence_id": i,
            }
            for n in NEURONS
            if n.layer == layer
            for r, i in enumerate(rng.choice(400, 30, replace=False).tolist())
        ]
        (folder / "topk").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=TOPK), folder / "topk" / f"layer-{layer}.parquet")
    return folder, table


def write(table, folder, cuts):
    folder.mkdir()
    edges = [0, *cuts, len(table)]
    for number, (first, last) in enumerate(pairwise(edges)):
        pq.write_table(table.slice(first, last - first), folder / f"part-{number:02d}.parquet")
    return sorted(folder.iterdir())


def test_top_lists_hold_every_neuron_in_order_with_its_sentences(world):
    folder, _ = world
    lists = neuron_lists(folder / "topk")
    assert lists.neurons == sorted(NEURONS)
    assert lists.k == 30
    rows = pq.read_table(folder / "topk" / "layer-2.parquet").to_pylist()
    expected = sorted(r["sentence_id"] for r in rows if (r["unit"], r["sign"]) == (1, -1))
    mine = lists.membership.neurons == lists.neurons.index(Neuron("hidden", 2, 1, -1))
    assert sorted(lists.membership.sentence_ids[mine].tolist()) == expected


@pytest.mark.parametrize("cuts", [[], [13, 200, 399]], ids=["one file", "four files"])
def test_tasks_over_files_equal_one_block_to_the_bit(world, local_ray, tmp_path, cuts):
    folder, table = world
    lists = neuron_lists(folder / "topk")
    words = opened_words(WordSource(str(folder / "words"), lower=False))
    block = sentence_block(np.arange(400), table["tokens"].combine_chunks(), lists.membership, words)
    sums = NeuronSums(len(lists.neurons), 6, lists.k, words.largest)
    sums.add(block, lists.membership)
    nearest = TypicalSentences(len(lists.neurons))
    nearest.add(block, lists.membership, unit_vectors(sums.means()))

    files, source = write(table, tmp_path / "sentences", cuts), WordSource(str(folder / "words"), lower=False)
    counted = []
    found = neuron_vectors(files, lists, source, counted.append)
    typical = typical_sentences(files, lists, found.means(), source)
    assert found.means().tobytes() == sums.means().tobytes()
    assert (found.sentences, found.without_vector) == (sums.sentences, sums.without_vector)
    assert found.seen.tolist() == [30] * 12
    assert typical.sentence_ids() == nearest.sentence_ids()
    assert sum(counted) == len(files)


def test_words_that_a_task_cannot_read_are_told_in_one_line(world, local_ray, tmp_path):
    folder, table = world
    lists = neuron_lists(folder / "topk")
    files, means = write(table, tmp_path / "sentences", []), np.ones((len(lists.neurons), 6))
    with pytest.raises(MachineError, match="a file of the run cannot be read or written") as caught:
        typical_sentences(files, lists, means, WordSource(str(tmp_path / "gone"), lower=False))
    assert "\n" not in str(caught.value)
