"""The formats by name: which files hold documents, and how they are parsed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from neuronsig.config import SourceConfig, text
from neuronsig.corpora import documentation, folder, gutenberg, newsgroups, reuters, rows, sentiment, wikipedia
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import SourceFile


@dataclass(frozen=True)
class Format:
    """One native format.

    `wanted` says of a file's name (below the source's path, or inside an archive) whether it holds documents,
    `side` whether it holds what documents elsewhere need, and `parse` yields a file's documents in order. `home` is
    the entry of conf/download that neuronsig download gets such a corpus from.
    """

    wanted: Callable[[str], bool]
    parse: Callable[[SourceFile, SourceConfig], Iterator[Document]]
    home: str = ""
    side: Callable[[str], bool] | None = None


def _any(name: str) -> bool:
    return True


FORMATS = {
    "documentation": Format(_any, documentation.parse),
    "reuters": Format(reuters.wanted, reuters.parse, "reuters"),
    "newsgroups": Format(newsgroups.wanted, newsgroups.parse, "newsgroups"),
    "imdb": Format(sentiment.is_review, sentiment.parse_reviews, "imdb", sentiment.is_film_list),
    "sentiment140": Format(sentiment.is_tweets, sentiment.parse_tweets, "sentiment140"),
    "wikipedia_dump": Format(wikipedia.is_dump, wikipedia.parse_dump, "wikipedia"),
    "wikipedia_extracted": Format(wikipedia.is_extracted, wikipedia.parse_extracted),
    "gutenberg": Format(gutenberg.wanted, gutenberg.parse, "gutenberg"),
    "text": Format(_any, folder.parse),
    "jsonl": Format(rows.is_jsonl, rows.parse_jsonl),
    "csv": Format(rows.is_csv, rows.parse_csv),
    "parquet": Format(rows.is_parquet, rows.parse_parquet),
}
assert set(FORMATS) == set(text.FORMATS)


def how_to_get(source: SourceConfig, key: str) -> str:
    """What to do where a source's path holds nothing, in words."""
    left_out = f"leave it out of several sources with '~{key}'"
    if home := FORMATS[source.format].home:
        return f"check the path, get it with neuronsig download download.corpora=[{home}], or {left_out}"
    if source.format == "wikipedia_extracted":
        return (
            f"check the path, make it of a dump with wikiextractor (neuronsig download has only the dump, which "
            f"corpus=wikipedia reads as it is), or {left_out}"
        )
    return "check the path"
