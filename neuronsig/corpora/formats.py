"""The formats by name: which files hold documents, and how they are parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from neuronsig.config import SourceConfig
from neuronsig.config.text import FORMATS
from neuronsig.corpora import (
    csv_file,
    documentation,
    folder,
    gutenberg,
    imdb,
    jsonl,
    newsgroups,
    parquet_file,
    reuters,
    sentiment140,
    wikipedia_dump,
    wikipedia_extracted,
)
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import SourceFile

_MODULES: dict[str, ModuleType] = {
    "reuters": reuters,
    "newsgroups": newsgroups,
    "imdb": imdb,
    "sentiment140": sentiment140,
    "wikipedia_dump": wikipedia_dump,
    "wikipedia_extracted": wikipedia_extracted,
    "gutenberg": gutenberg,
    "text": folder,
    "jsonl": jsonl,
    "csv": csv_file,
    "parquet": parquet_file,
    "documentation": documentation,
}


HOMES = {
    "reuters": "reuters",
    "newsgroups": "newsgroups",
    "imdb": "imdb",
    "sentiment140": "sentiment140",
    "wikipedia_dump": "wikipedia",
    "gutenberg": "gutenberg",
}
"""Formats, and the home in conf/download that neuronsig download gets them from."""


@dataclass(frozen=True)
class Format:
    """One native format.

    `wanted` says of a file's name (below the source's path, or inside an archive) whether it holds documents,
    `side` whether it holds what documents elsewhere need, and `parse` yields a file's documents in order.
    """

    name: str
    wanted: Callable[[str], bool]
    side: Callable[[str], bool]
    parse: Callable[[SourceFile, SourceConfig], Iterator[Document]]


def _no_side_files(name: str) -> bool:
    return False


def format_of(source: SourceConfig) -> Format:
    module = _MODULES[source.format]
    return Format(source.format, module.wanted, getattr(module, "side", _no_side_files), module.parse)


def how_to_get(source: SourceConfig, key: str) -> str:
    """What to do where a source's path holds nothing, in words."""
    left_out = f"leave it out of several sources with '~{key}'"
    if home := HOMES.get(source.format):
        return f"check the path, get it with neuronsig download download.corpora=[{home}], or {left_out}"
    if source.format == "wikipedia_extracted":
        return (
            f"check the path, make it of a dump with wikiextractor (neuronsig download has only the dump, which "
            f"corpus=wikipedia reads as it is), or {left_out}"
        )
    return "check the path"


assert set(_MODULES) == set(FORMATS)
