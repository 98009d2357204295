"""A neuron's view says what the tables say; each error names the run, the bound and the remedy."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.errors import ConfigError, InputError
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.view import Evidence
from neuronsig.tables import PROFILES, TOPK
from tests.run_factory import MODEL, FactoryRun, change_stage, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def reader(made: FactoryRun) -> SignatureReader:
    return SignatureReader(made.run, MODEL, sentences=12)


def test_the_same_layer_and_unit_of_two_sites_are_two_neurons(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", units=3, k=20, mlp_units=5)
    reader = SignatureReader(made.run, MODEL, sentences=12)
    hidden, mlp = reader.views([Neuron("hidden", 2, 1), Neuron("mlp", 2, 1)])
    assert [s.sentence_id for s in hidden.sentences] == [i for _, i in made.top[2, 1][:12]]
    assert [s.sentence_id for s in mlp.sentences] == [i for _, i in made.mlp[2, 1][:12]]
    for view in (hidden, mlp):
        rows = [r for r in made.signatures if (r["site"], r["layer"], r["unit"]) == (view.neuron.site, 2, 1)]
        assert sum(map(len, view.evidence.values())) == len(rows)
        assert {link.neuron.site for link in view.similar} <= {view.neuron.site}
    assert [str(n) for n in reader.neurons[5:7]] == ["L2/U2", "mlp:L1/U0"]


@pytest.mark.parametrize("prefetch", [False, True], ids=["asked for", "prefetched"])
def test_every_view_equals_the_tables(made: FactoryRun, prefetch: bool) -> None:
    reader = SignatureReader(made.run, MODEL, sentences=12)
    if prefetch:
        reader.prefetch()
    views = list(reader.views(reader.neurons))
    assert [(view.neuron.layer, view.neuron.unit) for view in views] == sorted(made.top)
    for view in views:
        key = (view.neuron.layer, view.neuron.unit)
        expected = made.top[key][:12]
        assert [(s.rank, s.sentence_id) for s in view.sentences] == [(r, i) for r, (_, i) in enumerate(expected)]
        assert [s.score for s in view.sentences] == pytest.approx([score for score, _ in expected], rel=1e-6)
        for sentence in view.sentences:
            row = made.rows[sentence.sentence_id]
            assert (sentence.text, sentence.domain) == (row["text"], row["domain"])
            assert dict(sentence.metadata) == dict(row["metadata"])
            assert "".join(piece.text for piece in sentence.segments) == row["text"]
        rows = [r for r in made.signatures if (r["layer"], r["unit"]) == key]
        found = [
            (row.kind, list(row.pattern), row.f1, row.n1, row.f2, row.n2, row.lrc)
            for rows_of_kind in view.evidence.values()
            for row in rows_of_kind
        ]
        wanted = [(r["kind"], r["pattern"], r["f1"], r["n1"], r["f2"], r["n2"], r["lrc"]) for r in rows]
        assert sorted(found) == sorted(wanted)
        for kind, evidence in view.evidence.items():
            ranked = sorted((r for r in rows if r["kind"] == kind), key=lambda r: r["rank"])
            assert [list(row.pattern) for row in evidence] == [r["pattern"] for r in ranked]


def test_the_metadata_distribution_counts_every_top_sentence(made: FactoryRun, reader: SignatureReader) -> None:
    view = next(reader.views([Neuron("hidden", 1, 0)]))
    domains = Counter(made.rows[i]["domain"] for _, i in made.top[1, 0])
    assert {row.text: row.f1 for row in view.metadata["domain"]} == dict(domains)
    assert next(iter(view.metadata)) == "domain"


def test_the_typical_sentence_and_the_cluster_come_from_the_neurons_table(
    made: FactoryRun, reader: SignatureReader
) -> None:
    view = next(reader.views([Neuron("hidden", 2, 4)]))
    assert view.typical is not None
    assert view.typical.sentence_id == made.top[2, 4][3][1]
    assert (view.cluster, view.cluster_size) == (4 % 3, 6)
    assert all(link.neuron.unit % 3 == 4 % 3 and link.neuron != view.neuron for link in view.similar)
    similarities = [link.similarity or 0.0 for link in view.similar]
    assert similarities == sorted(similarities, reverse=True)


def test_a_run_that_was_not_clustered_is_read_from_its_profiles(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, clustered=False)
    view = next(SignatureReader(made.run, MODEL, 5).views([Neuron("hidden", 1, 1)]))
    assert (view.cluster, view.typical, view.similar) == (None, None, ())
    assert len(view.sentences) == 5


def test_the_most_selective_neurons_are_those_mining_would_choose(reader: SignatureReader) -> None:
    best = max(reader.neurons, key=lambda n: reader.profiles[n]["lead_bits"])
    assert reader.most_selective(3)[0] == best
    assert len(set(reader.most_selective(5))) == 5


def test_shares_and_length_stand_beside_those_of_the_whole_corpus(made: FactoryRun, reader: SignatureReader) -> None:
    view = next(reader.views([Neuron("hidden", 1, 2)]))
    tags = [tag for row in made.rows for tag in row["pos"]]
    assert view.length.corpus == pytest.approx(len(tags) / len(made.rows))
    assert view.pos_shares[0].corpus == pytest.approx(sum(tag[0] == "N" for tag in tags) / len(tags))
    top = [tag for _, i in made.top[1, 2] for tag in made.rows[i]["pos"]]
    assert view.pos_shares[0].value == pytest.approx(sum(tag[0] == "N" for tag in top) / len(top))


def test_a_field_with_one_value_for_the_whole_corpus_tells_nothing(reader: SignatureReader) -> None:
    view = next(reader.views([Neuron("hidden", 1, 0)]))
    one = Evidence("metadata", ("kind", "text"), 40, 40, 560, 560, 0.0, 0.0)
    rare = Evidence("metadata", ("author", "Ida"), 40, 40, 3, 560, 7.0, 5.0)
    view = replace(view, metadata={"kind": (one,), "author": (rare,), "domain": (one,)})
    assert list(view.salient_fields) == ["author"]


def test_only_the_domain_is_told_where_no_value_stands_out(reader: SignatureReader) -> None:
    view = next(reader.views([Neuron("hidden", 1, 0)]))
    within = Evidence("metadata", ("author", "Ida"), 3, 40, 3, 560, 0.1, 0.0)
    view = replace(view, metadata={"domain": (within,), "author": (within,)})
    assert list(view.salient_fields) == ["domain"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("L9/U1", "layers 1 to 2, units 0 to 7"),
        ("L1/U8", "units 0 to 7"),
        ("L1/U1-", "only the highest activations"),
        ("mlp:L1/U1", "it holds hidden"),
    ],
)
def test_an_unknown_neuron_is_refused_with_the_bounds(reader: SignatureReader, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        reader.require(Neuron.parse(name))


def test_another_model_is_refused_with_the_models_there_are(made: FactoryRun) -> None:
    with pytest.raises(ConfigError, match=r"model=gpt2 has no signatures .* it holds minilm"):
        SignatureReader(made.run, "gpt2", 5)


def test_a_run_without_signatures_names_the_job_to_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"stages": {}}')
    with pytest.raises(InputError, match=r"mine/minilm has not been run .*neuronsig mine"):
        SignatureReader(RunDirectory.existing(tmp_path), MODEL, 5)


def test_top_sentences_that_are_not_in_the_corpus_are_an_error_not_a_gap(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, sentences=50, k=10)
    row = {"site": "hidden", "layer": 1, "unit": 0, "sign": 1, "rank": 0, "score": 9.0, "sentence_id": 777}
    pq.write_table(pa.Table.from_pylist([row], schema=TOPK), made.run.topk(MODEL) / "part-0.parquet")
    with pytest.raises(InputError, match="no sentence_id 777"):
        list(SignatureReader(made.run, MODEL, 5).views([Neuron("hidden", 1, 0)]))


def test_a_missing_best_score_is_not_a_number(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=50, k=10)
    pq.write_table(pa.Table.from_pylist([], schema=TOPK), made.run.topk(MODEL) / "part-0.parquet")
    view = next(SignatureReader(made.run, MODEL, 5).views([Neuron("hidden", 1, 0)]))
    assert math.isnan(view.best_score)


@pytest.mark.parametrize("stage", ["annotate", f"collect/{MODEL}", f"mine/{MODEL}"])
def test_an_unfinished_stage_is_refused(tmp_path: Path, stage: str) -> None:
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=50, k=10)
    change_stage(made.run, stage, status="interrupted")
    with pytest.raises((InputError, ConfigError), match=f"{stage} is not finished|has no signatures"):
        SignatureReader(made.run, MODEL, 5)


def test_clusters_of_other_signatures_are_left_out_and_profiles_are_minings_own(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=2, sentences=50, k=10)
    neuron = Neuron("hidden", 1, 1)
    rows = [row | {"mined": False, "lead_item": "again"} for row in made.profiles]
    pq.write_table(pa.Table.from_pylist(rows, schema=PROFILES), made.run.profiles(MODEL) / "part-0.parquet")
    reader = SignatureReader(made.run, MODEL, 5)
    assert (reader.profiles[neuron]["mined"], reader.profiles[neuron]["lead_item"]) == (False, "again")
    assert next(reader.views([neuron])).cluster == 1
    change_stage(made.run, f"mine/{MODEL}", fingerprint="f" * 16)
    reader = SignatureReader(made.run, MODEL, 5)
    view = next(reader.views([neuron]))
    assert (view.cluster, view.typical, view.similar, reader.clustered) == (None, None, (), False)
    assert "neuronsig cluster" in reader.left_out[f"cluster/{MODEL}"]
    assert view.length.corpus is not None


def test_a_corpora_table_of_another_corpus_is_no_reference(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=50, k=10)
    change_stage(made.run, "corpus_table", plan={"inputs": {"annotate": "another"}})
    reader = SignatureReader(made.run, MODEL, 5)
    assert reader.corpora == []
    assert next(reader.views(reader.neurons)).length.corpus is None
