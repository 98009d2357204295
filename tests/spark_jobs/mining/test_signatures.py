"""The whole of mining on real engines: planted neurons found, profiles equal to brute force, bad input, resume."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from neuronsig.config import MiningConfig
from neuronsig.errors import ConfigError, InputError
from neuronsig.holdout import is_held_out
from neuronsig.kinds import pattern_kinds
from neuronsig.storage.parquet import read_table
from neuronsig.tables import PROFILES, SIGNATURES, TOPK
from spark_jobs.mining.batches import mine_grouped
from spark_jobs.mining.signatures import MiningPaths, mine_model
from tests.spark_jobs.mining.small_run import MODEL, random_sentences, sentence, write, write_run

WORDS_ONLY = {"kinds": ["word_sequence"], "holdout": 0.0}
FILLER = ["table", "river", "stone", "cloud", "paper", "window", "garden", "letter", "silver", "engine"]
FILLER_TAGS = ["NN", "NN", "NN", "VBD", "VBD", "IN", "IN", "JJ", "DT", "DT"]


def paths_of(run):
    return MiningPaths(
        run.sentences,
        run.topk(MODEL),
        run.work("encoded"),
        run.work("mine"),
        run.signatures(MODEL),
        run.profiles(MODEL),
    )


def signature(run, unit, kind):
    rows = read_table(run.signatures(MODEL), SIGNATURES).to_pylist()
    return [row for row in rows if row["unit"] == unit and row["kind"] == kind]


@pytest.fixture(scope="module")
def planted(spark, tmp_path_factory):
    """Units 0 to 4 respond to: a word; a bigram with a gap; a tag sequence; an author; nothing. 60 sentences each."""
    rng = random.Random(5)
    rows = []
    for i in range(1500):
        n = rng.randint(5, 9)
        words, tags = rng.choices(FILLER, k=n), rng.choices(FILLER_TAGS, k=n)
        kind = i % 25
        if kind == 0:
            words[rng.randrange(n)] = "Olympic"
        if kind == 1:
            words[0], words[rng.randint(2, n - 1)] = "not", "but"
        if kind == 2:  # the parts alone are as frequent elsewhere: only their order is new
            words[0] = "but"
        if kind == 3:
            words[1] = "not"
        if kind in (4, 5):
            tags[1], tags[n - 1] = ("UH", "MD") if kind == 4 else ("MD", "UH")
        author = "Melville" if kind == 6 else rng.choice(["Austen", "Dickens", "Wells"])
        rows.append(sentence(i, " ".join(words), " ".join(tags), author=author))
    top = {(1, unit): [i for i in range(1500) if i % 25 == kind] for unit, kind in enumerate((0, 1, 4, 6))}
    top[1, 4] = rng.sample(range(1500), 60)
    run = write_run(tmp_path_factory.mktemp("planted") / "12:30 [1]{x}*", rows, top)
    free = {"pos_max_gap": -1, "pos_max_length": 3, "pos_min_support": 0.2, "word_min_support": 0.1}
    mining = MiningConfig(min_count=5, holdout=0.0, **free)
    counts = mine_model(spark, paths_of(run), mining)
    return run, counts


def test_a_planted_word_is_first(planted):
    first = signature(planted[0], 0, "words")[0]
    assert (first["pattern"], first["rank"]) == (["olympic"], 0)
    assert (first["f1"], first["n1"], first["f2"], first["n2"]) == (60, 60, 0, 1440)


def test_a_planted_bigram_with_a_gap_is_first(planted):
    first = signature(planted[0], 1, "word_sequence")[0]
    assert (first["pattern"], first["rank"], first["f1"], first["f2"]) == (["not", "but"], 0, 60, 0)


def test_a_planted_tag_sequence_is_first_and_not_its_reverse(planted):
    first = signature(planted[0], 2, "pos_sequence")[0]
    assert first["pattern"] == ["UH", "MD"] or set(first["pattern"]) > {"UH", "MD"}
    pairs = [row["pattern"] for row in signature(planted[0], 2, "pos_sequence") if row["f1"] == 60]
    assert ["UH", "MD"] in pairs
    assert ["MD", "UH"] not in pairs
    assert first["lrc"] == pytest.approx(max(row["lrc"] for row in signature(planted[0], 2, "pos_sequence")))


def test_a_planted_author_is_first(planted):
    first = signature(planted[0], 3, "metadata")[0]
    assert (first["pattern"], first["rank"], first["f1"], first["f2"]) == (["author", "Melville"], 0, 60, 0)
    assert [i for i in signature(planted[0], 3, "itemset")[0]["pattern"] if "author" in i] == ["author=Melville"]


def test_leading_items_name_what_was_planted_and_chance_has_none(planted):
    rows = read_table(planted[0].profiles(MODEL), PROFILES).to_pylist()
    leads = {row["unit"]: row["lead_item"] for row in rows}
    assert (leads[0], leads[3], leads[4]) == ("word=olympic", "author=Melville", "")
    assert leads[1] in ("word=not", "word=but")
    assert leads[2] in ("pos=UH", "pos=MD")
    assert all(row["lrc"] == 0 for kind in ("words", "word_sequence") for row in signature(planted[0], 4, kind))


def test_counts_say_what_was_done(planted):
    _, counts = planted
    assert (counts["neurons profiled"], counts["neurons mined"]) == (5, 5)
    assert counts["patterns mined"]["word_sequence"] > 0
    assert (
        counts["distinct patterns counted in the corpus"].keys()
        == counts["patterns mined"].keys()
        == {kind.name for kind in pattern_kinds()}
    )
    assert counts["sentences without a tree"] == 0
    assert set(counts["seconds"]) >= {"encoding", "mining", "counting in the corpus"}


def test_profiles_equal_brute_force(spark, tmp_path, monkeypatch):
    rows = random_sentences(120, seed=3)
    rng = random.Random(1)
    top = {(layer, unit): rng.sample(range(120), 30) for layer in (1, 2) for unit in range(6)}
    run = write_run(tmp_path, rows, top)
    monkeypatch.setattr("spark_jobs.mining.signatures.WORDS_KEPT", 100)
    mine_model(spark, paths_of(run), MiningConfig(kinds=[], min_count=3, holdout=0.0))
    profiles = read_table(run.profiles(MODEL), PROFILES).to_pylist()
    signatures = read_table(run.signatures(MODEL), SIGNATURES).to_pylist()
    keys = [(r["site"], r["layer"], r["unit"], r["sign"], r["kind"], r["rank"]) for r in signatures]
    assert keys == sorted(keys)
    assert [(r["layer"], r["unit"]) for r in profiles] == sorted(top)
    assert not any(r["mined"] for r in profiles)
    corpus = [tag for row in rows for tag in row["pos"]]
    for profile in profiles:
        ids = top[profile["layer"], profile["unit"]]
        mine = [rows[i] for i in ids]
        rest = [row for row in rows if row["sentence_id"] not in ids]
        tags = [tag for row in mine for tag in row["pos"]]
        lengths = [len(row["tokens"]) for row in mine]
        share = {c: sum(t[0] == c for t in tags) / len(tags) for c in "NVJ"}
        whole = {c: sum(t[0] == c for t in corpus) / len(corpus) for c in "NVJ"}
        assert (profile["n_sentences"], profile["n_tokens"]) == (30, len(tags))
        assert profile["length_mean"] == pytest.approx(np.mean(lengths))
        assert profile["length_sd"] == pytest.approx(np.std(lengths))
        assert [profile[f"{n}_share"] for n in ("noun", "verb", "adj")] == pytest.approx([share[c] for c in "NVJ"])
        assert profile["selectivity"] == pytest.approx(max(share[c] / whole[c] for c in "NVJ"))
        metadata = {name: dict(values) for name, values in profile["metadata_profile"]}
        assert metadata["domain"] == Counter(row["domain"] for row in mine)
        assert metadata["author"] == Counter(v for row in mine for v in row["metadata"][0][1])
        assert "date" not in metadata
        found = {
            (r["kind"], *r["pattern"]): (r["f1"], r["n1"], r["f2"], r["n2"])
            for r in signatures
            if (r["layer"], r["unit"]) == (profile["layer"], profile["unit"])
        }

        def words(part):
            return Counter(word for row in part for word in {token.lower() for token in row["tokens"]})

        inside, outside = words(mine), words(rest)
        expected = {
            ("words", word): (f1, 30, outside[word], 90)
            for word, f1 in inside.items()
            if f1 >= 3 and f1 * 90 > outside[word] * 30
        }
        inside, outside = Counter(tags), Counter(tag for row in rest for tag in row["pos"])
        expected |= {
            ("pos", tag): (f1, len(tags), outside[tag], len(corpus) - len(tags))
            for tag, f1 in inside.items()
            if f1 >= 3
        }
        for name, values in (
            ("domain", lambda row: [row["domain"]]),
            ("author", lambda row: row["metadata"][0][1]),
        ):
            inside, outside = (Counter(v for row in part for v in values(row)) for part in (mine, rest))
            expected |= {("metadata", name, v): (f1, 30, outside[v], 90) for v, f1 in inside.items() if f1 >= 3}
        assert found == expected


def test_what_is_missing_is_mined_in_batches_that_read_the_listed_sentences_alone_and_find_the_same(
    spark, tmp_path, monkeypatch
):
    """One neuron is mined from the corpus; later one of the same list, and another, from what their lists name."""
    rng = random.Random(2)
    top = {(1, unit): rng.sample(range(100), 25) for unit in (0, 2)}
    top[1, 1] = top[1, 0]
    run = write_run(tmp_path, random_sentences(100), top)
    read = []

    def recorded(lists, encoded, *more):
        read.append(encoded.count())
        return mine_grouped(lists, encoded, *more)

    monkeypatch.setattr("spark_jobs.mining.signatures.mine_grouped", recorded)
    monkeypatch.setattr("spark_jobs.mining.signatures.BATCH_NEURONS", 1)
    mining = MiningConfig(neurons=["L1/U0"], min_count=3, pattern_min_count=3, word_min_support=0.2, **WORDS_ONLY)
    mine_model(spark, paths_of(run), mining)
    patterns = run.work("mine", "patterns")
    (first,) = (folder / "_SUCCESS" for folder in patterns.iterdir() if folder.is_dir())
    made = first.stat().st_mtime_ns
    assert [row["mined"] for row in read_table(run.profiles(MODEL), PROFILES).to_pylist()] == [True, False, False]
    mine_model(spark, paths_of(run), dataclasses.replace(mining, neurons=[]))
    assert first.stat().st_mtime_ns == made
    assert [len(json.loads(marker.read_text())) for marker in patterns.glob("*.json")] == [1, 1, 1]
    listed = len({i for ids in top.values() for i in ids})
    assert read == [100, listed, listed]
    assert len(list(run.work("mine", "listed").iterdir())) == 1
    assert [row["mined"] for row in read_table(run.profiles(MODEL), PROFILES).to_pylist()] == [True, True, True]
    found = {0: [], 1: [], 2: []}
    for row in read_table(run.signatures(MODEL), SIGNATURES).to_pylist():
        if row["kind"] == "word_sequence":
            found[row.pop("unit")].append(row)
    assert found[0] == found[1]
    assert found[0]
    assert found[2] not in ([], found[0])


def test_a_neuron_that_was_not_collected_stops_before_the_work(spark, tmp_path):
    run = write_run(tmp_path, random_sentences(8), {(1, 0): [0]})
    with pytest.raises(ConfigError, match="L7/U0"):
        mine_model(spark, paths_of(run), MiningConfig(neurons=["L7/U0"]))
    assert not run.work("encoded").exists()


def test_top_sentences_that_are_not_in_the_corpus_are_counted_and_named(spark, tmp_path):
    run = write_run(tmp_path, random_sentences(8), {(1, 0): [0, 71, 70], (1, 1): [3, 70]})
    with pytest.raises(InputError, match=r"3 rows whose sentence is not in .* \(first sentence_id=70\)"):
        mine_model(spark, paths_of(run), MiningConfig())
    assert not run.work("encoded").exists()


def test_subtrees_without_trees_are_refused_before_the_work(spark, tmp_path):
    rows = [row | {"heads": None} for row in random_sentences(30)]
    run = write_run(tmp_path, rows, {(1, 0): list(range(20))})
    with pytest.raises(InputError, match=r"column 'heads' is empty, and mining\.kinds asks for subtrees"):
        mine_model(spark, paths_of(run), MiningConfig())
    assert not run.work("encoded").exists()


def test_held_out_sentences_are_in_no_count_and_a_list_of_the_whole_corpus_has_no_reference(spark, tmp_path):
    rows = random_sentences(200)
    run = write_run(tmp_path, rows, {(1, 0): list(range(0, 200, 2)), (1, 1): list(range(200))})
    out = is_held_out(np.arange(200), 0.25)
    kinds = ["word_sequence", "pos_sequence", "mixed_sequence"]
    left_out = {"holdout": 0.25, "holdout_by": "sentence"}
    mine_model(spark, paths_of(run), MiningConfig(min_count=2, pattern_min_count=2, kinds=kinds, **left_out))
    signatures = read_table(run.signatures(MODEL), SIGNATURES).to_pylist()
    half, whole = ([row for row in signatures if row["unit"] == unit] for unit in (0, 1))
    inside, outside = ([row for i, row in enumerate(rows) if not out[i] and i % 2 == side] for side in (0, 1))
    assert {(row["n1"], row["n2"]) for row in half if row["kind"] in kinds} == {(len(inside), len(outside))}
    pairs = [row for row in half if row["kind"] == "word_sequence" and len(row["pattern"]) == 2]
    for row in pairs:
        first, second = row["pattern"]
        for part, count in ((inside, row["f1"]), (outside, row["f2"])):
            words = [[token.lower() for token in r["tokens"]] for r in part]
            assert count == sum(first in w and second in w[w.index(first) + 1 :] for w in words)
    assert pairs
    assert {row["kind"] for row in whole} >= {*kinds, "words"}
    assert all(row["lrc"] == 0 and np.isfinite(row["log_ratio"]) for row in whole)
    assert all(row["n2"] == 0 == row["f2"] for row in whole)


def test_an_empty_top_k_is_refused(spark, tmp_path):
    run = write_run(tmp_path, random_sentences(8), {(1, 0): [0]})
    write(run.topk(MODEL) / "part-0.parquet", [], TOPK)
    with pytest.raises(InputError, match="is empty: no neuron has a top sentence"):
        mine_model(spark, paths_of(run), MiningConfig())


def test_tables_are_zstd(planted):
    for folder in (planted[0].signatures(MODEL), planted[0].profiles(MODEL)):
        for file in folder.glob("*.parquet"):
            assert pq.read_metadata(file).row_group(0).column(0).compression == "ZSTD"
