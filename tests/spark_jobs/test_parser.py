"""The parser that ships against Spark NLP's own class with the same weights.

The fast tests give both a twentieth of the weights: Spark NLP takes 15 seconds to read all of them.
"""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from neuronsig.annotation.parser import DependencyParser
from neuronsig.annotation.sentences import one_root
from neuronsig.annotation.treebank import read_conllu
from spark_jobs import annotate
from spark_jobs.annotators import load_tagger, parser_of
from spark_jobs.parser import parser_texts, shipped_parser
from tests.neuronsig.annotation.odd_words import ENGLISH, drawn_sentences

MARK = "\x1f"
BATCH = "sentence_id long, domain string, doc_id string, position int, text string, metadata string, corpus_order int"


def is_feature(line):
    return line.endswith("]") and not line.startswith(("perceptron.", "tagger."))


def thinned(text):
    """The text of a perceptron with every twentieth of its features."""
    return "\n".join(line for i, line in enumerate(text.split("\n")) if i % 20 == 0 or not is_feature(line))


@pytest.fixture(scope="module")
def texts():
    return [thinned(text) for text in parser_texts()]


@pytest.fixture(scope="module")
def ours(texts):
    return DependencyParser(*texts)


@pytest.fixture(scope="module")
def theirs(spark, texts):
    return parser_of(spark, *texts).setInputCols("document", "pos", "token").setOutputCol("dependency")


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


@pytest.mark.slow  # tests/neuronsig/annotation/test_parser.py has a plain parser of the same weights
def test_heads_are_those_of_spark_nlp_on_words_of_any_kind(tagged, ours, theirs):
    sentences = drawn_sentences(1, 300)
    assert ours.heads(pa.array(sentences)).to_pylist() == heads_of(theirs, tagged(sentences))


@pytest.mark.slow
def test_heads_are_those_of_spark_nlp_on_a_treebank(spark, tagged, data_folder):
    theirs = parser_of(spark, *parser_texts()).setInputCols("document", "pos", "token").setOutputCol("dependency")
    read = read_conllu(data_folder / "ud_english_ewt" / "en_ewt-ud-test.conllu")
    sentences = [[word.form for word in sentence] for sentence in read]
    assert shipped_parser().heads(pa.array(sentences)).to_pylist() == heads_of(theirs, tagged(sentences))


def test_a_table_made_with_a_parser_of_spark_nlp_has_its_heads(spark, tagger, ours, theirs):
    given = [(i, "d", "x", i, text, "{}", 0) for i, text in enumerate(ENGLISH)]
    batch = spark.createDataFrame(given, BATCH)
    pipelines = [annotate.annotator_pipeline(spark, tagger, parser) for parser in (None, theirs)]
    shipped, table = (annotate.annotate(batch, pipeline, 2).orderBy("sentence_id") for pipeline in pipelines)
    assert table.schema == shipped.schema
    rows = [row.asDict() for row in table.collect()]
    heads = [one_root(heads) for heads in ours.heads(pa.array([row["tokens"] for row in rows])).to_pylist()]
    assert [row.pop("heads") for row in rows] == heads
    assert rows == [row.asDict() for row in shipped.drop("heads").collect()]


def test_spark_nlp_s_parser_does_not_read_the_pos_column(tagged, theirs):
    """Why its own inner tagger is trained (spark_jobs.training); if this fails, that has become needless."""
    frame = tagged([text.split() for text in ENGLISH])
    spoiled = F.transform("pos", lambda token: token.withField("result", F.lit("XX")))
    wrong = frame.withColumn("pos", spoiled.alias("pos", metadata=frame.schema["pos"].metadata))
    assert heads_of(theirs, frame) == heads_of(theirs, wrong)
