"""Counts of all patterns in the corpus against brute force, in chunks that are counted once, and what is gathered."""

from collections import Counter

import numpy as np
import pytest

from neuronsig.config import MiningConfig
from neuronsig.kinds import kind_of, pattern_kinds
from neuronsig.mining.kinds import limits_of
from neuronsig.mining.pattern_rows import EVERY
from spark_jobs.mining import judged
from spark_jobs.mining.batches import PATTERNS
from spark_jobs.mining.judged import chunks_of, count_reference, gather
from spark_jobs.shared import share
from spark_jobs.tables import spark_schema
from tests.neuronsig.miners.encoded import STRATA, dictionary_of, held_by, items_of, random_rows

KINDS = [kind.name for kind in pattern_kinds()]
MANY = ["pos_sequence", "itemset"]
"""Kinds whose patterns take several chunks of 25."""
MINING = MiningConfig(subtree_max_nodes=3, pos_max_length=3)
ENCODED = "sentence_id bigint, words binary, items binary, tags binary, heads binary, stratum smallint"


def encoded_table(spark, rows):
    """Encoded sentences, in the order given, in three partitions."""

    def cell(values, dtype):
        return bytearray(np.array(values, dtype).tobytes())

    data = []
    for i, row in enumerate(rows):
        words, items, tags = cell(row["words"], "<i4"), cell(items_of(row), "<i4"), cell(row["tags"], "u1")
        data.append((i, words, items, tags, cell(row["heads"], "<i2"), row["stratum"]))
    return spark.createDataFrame(data, ENCODED).repartition(3)


def patterns_table(spark, found):
    """Rows of PATTERNS; found: (neuron, kind, items, counts by stratum)."""
    data = []
    for neuron, kind, items, counts in found:
        cells = [bytearray(np.array(values, "<i4").tobytes()) for values in (items, counts)]
        data.append((neuron, kind, cells[0], int(sum(counts)), cells[1], False))
    return spark.createDataFrame(data, spark_schema(PATTERNS))


@pytest.fixture(scope="module")
def corpus(spark):
    """Counts in 200 sentences by (kind, pattern), their encoded table, and by kind patterns that the first 40 hold."""
    rows = random_rows(5, n=200)
    rng = np.random.default_rng(0)
    counts, wanted = {}, {}
    for kind in KINDS:
        held = [held_by(kind, row, limits_of(kind_of(kind), MINING)) for row in rows]
        every = sorted(set().union(*held[:40]))
        n = min(50 if kind in MANY else 20, len(every))
        wanted[kind] = [every[i] for i in sorted(rng.choice(len(every), n, replace=False))]
        for pattern in wanted[kind]:
            there = [row["stratum"] for row, of in zip(rows, held, strict=True) if pattern in of]
            counts[kind, pattern] = np.bincount(there, minlength=STRATA).tolist()
    return counts, encoded_table(spark, rows).cache(), wanted


def read_counted(counted):
    return {
        (row["kind"], tuple(np.frombuffer(row["items"], "<i4").tolist())): np.frombuffer(row["corpus"], "<i4").tolist()
        for row in counted.collect()
    }


def test_every_pattern_of_any_neuron_is_counted_exactly_and_once(spark, tmp_path, monkeypatch, corpus):
    """In chunks of a kind: one where its patterns fit, several where they do not."""
    monkeypatch.setattr(judged, "CHUNK_CELLS", 25 * STRATA)
    counts, encoded, wanted = corpus
    none = [0] * STRATA
    found = [(neuron, kind, p, none) for neuron in (1, 2) for kind in KINDS for p in wanted[kind][neuron - 1 :]]
    found.append((1, EVERY, (), none))
    counted, distinct = count_reference(
        patterns_table(spark, found), encoded, share(dictionary_of(), tmp_path), MINING, tmp_path / "judged"
    )
    assert read_counted(counted) == counts
    assert distinct == {kind: sum(len(p) > 1 for p in wanted[kind]) for kind in KINDS}
    chunks = list(chunks_of(tmp_path / "judged" / "candidates", 25))
    assert max(chunk.patterns for chunk in chunks) <= 25
    of_kind = Counter(chunk.kind for chunk in chunks)
    assert of_kind.keys() == set(KINDS)
    assert all((of_kind[kind] > 1) == (kind in MANY) for kind in KINDS)


def test_chunks_that_are_counted_are_not_counted_again(spark, tmp_path, monkeypatch, corpus):
    monkeypatch.setattr(judged, "CHUNK_CELLS", 40)
    counts, encoded, wanted = corpus
    found = patterns_table(spark, [(1, "pos_sequence", p, [0] * STRATA) for p in wanted["pos_sequence"]])
    calls = []

    def killed(chunk, *arguments):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(chunk.name)
        real(chunk, *arguments)

    real = judged.count_chunk
    monkeypatch.setattr(judged, "count_chunk", killed)
    with pytest.raises(KeyboardInterrupt):
        count_reference(found, encoded, share(dictionary_of(), tmp_path), MINING, tmp_path / "judged")
    first = calls.copy()
    calls.clear()
    monkeypatch.setattr(judged, "count_chunk", lambda chunk, *rest: (calls.append(chunk.name), real(chunk, *rest)))
    counted, _ = count_reference(found, encoded, share(dictionary_of(), tmp_path), MINING, tmp_path / "judged")
    assert len(first) == 2
    assert calls
    assert not set(calls) & set(first)
    assert read_counted(counted) == {("pos_sequence", p): counts["pos_sequence", p] for p in wanted["pos_sequence"]}


def test_a_pattern_that_no_sentence_holds_is_counted_as_none(spark, tmp_path, corpus):
    _, encoded, _ = corpus
    found = patterns_table(spark, [(1, "word_sequence", (5, 5, 5, 5, 5), [0] * STRATA)])
    counted, _ = count_reference(found, encoded, share(dictionary_of(), tmp_path), MINING, tmp_path / "judged")
    assert read_counted(counted) == {("word_sequence", (5, 5, 5, 5, 5)): [0] * STRATA}


def test_no_pattern_is_no_error(spark, tmp_path, corpus):
    found = patterns_table(spark, [(1, EVERY, (), [1] * STRATA)])
    assert count_reference(found, corpus[1], share(dictionary_of(), tmp_path), MINING, tmp_path / "judged") == (
        None,
        {},
    )


def test_patterns_of_a_neuron_are_gathered_in_lexicographic_order_with_their_counts(spark, tmp_path):
    patterns = [(2, 1), (0,), (2,), (0, 3), (1, 0, 0), (258, 1)]
    found = [(7, "word_sequence", p, [i, 1, 2, 3]) for i, p in enumerate(patterns)]
    found += [(7, EVERY, (), [9, 9, 9, 9]), (8, EVERY, (), [5, 0, 0, 0]), (8, "itemset", (2, 4), [1, 0, 0, 0])]
    found += [(8, EVERY, (0,), [2, 0, 0, 0]), (8, "subtree", (1, 5), [1, 0, 0, 0])]
    rows = patterns_table(spark, found)
    data = [(kind, bytearray(np.array(p, "<i4").tobytes()), bytearray(np.array([i, 50, 50, 50], "<i4").tobytes()))
            for i, (_, kind, p, _) in enumerate(found) if kind]  # fmt: skip
    counted = spark.createDataFrame(data, judged.COUNTED)
    gathered = {(r["neuron"], r["kind"]): r for r in gather(rows, counted, 2).collect()}
    assert set(gathered) == {(7, "word_sequence"), (8, "itemset"), (8, "subtree")}
    of_eight = {kind: np.frombuffer(gathered[8, kind]["n1"], "<i4").tolist() for kind in ("itemset", "subtree")}
    assert of_eight == {"itemset": [5, 0, 0, 0], "subtree": [2, 0, 0, 0]}
    cells = gathered[7, "word_sequence"]
    row = {name: np.frombuffer(cells[name], "<i4") for name in ("items", "lengths", "f1", "corpus", "n1")}
    found = [tuple(part.tolist()) for part in np.split(row["items"], np.cumsum(row["lengths"])[:-1])]
    assert found == sorted(patterns)
    order = [patterns.index(p) for p in found]
    assert row["f1"].reshape(-1, STRATA)[:, 0].tolist() == order
    assert row["corpus"].reshape(-1, STRATA).tolist() == [[i, 50, 50, 50] for i in order]
    assert row["n1"].tolist() == [9] * 4
