"""One neuron's profile against a slow count over the sentences, on all evidence and matched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import OTHER, Dictionary, Strata
from neuronsig.mining.keyness import g2, log_ratio, lrc, match_reference, p_value
from neuronsig.mining.moments import CorpusCounts, Places, TokenMoments
from neuronsig.mining.profiling import ProfileRules, count_by_stratum, profile_neuron
from neuronsig.neuron import Neuron

WORDS, TAGS = ["the", "dog", "cat", "red"], ["NN", "VBZ", "JJ"]
METADATA = [("domain", "book"), ("domain", "news"), ("author", "x"), ("author", OTHER)]
NO_PLACES = Places(0, 0, 0, 0, 0, 0)
RULES = ProfileRules(words_kept=2, min_count=2, alpha=0.05, neurons=3)


def sentences_of(rows, strata):
    """rows: (item codes, tag codes)."""
    items, tags = zip(*rows, strict=True)
    flat = lambda lists: np.array([value for part in lists for value in part], np.int64)  # noqa: E731
    offsets = lambda lists: np.cumsum([0, *map(len, lists)])  # noqa: E731
    none = np.zeros(0, np.int64)
    return Sentences(
        offsets(tags), none, flat(tags), flat(items), offsets(items), none, np.zeros(len(rows) + 1, np.int64),
        np.array(strata, np.int16),
    )  # fmt: skip


def world(n=2000, bins=2, domains=1, seed=0):
    """Random sentences; those of stratum 1 are longer and have more of everything."""
    rng = np.random.default_rng(seed)
    rows, strata = [], []
    for _ in range(n):
        domain, bin_ = int(rng.integers(0, 2)), int(rng.integers(0, bins))
        words = [w for w in range(4) if rng.random() < (0.2, 0.5)[bin_]]
        author = 4 + 2 + int(rng.random() < 0.3)
        rows.append(([*words, 4 + domain, author], rng.integers(0, 3, rng.integers(2, 5) + 4 * bin_).tolist()))
        strata.append(bin_ + (domain * bins if domains > 1 else 0))
    every = sentences_of(rows, strata)
    edges = np.array([6] if bins == 2 else [], np.int64)
    size = bins * domains
    by_item = count_by_stratum(every.items, np.diff(every.item_offsets), every.strata, (8, size))
    by_tag = count_by_stratum(every.tags, np.diff(every.offsets), every.strata, (3, size))
    dictionary = Dictionary(
        words=WORDS,
        word_sentences=by_item[:4].sum(axis=1),
        metadata=METADATA,
        metadata_sentences=by_item[4:].sum(axis=1),
        tags=TAGS,
        tag_tokens=by_tag.sum(axis=1),
        tag_sentences=np.zeros(3, np.int64),
        n_sentences=n,
        n_tokens=int(by_tag.sum()),
        strata=Strata(edges, domains),
        domains=["book", "news"],
        stratum_sentences=np.bincount(strata, minlength=size),
        stratum_trees=np.zeros(size, np.int64),
        n_trees=0,
    )
    moments = TokenMoments.of(every.offsets, every.tags, every.strata, TAGS, size)
    return (
        rows,
        np.array(strata),
        CorpusCounts(dictionary, by_item, by_tag, np.ones(3), moments, Places(n, n, n, 0, 0, 0)),
    )


def profile(rows, strata, corpus, own, rules=RULES):
    picked = sentences_of([rows[i] for i in own], strata[own])
    places = Places(len(own), 0, 0, 0, 0, 0)
    return profile_neuron(Neuron("hidden", 1, 2, -1), picked, places, corpus, rules)


def test_words_are_counted_and_judged_against_the_matched_corpus():
    rows, strata, corpus = world()
    own = [i for i in range(2000) if 1 in rows[i][0]][:120]
    found = profile(rows, strata, corpus, own)
    row = next(r for r in found.signatures if r["kind"] == "words")
    inside = [sum(1 in rows[i][0] and strata[i] == s for i in own) for s in (0, 1)]
    corpus_has = [sum(1 in items and strata[i] == s for i, (items, _) in enumerate(rows)) for s in (0, 1)]
    n1 = [int((strata[own] == s).sum()) for s in (0, 1)]
    matched = match_reference([inside], [corpus_has], n1, [int((strata == s).sum()) for s in (0, 1)], 2)
    table = 120, 120, *(part[0] for part in matched.evidence)
    assert row["pattern"] == ["dog"]
    assert (row["f1"], row["n1"], row["f2"], row["n2"]) == (120, 120, sum(corpus_has) - 120, 1880)
    assert row["matched"] == pytest.approx(matched.share[0])
    assert row["log_ratio"] == pytest.approx(log_ratio(120, 120, matched.equivalent[0], matched.size)[0])
    assert row["lrc"] == pytest.approx(lrc(*table, tests=4 * 3)[0])
    assert row["g2"] == pytest.approx(g2(*table)[0])
    assert row["q"] == pytest.approx(p_value(*table)[0])
    assert found.row["lead_item"] == "word=dog"
    assert len(found.p_values["words"]) >= 1


def test_every_word_beyond_chance_has_a_row_however_few_are_kept_at_least():
    rows, strata, corpus = world()
    own = [i for i in range(2000) if {1, 2} <= set(rows[i][0])][:120]
    found = profile(rows, strata, corpus, own, replace(RULES, words_kept=1))
    words = [r for r in found.signatures if r["kind"] == "words"]
    assert {r["pattern"][0] for r in words} == {"dog", "cat"}
    assert all(r["lrc"] > 0 for r in words)


def test_a_neuron_of_long_sentences_has_no_words_of_its_own():
    rows, strata, corpus = world()
    found = profile(rows, strata, corpus, np.flatnonzero(strata == 1)[:300].tolist())
    assert all(row["lrc"] == 0 for row in found.signatures if row["kind"] == "words")
    assert found.row["length_effect"] > 1
    assert found.row["length_low"] > found.row["length_reference"]


def test_tags_are_matched_by_tokens():
    rows, strata, corpus = world()
    own = list(range(200))
    found = profile(rows, strata, corpus, own)
    rows_of = [r for r in found.signatures if r["kind"] == "pos"]
    assert {r["pattern"][0] for r in rows_of} == set(TAGS)
    assert {r["n1"] for r in rows_of} == {sum(len(rows[i][1]) for i in own)} == {found.row["n_tokens"]}
    noun = next(r for r in rows_of if r["pattern"] == ["NN"])
    assert noun["f1"] == sum(rows[i][1].count(0) for i in own)
    assert noun["matched"] == pytest.approx(found.row["noun_reference"])
    assert found.row["noun_share"] == pytest.approx(noun["f1"] / noun["n1"])


def test_tokens_that_cluster_in_sentences_are_less_evidence_for_the_same_ratio():
    rows, strata, corpus = world()
    own = [i for i in range(2000) if rows[i][1].count(0) > 3]
    plain, clustered = (
        next(r for r in profile(rows, strata, c, own).signatures if r["pattern"] == ["NN"])
        for c in (corpus, replace(corpus, tag_effect=np.full(3, 4.0)))
    )
    assert clustered["log_ratio"] == pytest.approx(plain["log_ratio"])
    assert clustered["g2"] == pytest.approx(plain["g2"] / 4)
    assert 0 < clustered["lrc"] < plain["lrc"]
    assert clustered["q"] > plain["q"]


def test_all_listed_metadata_values_have_a_row_beside_the_strongest_and_the_rare_ones_none():
    rows, strata, corpus = world()
    found = profile(rows, strata, corpus, list(range(200)), ProfileRules(1, 2, 0.05, 3))
    patterns = [tuple(r["pattern"]) for r in found.signatures if r["kind"] == "metadata"]
    assert sorted(patterns) == [("author", "x"), ("domain", "book"), ("domain", "news")]
    assert sorted(found.row["metadata_profile"]) == ["author", "domain"]
    assert OTHER in found.row["metadata_profile"]["author"]


def test_where_domains_are_matched_the_domain_itself_is_not():
    rows, strata, corpus = world(domains=2)
    own = [i for i in range(2000) if rows[i][0][-2] == 5][:150]
    found = profile(rows, strata, corpus, own)
    news = next(r for r in found.signatures if r["pattern"] == ["domain", "news"])
    assert news["matched"] == pytest.approx(0.5, abs=0.1)
    assert news["lrc"] > 0.3


def test_means_shares_and_places_are_in_the_row():
    rows, strata, corpus = world()
    found = profile(rows, strata, corpus, list(range(100))).row
    lengths = np.array([len(tags) for _, tags in rows])
    assert found["length_mean"] == pytest.approx(lengths[:100].mean())
    assert found["length_sd"] == pytest.approx(lengths[:100].std())
    assert found["length_reference"] == pytest.approx(lengths[100:].mean())
    assert (found["position_mean"], found["position_reference"]) == (0, pytest.approx(2000 / 1900))
    assert found["relative_position_mean"] is None
    assert found["selectivity"] == pytest.approx(1, abs=0.2)
    assert (found["site"], found["layer"], found["unit"], found["sign"]) == ("hidden", 1, 2, -1)
