"""The parser that ships against Spark NLP's own class with the same weights."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from neuronsig.annotation.treebank import read_conllu
from spark_jobs import annotate
from spark_jobs.annotators import load_tagger, parser_of
from spark_jobs.parser import parser_texts, shipped_parser
from tests.neuronsig.annotation.odd_words import ENGLISH, drawn_sentences

MARK = "\x1f"
BATCH = "sentence_id long, domain string, doc_id string, position int, text string, metadata string, corpus_order int"


@pytest.fixture(scope="module")
def theirs(spark):
    return parser_of(spark, *parser_texts()).setInputCols("document", "pos", "token").setOutputCol("dependency")


@pytest.fixture(scope="module")
def tagger(spark):
    return load_tagger(spark, "").setInputCols("document", "token").setOutputCol("pos")


@pytest.fixture(scope="module")
def tagged(spark, tagger):
    """Sentences that are tokens already, as Spark NLP's parser takes them."""
    from sparknlp.annotator import RegexTokenizer
    from sparknlp.base import DocumentAssembler

    tokenizer = RegexTokenizer().setInputCols("document").setOutputCol("token").setPattern(MARK).setToLowercase(False)

    def made(sentences):
        frame = spark.createDataFrame(
            [(i, MARK.join(words)) for i, words in enumerate(sentences)], "i int, text string"
        )
        for stage in (DocumentAssembler().setInputCol("text").setOutputCol("document"), tokenizer, tagger):
            frame = stage.transform(frame)
        return frame

    return made


def heads_of(theirs, frame):
    rows = theirs.transform(frame).orderBy("i").select("dependency.metadata").collect()
    return [[int(token["head"]) for token in row[0]] for row in rows]


def test_heads_are_those_of_spark_nlp_on_words_of_any_kind(tagged, theirs):
    sentences = drawn_sentences(1, 300)
    assert shipped_parser().heads(pa.array(sentences)).to_pylist() == heads_of(theirs, tagged(sentences))


@pytest.mark.slow
def test_heads_are_those_of_spark_nlp_on_a_treebank(tagged, theirs, data_folder):
    read = read_conllu(data_folder / "ud_english_ewt" / "en_ewt-ud-test.conllu")
    sentences = [[word.form for word in sentence] for sentence in read]
    assert shipped_parser().heads(pa.array(sentences)).to_pylist() == heads_of(theirs, tagged(sentences))


def test_a_table_made_with_spark_nlp_s_parser_is_the_same(spark, tagger, theirs):
    texts = [(i, "d", "x", i, text, "{}", 0) for i, text in enumerate(ENGLISH)]
    batch = spark.createDataFrame(texts, BATCH)
    pipelines = [annotate.annotator_pipeline(spark, tagger, parser) for parser in (None, theirs)]
    ours, with_theirs = (annotate.annotate(batch, pipeline, 2).orderBy("sentence_id") for pipeline in pipelines)
    assert ours.schema == with_theirs.schema
    assert ours.collect() == with_theirs.collect()


def test_spark_nlp_s_parser_does_not_read_the_pos_column(tagged, theirs):
    """Why its own inner tagger is trained (spark_jobs.training); if this fails, that has become needless."""
    frame = tagged([text.split() for text in ENGLISH])
    spoiled = F.transform("pos", lambda token: token.withField("result", F.lit("XX")))
    wrong = frame.withColumn("pos", spoiled.alias("pos", metadata=frame.schema["pos"].metadata))
    assert heads_of(theirs, frame) == heads_of(theirs, wrong)
