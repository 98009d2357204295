"""Facets carried by Ray equal those found in one piece, however the files are cut."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gensim.models.keyedvectors import KeyedVectors

pytest.importorskip("ray", reason="ray is not installed")

from neuronsig.analysis.vectors import Membership, NeuronLists
from neuronsig.analysis.word_vectors import WordSource, save_vectors
from neuronsig.errors import MachineError
from neuronsig.neuron import Neuron
from neuronsig.tables import SENTENCES
from neuronsig_ray.cluster import facet_tasks as carrier
from neuronsig_ray.cluster.facet_tasks import FacetColumns, neuron_facets, sampled

pytestmark = pytest.mark.usefixtures("local_ray")
TOPICS = {"sea": ["ship", "wave", "harbour", "sail"], "food": ["bread", "soup", "oven", "spoon"], "all": ["the", "of"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table, np.ndarray]:
    """3,000 sentences, a tenth of them of two topics, and words whose vectors tell the topics."""
    folder, rng = tmp_path_factory.mktemp("facets"), np.random.default_rng(0)
    words = KeyedVectors(12)
    for name, members in TOPICS.items():
        centre = rng.normal(size=12) if name != "all" else np.full(12, 2.0)
        words.add_vectors(members, (centre + rng.normal(size=(len(members), 12)) * 0.1).astype(np.float32))
    words.add_vectors([f"w{i}" for i in range(60)], rng.normal(size=(60, 12)).astype(np.float32))
    save_vectors(words, folder / "words")
    of = rng.integers(0, 20, 3000)
    tokens = []
    for topic in of:
        # Topics from the third on are no topics: words of all kinds.
        own = [TOPICS["sea"], TOPICS["food"]][topic] if topic < 2 else [f"w{i}" for i in range(60)]
        said = rng.choice(own, 3).tolist() + rng.choice([f"w{i}" for i in range(60)], 2).tolist()
        tokens.append([word.capitalize() for word in said] + ["the", "of", "nowhere"])
    rows = [
        {"sentence_id": i, "domain": "d", "position": i, "tokens": words, "pos": ["NN"] * len(words), "metadata": []}
        for i, words in enumerate(tokens)
    ]
    return folder, pa.Table.from_pylist(rows, schema=SENTENCES), of


def lists_of(of: np.ndarray) -> NeuronLists:
    """Unit 0 answers to sea and food, unit 1 to food; unit 2 has two sentences."""
    own = [np.flatnonzero(of < 2), np.flatnonzero(of == 1), np.array([3, 4])]
    rows = np.repeat(np.arange(3, dtype=np.int32), [len(ids) for ids in own])
    neurons = [Neuron("hidden", 1, unit) for unit in range(3)]
    return NeuronLists(neurons, Membership.of(np.concatenate(own), rows, 3), max(map(len, own)))


def found(world: tuple[Path, pa.Table, np.ndarray], place: Path, cuts: list[int], block: int = 24) -> FacetColumns:
    folder, table, of = world
    place.mkdir()
    for number, (first, last) in enumerate(pairwise([0, *cuts, len(table)])):
        pq.write_table(table.slice(first, last - first), place / f"part-{number:02d}.parquet")
    files = sorted(place.iterdir())
    carrier.BLOCK_NEURONS, carrier.SENTENCES = block, 200
    words = WordSource(str(folder / "words"), True)
    counted = [0, 0]

    def count(which: int, n: int) -> None:
        counted[which] += n

    result = neuron_facets(
        files, 3000, lists_of(of), words, place / "facets", 4, 0,
        lambda n: count(0, n), lambda n: count(1, n),
    )  # fmt: skip
    assert counted == [len(files), 3]
    return result


def test_the_neuron_of_two_topics_says_so_with_their_words(
    world: tuple[Path, pa.Table, np.ndarray], tmp_path: Path
) -> None:
    result = found(world, tmp_path / "one", [])
    two, one, few = result.facets
    said = [{row["word"] for row in facet["words"]} for facet in two]
    assert sorted(said, key=min) == [{*TOPICS["food"]}, {*TOPICS["sea"]}]
    for facet, words in zip(two, said, strict=True):  # some of its words, and no other facet's
        first = facet["told"][0]
        assert set(re.findall("“(.*?)”", first["statement"])) <= words
        assert first["share"] > 0.8
        assert first["others"] < 0.1
    assert one[0]["told"] == few[0]["told"] == []
    assert sum(facet["sentences"] for facet in two) == 200
    assert sum(facet["share"] for facet in two) == pytest.approx(1)
    assert len(one) == len(few) == 1
    assert result.silhouette[2] is None
    assert 0 < result.by_chance < min(result.silhouette[0], 0.5)  # type: ignore[type-var]
    of = world[2]
    assert {int(of[facet["typical_sentence_id"]]) for facet in two} == {0, 1}


def test_cuts_and_blocks_change_nothing(world: tuple[Path, pa.Table, np.ndarray], tmp_path: Path) -> None:
    whole = found(world, tmp_path / "whole", [])
    assert found(world, tmp_path / "cut", [100, 101, 1650], block=1) == whole
    assert found(world, tmp_path / "again", []) == whole


def test_sentences_that_a_task_cannot_read_are_told_in_one_line(
    world: tuple[Path, pa.Table, np.ndarray], tmp_path: Path
) -> None:
    folder, _, of = world
    words, gone = WordSource(str(folder / "words"), True), [tmp_path / "gone.parquet"]
    with pytest.raises(MachineError, match="a file of the run cannot be read or written") as caught:
        neuron_facets(gone, 3000, lists_of(of), words, tmp_path / "facets", 4, 0)
    assert "\n" not in str(caught.value)


def test_the_sample_is_the_same_for_all_lists_and_spread_over_the_ids() -> None:
    ids = np.tile(np.arange(1000), 2)
    lists = NeuronLists([], Membership.of(ids, np.repeat(np.array([0, 1], np.int32), 1000), 2), 1000)
    kept = sampled(lists, 100)
    first, second = (kept.sentence_ids[kept.neurons == neuron] for neuron in (0, 1))
    assert len(first) == 100
    assert np.array_equal(first, second)
    assert 350 < first.mean() < 650
    assert np.array_equal(sampled(lists, 5000).sentence_ids, lists.membership.sentence_ids)
