"""Training of the annotators that ship with the package: a POS tagger and an unlabelled dependency parser.

The parser is assembled from the classes behind Spark NLP's `DependencyParserApproach`, for two reasons found in
its source (5.5.3) and confirmed by measurement. It does not read the `pos` column: `DependencyMaker.process`
asks a tagger of its own, which that estimator fills with a dictionary of unambiguous words and never trains, so
that every other word gets the first tag of the list. And its averaged weights are rounded toward zero. Here that
tagger is trained, the parser learns on tags predicted by taggers that did not see the sentence (jackknifing, as
at use time), and the weights are kept exact (`neuronsig.annotation.treebank.pruned`).
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
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

from neuronsig.annotation.treebank import (
    Word,
    agreement,
    count_weights,
    interleaved,
    pruned,
    to_conllu,
    to_tagged_lines,
    without_separators,
)
from neuronsig.storage.whole_files import written
from spark_jobs.annotators import parser_package
from spark_jobs.tables import uri

DELIMITER = "\x1f"  # ASCII's unit separator: in no token of any treebank
FOLDS = 4
TAGGER_ITERATIONS = 5
_CHUNKS_PER_FOLD = 8

Progress = Callable[[str], None]


@dataclass
class TrainedParser:
    """A trained parser as the lines that Spark NLP writes of its inner tagger and of its moves."""

    tagger: list[str]
    moves: list[str]

    def weights(self) -> int:
        return count_weights(self.tagger) + count_weights(self.moves)

    def pruned(self, least: float) -> TrainedParser:
        """Weights made exact and those below `least` dropped (`neuronsig.annotation.treebank.pruned`)."""
        return TrainedParser(list(pruned(self.tagger, least)), list(pruned(self.moves, least)))


def train_tagger(spark: SparkSession, sentences: Sequence[Sequence[Word]], iterations: int) -> PerceptronModel:
    """Spark NLP's averaged perceptron tagger on gold tokens; the tagset is the treebank's XPOS (Penn)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text(to_tagged_lines(sentences, DELIMITER), encoding="utf-8")
        frame = POS().readDataset(spark, uri(path), delimiter=DELIMITER, outputPosCol="tags")
        approach = PerceptronApproach().setInputCols("document", "token").setOutputCol("pos")
        return approach.setPosColumn("tags").setNIterations(iterations).fit(frame)


def train_parser(
    spark: SparkSession, sentences: Sequence[list[Word]], iterations: int, progress: Progress
) -> TrainedParser:
    """The parser's two perceptrons, as text; `progress` gets one line an iteration.

    Sentence i is parsed with the tags of a tagger that was trained without fold i mod FOLDS.
    """
    jvm = parser_package(spark)
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
    return TrainedParser(tagger=without_separators(complete.toString().split("\n")), moves=maker.toString().split("\n"))


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


def zip_tagger(model: PerceptronModel, archive: Path) -> int:
    """Save the tagger as one zip file, the same bytes for the same files; returns its size in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        model.write().overwrite().save(uri(saved))
        # Hadoop's checksum files would be stale for a reader on another file system.
        files = [path for path in sorted(saved.rglob("*")) if path.is_file() and path.suffix != ".crc"]
        return zip_bytes(archive, {str(path.relative_to(saved)): path.read_bytes() for path in files})


def zip_parser(parser: TrainedParser, archive: Path) -> int:
    """Save the parser's lines as one zip file, the same bytes for the same lines; returns its size in bytes."""
    texts = {"tagger.txt": parser.tagger, "moves.txt": parser.moves}
    return zip_bytes(archive, {name: ("\n".join(lines) + "\n").encode() for name, lines in texts.items()})


def zip_bytes(archive: Path, files: Mapping[str, bytes]) -> int:
    with written(archive) as partial, zipfile.ZipFile(partial, "w") as target:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            target.writestr(entry, data, compress_type=zipfile.ZIP_LZMA)
    return archive.stat().st_size


def _to_jvm(sentences: Sequence[list[Word]]) -> Any:
    """A Scala list of sentences, read by Spark NLP's own CoNLL-U reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "treebank.conllu"
        path.write_text(to_conllu(sentences), encoding="utf-8")
        approach = DependencyParserApproach().setInputCols("document", "pos", "token").setOutputCol("dependency")
        approach.setConllU(uri(path))
        approach._transfer_params_to_java()
        return approach._java_obj.getTrainingSentences()
