"""Training of the annotators that ship with the package: a POS tagger and an unlabelled dependency parser.

The parser is assembled from the classes behind Spark NLP's `DependencyParserApproach`, for two reasons found in
its source (5.5.3) and confirmed by measurement. It does not read the `pos` column: `DependencyMaker.process`
asks a tagger of its own, which that estimator fills with a dictionary of unambiguous words and never trains, so
that every other word gets the first tag of the list. And its averaged weights are rounded toward zero. Here that
tagger is trained, the parser learns on tags predicted by taggers that did not see the sentence (jackknifing, as
at use time), and the weights are kept exact (`neuronsig.treebank.pruned`).
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from sparknlp.annotator import (
    DependencyParserApproach,
    DependencyParserModel,
    PerceptronApproach,
    PerceptronModel,
    RegexTokenizer,
)
from sparknlp.base import DocumentAssembler
from sparknlp.training import POS

from neuronsig.treebank import Word, agreement, interleaved, pruned, to_conllu, to_tagged_lines

DELIMITER = "\x1f"  # ASCII's unit separator: in no token of any treebank
FOLDS = 4
TAGGER_ITERATIONS = 5
_CHUNKS_PER_FOLD = 8
_PACKAGE = "com.johnsnowlabs.nlp.annotators.parser.dep"

Progress = Callable[[str], None]


@dataclass
class TrainedParser:
    """A trained parser as text: both perceptrons' lines, and the JVM's classes and dictionary of its tagger."""

    tagger: list[str]
    moves: list[str]
    classes: Any
    dictionary: Any


def train_tagger(spark: SparkSession, sentences: Sequence[Sequence[Word]], iterations: int) -> PerceptronModel:
    """Spark NLP's averaged perceptron tagger on gold tokens; the tagset is the treebank's XPOS (Penn)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text(to_tagged_lines(sentences, DELIMITER), encoding="utf-8")
        frame = POS().readDataset(spark, f"file://{path}", delimiter=DELIMITER, outputPosCol="tags")
        approach = PerceptronApproach().setInputCols("document", "token").setOutputCol("pos")
        return approach.setPosColumn("tags").setNIterations(iterations).fit(frame)


def train_parser(
    spark: SparkSession, sentences: Sequence[list[Word]], iterations: int, progress: Progress
) -> TrainedParser:
    """The parser's two perceptrons, as text; `progress` gets one line an iteration.

    Sentence i is parsed with the tags of a tagger that was trained without fold i mod FOLDS.
    """
    jvm = _parser_package(spark)
    everything = _to_jvm([list(s) for s in sentences])
    known = jvm.TagDictionary.classesAndTagDictionary(everything)
    classes, dictionary = known._1(), known._2()
    chunks = [_to_jvm(chunk) for chunk in interleaved(sentences, FOLDS * _CHUNKS_PER_FOLD) if chunk]

    def tagger_without(fold: int | None) -> Any:
        tagger = jvm.Tagger(classes, dictionary)
        for iteration in range(TAGGER_ITERATIONS):
            for index, chunk in enumerate(chunks):
                if fold is None or index % FOLDS != fold:
                    tagger.train(chunk, iteration * len(chunks) + index)
        return tagger

    complete = tagger_without(None)
    jackknifed = [tagger_without(fold) for fold in range(FOLDS)]
    progress(f"parser: {FOLDS + 1} taggers trained")
    maker = jvm.GreedyTransition.DependencyMaker(complete)
    field = maker.getClass().getDeclaredField("tagger")
    field.setAccessible(True)
    for iteration in range(iterations):
        share = 0.0
        for index, chunk in enumerate(chunks):
            field.set(maker, jackknifed[index % FOLDS])
            share += maker.train(chunk, iteration * len(chunks) + index)
        progress(f"parser: iteration {iteration + 1} of {iterations}, UAS while training {share / len(chunks):.3f}")
    return TrainedParser(
        tagger=_perceptron_of(jvm, complete, "Tagger").toString().split("\n"),
        moves=maker.toString().split("\n"),
        classes=classes,
        dictionary=dictionary,
    )


def as_model(spark: SparkSession, parser: TrainedParser, least: float | None) -> DependencyParserModel:
    """A Spark NLP model of the parser; with `least`, weights exact and pruned, without it, as trained."""
    jvm = _parser_package(spark)
    tagger = jvm.Tagger(parser.classes, parser.dictionary)
    with tempfile.TemporaryDirectory() as folder:

        def lines(name: str, perceptron: Iterable[str]) -> Any:
            path = Path(folder) / name
            kept = perceptron if least is None else pruned(perceptron, least)
            path.write_text("\n".join(kept) + "\n", encoding="utf-8", newline="\n")
            return spark._jvm.scala.io.Source.fromFile(str(path), "UTF-8").getLines()  # type: ignore[union-attr]

        _perceptron_of(jvm, tagger, "Tagger").load(lines("tagger", parser.tagger))
        maker = jvm.GreedyTransition.DependencyMaker.load(lines("moves", parser.moves), tagger)
    model = DependencyParserModel(java_model=jvm.DependencyParserModel().setPerceptron(maker))
    return model.setInputCols("document", "pos", "token").setOutputCol("dependency")


def evaluate(
    spark: SparkSession, sentences: Sequence[Sequence[Word]], tagger: PerceptronModel, parser: DependencyParserModel
) -> tuple[float, float]:
    """(tagging accuracy, UAS with predicted tags) on gold tokens, punctuation included."""
    rows = [(index, " ".join(word.form for word in words)) for index, words in enumerate(sentences)]
    frame = spark.createDataFrame(rows, ["index", "text"])
    stages = [
        DocumentAssembler().setInputCol("text").setOutputCol("document"),
        RegexTokenizer().setInputCols("document").setOutputCol("token").setPattern(" ").setToLowercase(False),
        tagger.setInputCols("document", "token").setOutputCol("pos"),
        parser.setInputCols("document", "pos", "token").setOutputCol("dependency"),
    ]
    for stage in stages:
        frame = stage.transform(frame)
    found = frame.orderBy("index").select("pos.result", "dependency.metadata").collect()
    tags = agreement([[w.tag for w in words] for words in sentences], [row[0] for row in found])
    heads = [[int(token["head"]) for token in row[1]] for row in found]
    return tags, agreement([[w.head for w in words] for words in sentences], heads)


def zip_model(model: Any, archive: Path) -> int:
    """Save a Spark NLP model as one zip file, the same bytes for the same model; returns its size in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        model.write().overwrite().save(f"file://{saved}")
        archive.parent.mkdir(parents=True, exist_ok=True)
        partial = archive.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
            for path in sorted(saved.rglob("*")):
                # Hadoop's checksum files would be stale for a reader on another file system.
                if path.is_file() and path.suffix != ".crc":
                    entry = zipfile.ZipInfo(str(path.relative_to(saved)), date_time=(1980, 1, 1, 0, 0, 0))
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    with open(path, "rb") as source, target.open(entry, "w") as sink:
                        shutil.copyfileobj(source, sink)
        partial.replace(archive)
    return archive.stat().st_size


def fit_to_size(
    spark: SparkSession, parser: TrainedParser, archive: Path, most_bytes: float, thresholds: Sequence[float]
) -> Iterator[tuple[float, int]]:
    """Write the parser pruned at rising thresholds until its archive fits; yields (threshold, bytes) of each."""
    for least in thresholds:
        size = zip_model(as_model(spark, parser, least), archive)
        yield least, size
        if size <= most_bytes:
            return


def _parser_package(spark: SparkSession) -> Any:
    package: Any = spark._jvm
    for name in _PACKAGE.split("."):
        package = getattr(package, name)
    return package


def _perceptron_of(jvm: Any, owner: Any, kind: str) -> Any:
    """The weights inside a Tagger, through the public accessor that the Scala compiler made."""
    return getattr(owner, f"{_PACKAGE.replace('.', '$')}${kind}$$perceptron")()


def _to_jvm(sentences: Sequence[list[Word]]) -> Any:
    """A Scala list of sentences, read by Spark NLP's own CoNLL-U reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "treebank.conllu"
        path.write_text(to_conllu(sentences), encoding="utf-8")
        approach = DependencyParserApproach().setInputCols("document", "pos", "token").setOutputCol("dependency")
        approach.setConllU(f"file://{path}")
        approach._transfer_params_to_java()
        return approach._java_obj.getTrainingSentences()
