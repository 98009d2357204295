"""Documents to the sentences table on a real Spark NLP, on a handful of sentences."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from neuronsig.annotation import sentence_files
from neuronsig.annotation import sentences as rules
from neuronsig.config import AnnotatorConfig
from neuronsig.storage.manifests import missing_ranges
from neuronsig.storage.parquet import check_table, read_table, table_files
from neuronsig.tables import SENTENCES
from spark_jobs import annotate, sentence_table
from spark_jobs.annotation_steps import load_annotators
from spark_jobs.sentence_table import corpus_statistics
from spark_jobs.tables import table_uris, uri
from tests import s3_home

DOCUMENTS = "corpus_order int, domain string, doc_id string, text string, metadata map<string,array<string>>"
TEXTS = [
    (1, "review", "b", "I didn't like it!!! The cat sat on the mat.", {"author": ["Ann", "Bo"]}),
    (0, "book", "a", "The cat sat on the mat. It's a well-known story\nof two lines.\n\nNo end here", {}),
    (0, "book", "c", "Hm. \n\n" + "x" * 90 + "\n\nThe cat sat on the mat.", {"author": ["Cy"]}),
]
KEPT = [
    ("a", 0, "The cat sat on the mat."),
    ("a", 1, "It's a well-known story of two lines."),
    ("a", 2, "No end here"),
    ("b", 0, "I didn't like it!"),
]
CONFIG = AnnotatorConfig(max_characters=80)


@pytest.fixture(scope="module")
def pipeline(spark):
    return load_annotators(spark, CONFIG, Path("unused"))


@pytest.fixture(scope="module")
def cleaned(spark, tmp_path_factory):
    folder = uri(tmp_path_factory.mktemp("cleaned") / "table")
    annotate.clean(spark.createDataFrame(TEXTS, DOCUMENTS).repartition(3), CONFIG).write.parquet(folder)
    return spark.read.parquet(folder)


@pytest.fixture(scope="module")
def numbered(spark, cleaned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbered") / "a b" / "table"
    annotate.number(cleaned, 3).write.parquet(uri(folder))
    return annotate.read_numbered(spark, folder)


@pytest.fixture(scope="module")
def table(spark, numbered, pipeline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "sentences"
    for start, stop in missing_ranges([], 0, numbered.sentences, 3):
        annotated = annotate.annotate(annotate.batch_of(spark, numbered, start, stop), pipeline, 2)
        annotate.write_batch(annotated, folder, start, stop).publish(folder)
    return folder


def test_every_sentence_found_is_kept_or_has_a_reason(cleaned):
    reasons = {row["reason"]: row["count"] for row in cleaned.groupBy("reason").count().collect()}
    assert reasons == {None: 6, rules.TOO_SHORT: 1, rules.TOO_LONG: 1}


def test_ids_are_dense_in_corpus_order_and_the_first_copy_stays(table):
    rows = read_table(table, SENTENCES).to_pylist()
    assert [row["sentence_id"] for row in rows] == [0, 1, 2, 3]
    assert [(row["doc_id"], row["position"], row["text"]) for row in rows] == KEPT


def test_ids_do_not_depend_on_how_the_work_is_cut(spark, cleaned, tmp_path):
    annotate.number(cleaned, 1).write.parquet(uri(tmp_path / "one"))
    one = annotate.read_numbered(spark, tmp_path / "one")
    found = annotate.batch_of(spark, one, 1, 4).orderBy("sentence_id").select("sentence_id", "text").collect()
    assert [tuple(row) for row in found] == [(i, KEPT[i][2]) for i in (1, 2, 3)]


def test_the_copy_that_stays_does_not_depend_on_the_order_of_the_rows(spark):
    rows = [(0, "d", "twice", 0, "The same text.", None, f'{{"author":["{name}"]}}') for name in ("Bo", "Ann")]
    for given in (rows, rows[::-1]):
        frame = spark.createDataFrame(given, annotate.CLEANED).coalesce(1)
        assert annotate.number(frame, 1).first()["metadata"] == '{"author":["Ann"]}'


def test_positions_run_through_a_document_of_many_paragraphs_and_batches(spark):
    paragraphs = [f"First of {i} is here. Second of {i} is here." for i in range(40)]
    rows = [(0, "d", doc, "\n\n".join(paragraphs), {}) for doc in ("x", "y")]
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    try:
        found = annotate.clean(spark.createDataFrame(rows, DOCUMENTS).coalesce(1), CONFIG).collect()
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1000")
    wanted = [f"{which} of {i} is here." for i in range(40) for which in ("First", "Second")]
    for doc in ("x", "y"):
        ordered = sorted((row["position"], row["text"]) for row in found if row["doc_id"] == doc)
        assert ordered == list(enumerate(wanted))


def is_tree(heads: list[int]) -> bool:
    """One root, to which every token's way up leads."""
    reached = {0}
    for _ in heads:
        reached |= {token for token, head in enumerate(heads, start=1) if head in reached}
    return heads.count(0) == 1 and len(reached) == len(heads) + 1


def test_clitics_are_split_and_every_token_has_a_tag_and_a_head_in_one_tree(table):
    rows = read_table(table, SENTENCES).to_pylist()
    assert rows[3]["tokens"] == ["I", "did", "n't", "like", "it", "!"]
    assert rows[1]["tokens"][:5] == ["It", "'s", "a", "well", "-"]
    for row in rows:
        assert len(row["tokens"]) == len(row["pos"]) == len(row["heads"])
        assert is_tree(row["heads"])


BATCH = "sentence_id long, domain string, doc_id string, position int, text string, metadata string, corpus_order int"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("(It costs $5.00, or 3.14%).", "( It costs $ 5.00 , or 3.14 % ) ."),
        ("Mr. Bo can't, cannot, won’t.", "Mr. Bo ca n't , can not , wo n’t ."),
        ("MOODY'S DIDN'T CANNOT", "MOODY 'S DID N'T CAN NOT"),
        ("A state-of-the-art and/or U.S. idea", "A state - of - the - art and / or U.S. idea"),
        ('He said: "stop," at AT&T.', 'He said : " stop , " at AT&T .'),
        ("See http://a.b/c?d=1, a@b.com, #tag :-)", "See http://a.b/c?d=1 , a@b.com , #tag :-)"),
        ("The café's naïve résumé", "The café 's naïve résumé"),
        ("The cafe\u0301's re\u0301sume\u0301.", "The cafe\u0301 's re\u0301sume\u0301 ."),
        ("(हिन्दी) में किताबें-पत्रिकाएँ हैं।", "( हिन्दी ) में किताबें - पत्रिकाएँ हैं ।"),
        ("தமிழ் மொழி, می\u200cخواهم.", "தமிழ் மொழி , می\u200cخواهم ."),
        ("I ❤\ufe0f it, (❤\ufe0f)", "I ❤\ufe0f it , (❤\ufe0f)"),
    ],
    ids=[
        "marks",
        "clitics",
        "capitals",
        "hyphens",
        "quotes",
        "addresses",
        "accents",
        "decomposed",
        "vowel signs",
        "others",
        "symbols with marks",
    ],
)
def test_tokens_are_those_of_the_treebank(spark, pipeline, text, tokens):
    frame = spark.createDataFrame([(text,)], "text string")
    for stage in pipeline.stages[:2]:
        frame = stage.transform(frame)
    assert frame.select("token.result").first()[0] == tokens.split(" ")


def test_tokens_are_composed_and_the_text_is_as_it_was_written(spark, pipeline):
    text = "The cafe\u0301 was closed, हिन्दी."
    batch = spark.createDataFrame([(7, "d", "x", 0, text, "{}", 0)], BATCH)
    row = annotate.annotate(batch, pipeline, 1).first()
    assert (row["text"], row["sentence_id"]) == (text, 7)
    assert row["tokens"] == ["The", "caf\u00e9", "was", "closed", ",", "हिन्दी", "."]
    assert row["pos"][:2] == ["DT", "NN"]


def test_a_plain_sentence_is_tagged_and_parsed_as_anybody_would(table):
    row = read_table(table, SENTENCES).to_pylist()[0]
    assert row["pos"] == ["DT", "NN", "VBD", "IN", "DT", "NN", "."]
    assert row["heads"] == [2, 3, 0, 6, 6, 3, 3]


def test_metadata_arrives_as_it_left(table):
    rows = read_table(table, SENTENCES).to_pylist()
    assert dict(rows[3]["metadata"]) == {"author": ["Ann", "Bo"]}
    assert dict(rows[0]["metadata"]) == {}


def test_the_table_keeps_the_contract_and_is_sorted_in_every_file(table):
    assert check_table(table, SENTENCES) == 4
    for file in table.glob("*.parquet"):
        ids = pq.read_table(file)["sentence_id"].to_pylist()
        assert ids == sorted(ids)
        assert pq.read_metadata(file).row_group(0).column(0).compression == "ZSTD"


def test_files_are_as_many_as_the_sentences_say_whatever_the_tasks(spark, numbered, pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(sentence_files, "FILE_SENTENCES", 2)
    for tasks in (1, 7):
        table = tmp_path / str(tasks)
        annotated = annotate.annotate(annotate.batch_of(spark, numbered, 0, 4), pipeline, tasks)
        batch = annotate.write_batch(annotated, table, 0, 4)
        assert {name[:17]: n for name, n in batch.files.items()} == {"part-000000000000": 2, "part-000000000002": 2}
        batch.publish(table)
        assert [pq.read_table(file)["sentence_id"].to_pylist() for file in table_files(table)] == [[0, 1], [2, 3]]


def test_writing_and_publishing_a_batch_asks_a_store_three_times_a_file_at_most(
    spark, numbered, pipeline, bucket, monkeypatch
):
    monkeypatch.setattr(sentence_files, "FILE_SENTENCES", 1)
    annotated = annotate.annotate(annotate.batch_of(spark, numbered, 0, 4), pipeline, 2)
    with s3_home.counted() as asked:
        annotate.write_batch(annotated, bucket / "sentences", 0, 4).publish(bucket / "sentences")
    assert len(asked.lines) <= 3 * 4
    assert [row["text"] for row in read_table(bucket / "sentences", SENTENCES).to_pylist()] == [k[2] for k in KEPT]


def test_spark_reads_no_file_that_no_manifest_names(spark, table, tmp_path):
    copy = tmp_path / "a b"
    shutil.copytree(table, copy)
    assert table_uris(copy) == [uri(copy)]
    shutil.copy(next(copy.glob("*.parquet")), copy / "part-000000000000-dead.parquet")
    (copy / "part-000000000003-torn.parquet").write_text("half")
    for read in (spark.read.parquet(*table_uris(copy)), sentence_table.read_texts(spark, copy)):
        assert sorted(row["sentence_id"] for row in read.select("sentence_id").collect()) == [0, 1, 2, 3]
    assert sentence_table.delete_leavings(copy) == 2
    assert table_uris(copy) == [uri(copy)]


@pytest.mark.parametrize("heads", [[2, 0], [0, 0, 2], [2, 0, 0, 3, 0], [0]])
def test_the_column_expression_for_one_root_equals_the_rule(spark, heads):
    frame = spark.createDataFrame([(heads,)], "heads array<int>")
    assert frame.select(annotate.one_root(F.col("heads"))).first()[0] == rules.one_root(heads)


def test_statistics_count_words_and_shares_by_domain_and_in_all(spark):
    rows = [
        (7, "b", ["x"] * 4, ["NN", "NNS", "VB", "JJ"], {"k": ["1"]}),
        (2, "z", ["x"] * 2, ["DT", "."], {}),
        (9, "b", ["x"] * 2, ["VBD", "UH"], {"a": ["1"]}),
    ]
    schema = (
        "sentence_id long, domain string, tokens array<string>, pos array<string>, metadata map<string,array<string>>"
    )
    found = [row.asDict() for row in corpus_statistics(spark.createDataFrame(rows, schema)).collect()]
    assert [row["domain"] for row in found] == ["z", "b", "total"]
    assert found[1] == {
        "domain": "b",
        "sentences": 2,
        "words": 6,
        "length_mean": 3.0,
        "noun_share": 2 / 6,
        "verb_share": 2 / 6,
        "adj_share": 1 / 6,
        "metadata": ["a", "k"],
    }
    assert (found[2]["sentences"], found[2]["words"], found[2]["metadata"]) == (3, 8, ["a", "k"])
