"""The dependency parser that ships with the package, in Spark's workers: no JVM takes part in it."""

import zipfile
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

import pyarrow as pa

from neuronsig.annotation.parser import DependencyParser

MODELS = resources.files("spark_jobs") / "models"
"""The archives shipped here, which may themselves lie in a zip archive."""
PARSER = "dependency_ewt.zip"


def parser_texts() -> tuple[str, str]:
    """Spark NLP's text of the shipped parser: the tagger inside it, and its moves."""
    with (MODELS / PARSER).open("rb") as file, zipfile.ZipFile(file) as archive:
        return archive.read("tagger.txt").decode(), archive.read("moves.txt").decode()


@cache
def shipped_parser() -> DependencyParser:
    """The parser, read once by each process of a worker."""
    return DependencyParser(*parser_texts())


def with_heads(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each batch with the heads of its `tokens`; for `mapInArrow`."""
    yield from shipped_parser().with_heads(parts)
