"""Large Movie Review Dataset v1.0: `aclImdb/{train,test}/{pos,neg,unsup}/<id>_<rating>.txt` (Maas et al. 2011)."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes, decode
from neuronsig.corpora.files import SourceFile

_PATH = re.compile(r"(?:^|/)(train|test)/(pos|neg|unsup)/(\d+)_(\d+)\.txt$")
_URLS = re.compile(r"(?:^|/)(train|test)/urls_(pos|neg|unsup)\.txt$")
# The words of Sentiment140, so that rankings by sentiment count both corpora.
_POLARITY = {"pos": "positive", "neg": "negative"}
_BREAKS = re.compile(r"\s*(?:<br\s*/?>\s*)+", re.I)
_TAGS = re.compile(r"</?(?:i|b|u|em|strong|hr|p|a|font|spoilers?|span|div)\b[^<>]{0,200}>", re.I)
_FILM = re.compile(r"/title/(tt\d+)")


def wanted(name: str) -> bool:
    return _PATH.search(name) is not None


def side(name: str) -> bool:
    """The lists that name the film of each review: line <id> + 1 of its folder's list."""
    return _URLS.search(name) is not None


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """The review; metadata sentiment (positive, negative), rating (1 to 10), entity (the film's id at IMDb), split."""
    place = _PATH.search(file.place)
    assert place is not None
    split, label, number, rating = place.groups()
    notes: Notes = {}
    text = html.unescape(decode(file.read(), source.encoding or "utf-8", notes))
    labelled = label != "unsup"
    metadata = {
        "sentiment": _POLARITY.get(label),
        "rating": rating if labelled else None,
        "entity": _film(file, split, label, int(number)),
        "split": split,
    }
    yield Document.of(f"{split}/{label}/{number}_{rating}", _paragraphs(text), metadata, notes)


def _paragraphs(text: str) -> list[str]:
    """A single line break inside a sentence is a wrapped line; any other ends a paragraph."""
    pieces: list[str] = []
    single = False
    position = 0
    for found in [*_BREAKS.finditer(text), None]:
        piece = _TAGS.sub("", text[position : found.start() if found else len(text)])
        if single and pieces and piece.lstrip()[:1].islower() and not pieces[-1].rstrip().endswith((".", "!", "?")):
            pieces[-1] += " " + piece.lstrip()
        else:
            pieces.append(piece)
        if found:
            single = found[0].lower().count("<br") == 1
            position = found.end()
    return pieces


def _film(file: SourceFile, split: str, label: str, number: int) -> str | None:
    for name, lines in file.side.items():
        if posixpath.join(split, f"urls_{label}.txt") in name:
            urls = lines.split(b"\n")
            found = _FILM.search(urls[number].decode("ascii", "replace")) if number < len(urls) else None
            return found[1] if found else None
    return None
