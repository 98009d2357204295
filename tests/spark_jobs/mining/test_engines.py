"""Both engines: the same tables, equal to brute force; batches committed once; the same whatever the batches."""

import copy
import itertools
import json
from collections import Counter

import numpy as np
import pytest

from neuronsig.annotation.treebank import read_conllu
from neuronsig.config import MiningConfig
from neuronsig.kinds import kind_of, pattern_kinds
from neuronsig.mining.kinds import limits_of
from neuronsig.mining.pattern_rows import EVERY
from spark_jobs.mining.batches import finished, lists_of, mine_batches, mine_grouped, read_patterns
from spark_jobs.mining.encode import encode_sentences
from spark_jobs.mining.mllib import mine_mllib, prepare_columns
from spark_jobs.shared import share
from spark_jobs.tables import read_files, uri
from tests.neuronsig.miners.encoded import dictionary_of, random_rows, sentences_of
from tests.spark_jobs.mining.small_run import MODEL, random_sentences, sentence, write_run

MLLIB_KINDS = [kind.name for kind in pattern_kinds() if kind.in_mllib]
FREE = {"kinds": MLLIB_KINDS, "pos_max_gap": -1, "pos_max_length": 3, "min_count": 2, "pattern_min_count": 3}
CODES = [(1 << 24 | unit) << 1 for unit in range(3)]


ENCODING = MiningConfig(min_count=2, metadata_skip=["date"], holdout=0.0)


class Mined:
    """A small corpus with neurons 0 to 2 of layer 1, and what an engine mines of it."""

    def __init__(self, spark, folder, rows, top, mining):
        self.spark, self.mining = spark, mining
        self.run = write_run(folder, rows, {(1, unit): ids for unit, ids in enumerate(top)})
        self.dictionary = encode_sentences(spark, self.run.sentences, self.run.work("encoded"), ENCODING)
        self.shared = share(self.dictionary, self.run.work("shared"))
        self.encoded = read_files(spark, uri(self.run.work("encoded", "sentences")))
        self.patterns, self.calls = folder / "patterns", []

    def mine(self, engine, size=2, mining=None, neurons=CODES, name=""):
        """Mine these neurons; returns the folder."""
        mining, folder = mining or self.mining, self.patterns / (name or engine)

        def mine(codes, table):
            self.calls.append(codes)
            lists = lists_of(self.spark, self.run.topk(MODEL), codes)
            if engine == "mllib":
                mine_mllib(lists, self.encoded, self.shared, mining, codes, table)
            else:
                mined = mine_grouped(lists, self.encoded, self.shared, mining, 100)
                mined.write.mode("overwrite").parquet(uri(table))

        mine_batches(folder, neurons, size, mine)
        return folder

    def rows(self, folder, codes=CODES):
        """(neuron, kind, items) -> (f1, counts by stratum, raised)."""
        found = read_patterns(self.spark, folder, codes).collect()
        rows = {}
        for row in found:
            key = row["neuron"], row["kind"], tuple(np.frombuffer(row["items"], "<i4").tolist())
            assert key not in rows
            rows[key] = row["f1"], tuple(np.frombuffer(row["strata"], "<i4").tolist()), row["raised"]
        return rows


@pytest.fixture(scope="module")
def encoded(spark, tmp_path_factory):
    """Three hundred sentences with nothing mined."""
    rng = np.random.default_rng(7)
    top = [sorted(rng.choice(300, n, replace=False).tolist()) for n in (60, 80, 50)]
    mining = MiningConfig(word_min_support=0.1, itemset_min_support=0.15, pos_min_support=0.2, **FREE)
    return Mined(spark, tmp_path_factory.mktemp("encoded") / "a[1]?", random_sentences(300), top, mining)


@pytest.fixture
def small(encoded, tmp_path):
    made = copy.copy(encoded)
    made.patterns, made.calls = tmp_path / "patterns", []
    return made


# MLlib starts some jobs of Spark for each neuron and kind: it mines two neurons where all patterns are asked for.
@pytest.mark.parametrize(("target", "neurons"), [("all", CODES[:2]), ("closed", CODES[:1]), ("maximal", CODES[1:2])])
def test_both_engines_find_the_same_in_random_sentences(small, target, neurons):
    mining = MiningConfig(**{**vars(small.mining), "target": target})
    found = small.rows(small.mine("grouped", mining=mining, neurons=neurons), neurons)
    assert found == small.rows(small.mine("mllib", mining=mining, neurons=neurons), neurons)
    assert {kind for _, kind, _ in found} == {EVERY, *MLLIB_KINDS}
    assert max(len(items) for _, _, items in found) == 3


def test_both_engines_keep_the_bound_of_patterns_alike(small):
    mining = MiningConfig(**{**vars(small.mining), "pattern_limit": 40})
    found = small.rows(small.mine("grouped", mining=mining, neurons=CODES[:1]), CODES[:1])
    assert found == small.rows(small.mine("mllib", mining=mining, neurons=CODES[:1]), CODES[:1])
    assert any(raised for _, _, raised in found.values())


@pytest.mark.realdata
@pytest.mark.slow
def test_both_engines_find_the_same_in_a_treebank(spark, tmp_path, data_folder):
    path = data_folder / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    if not path.exists():
        pytest.skip(f"no treebank at {path}")
    words = [s for s in read_conllu(path) if len(s) >= 3][:4000]
    rows = [
        sentence(i, " ".join(w.form.replace(" ", "_") for w in s), " ".join(w.tag for w in s), author=str(i % 7))
        for i, s in enumerate(words)
    ]
    top = [np.random.default_rng(unit).choice(4000, 1500, replace=False).tolist() for unit in range(3)]
    mining = MiningConfig(**{**FREE, "pattern_min_count": 10})
    mined = Mined(spark, tmp_path, rows, top, mining)
    found = mined.rows(mined.mine("grouped"))
    assert len(found) > 3000
    assert found == mined.rows(mined.mine("mllib"))


def test_supports_and_their_strata_equal_brute_force(small):
    mining = MiningConfig(**{**vars(small.mining), "target": "all"})
    found = small.rows(small.mine("grouped", mining=mining))
    dictionary = small.dictionary
    word = {name: code for code, name in enumerate(dictionary.words)}
    sentences = {row["sentence_id"]: row for row in random_sentences(300)}
    topk = lists_of(small.spark, small.run.topk(MODEL), CODES).collect()
    for code in CODES:
        mine = [sentences[row["sentence_id"]] for row in topk if row["neuron"] == code]
        strata = dictionary.strata.codes(np.array([len(row["tokens"]) for row in mine]))
        every = np.bincount(strata, minlength=dictionary.strata.size)
        assert found[code, EVERY, ()] == (len(mine), tuple(every.tolist()), False)
        held = Counter()
        for row in mine:
            words = [word[token.lower()] for token in row["tokens"]]
            held.update({p for n in (1, 2, 3) for p in itertools.combinations(words, n)})
        least = -(-len(mine) // 10)
        expected = {p: f for p, f in held.items() if f >= least}
        assert {p: f for (c, kind, p), (f, _, _) in found.items() if (c, kind) == (code, "word_sequence")} == expected
        for (c, _, _), (f, by_stratum, _) in found.items():
            assert c != code or (sum(by_stratum) == f and all(a <= b for a, b in zip(by_stratum, every, strict=True)))


def test_neurons_a_marker_lists_are_not_mined_again_and_a_killed_batch_is(small):
    folder = small.mine("grouped")
    assert small.calls == [CODES[:2], CODES[2:]]
    before = small.rows(folder)
    batch = finished(folder)[CODES[0]]
    batch.with_name(f"{batch.name}.json").unlink()  # as a driver leaves it that is killed before the marker
    small.calls.clear()
    small.mine("grouped")
    assert small.calls == [CODES[:2]]
    assert small.rows(folder) == before


def test_a_driver_killed_while_mining_goes_on_with_the_batches_left(small):
    class Killed(BaseException):
        pass

    folder = small.patterns / "grouped"

    def killed(codes, table):
        if CODES[2] in codes:
            raise Killed
        lists = lists_of(small.spark, small.run.topk(MODEL), codes)
        mined = mine_grouped(lists, small.encoded, small.shared, small.mining, 9)
        mined.write.mode("overwrite").parquet(uri(table))

    with pytest.raises(Killed):
        mine_batches(folder, CODES, 1, killed)
    assert sorted(finished(folder)) == CODES[:2]
    small.mine("grouped")
    assert small.calls == [[CODES[2]]]
    assert small.rows(folder) == small.rows(small.mine("grouped", name="whole"))


def test_tables_do_not_depend_on_the_batches_and_hold_only_the_neurons_asked_for(small):
    one = small.rows(small.mine("grouped", size=3))
    (marker,) = (small.patterns / "grouped").glob("*.json")
    assert json.loads(marker.read_text()) == CODES
    marker.unlink()
    folder = small.mine("grouped", size=1)
    assert small.rows(folder) == one
    some = small.rows(folder, CODES[1:])
    assert some == {key: row for key, row in one.items() if key[0] != CODES[0]}


def test_only_lists_asked_for_are_read(small):
    rows = lists_of(small.spark, small.run.topk(MODEL), CODES[1:]).collect()
    assert {row["neuron"] for row in rows} == set(CODES[1:])
    assert len(rows) == 130


def test_itemsets_that_mllib_could_not_finish_have_their_support_raised(monkeypatch):
    monkeypatch.setattr("spark_jobs.mining.mllib.ITEMSET_BOUND", 300)
    mining = MiningConfig(**{**FREE, "engine": "mllib"}, itemset_min_support=0.05)
    columns = prepare_columns(sentences_of(random_rows(0)), dictionary_of(), mining)
    assert columns["itemset_least"] > 3
    lengths = [len(row) for row in columns["itemset"]]
    assert sum(2**n - 1 for n in lengths) / columns["itemset_least"] <= 300
    assert columns["word_sequence_least"] == 3


def test_a_neuron_without_frequent_items_has_no_patterns(spark, tmp_path):
    rows = [sentence(i, f"w{i % 9} x{i % 7}", f"T{i % 9} T{i % 7}", domain=f"d{i % 8}") for i in range(90)]
    mining = MiningConfig(**{**FREE, "pattern_min_count": 40})
    mined = Mined(spark, tmp_path, rows, [range(50), range(40), range(60)], mining)
    found = mined.rows(mined.mine("grouped"))
    assert [(code, f) for (code, _, _), (f, _, _) in sorted(found.items())] == list(
        zip(CODES, (50, 40, 60), strict=True)
    )
    first = {key: row for key, row in found.items() if key[0] == CODES[0]}
    assert first == mined.rows(mined.mine("mllib", neurons=CODES[:1]), CODES[:1])
    assert limits_of(kind_of("word_sequence"), mining).max_length == 3
