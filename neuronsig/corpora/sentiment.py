"""Text labelled with a sentiment: IMDb's reviews (Maas et al. 2011) and Sentiment140's tweets (Go et al. 2009).

Large Movie Review Dataset v1.0 is `aclImdb/{train,test}/{pos,neg,unsup}/<id>_<rating>.txt`; Sentiment140 six columns in
double quotes without a header: polarity, id, date, query, user, text.
"""

import io
import posixpath
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TextIO

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import WIDE, Notes, count, decode, open_text, replaced, unescape
from neuronsig.corpora.csv_records import records
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import SourceFile, bare_name

_PATH = re.compile(r"(?:^|/)(train|test)/(pos|neg|unsup)/(\d+)_(\d+)\.txt\Z")
_URLS = re.compile(r"(?:^|/)(train|test)/urls_(pos|neg|unsup)\.txt\Z")
# As POLARITY has it, so that rankings by sentiment count both corpora.
_LABELS = {"pos": "positive", "neg": "negative"}
_BREAKS = re.compile(r"\s*(?:<br\s*/?>\s*)+", re.I)
_TAGS = re.compile(r"</?(?:i|b|u|em|strong|hr|p|a|font|spoilers?|span|div)\b[^<>]{0,200}>", re.I)
_FILM = re.compile(r"/title/(tt\d+)")


def is_review(name: str) -> bool:
    return _PATH.search(name) is not None


def is_film_list(name: str) -> bool:
    """The lists that name the film of each review: line <id> + 1 of its folder's list."""
    return _URLS.search(name) is not None


def parse_reviews(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """The review; metadata sentiment (positive, negative), rating (1 to 10), entity (the film's id at IMDb), split."""
    place = _PATH.search(file.place)
    assert place is not None
    split, label, number, rating = place.groups()
    notes: Notes = {}
    text = unescape(decode(file.read(), source.encoding, notes))
    labelled = label != "unsup"
    metadata = {
        "sentiment": _LABELS.get(label),
        "rating": rating if labelled else None,
        "entity": _film(file, split, label, int(number)),
        "split": split,
    }
    yield Document.of(f"{split}/{label}/{number}_{rating}", _review_paragraphs(text), metadata, notes)


def _review_paragraphs(text: str) -> list[str]:
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


POLARITY = {"0": "negative", "2": "neutral", "4": "positive"}
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")
COLUMNS = 6


def is_tweets(name: str) -> bool:
    return bare_name(name).lower().endswith(".csv")


def parse_tweets(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each tweet; metadata sentiment (negative, neutral, positive), author (user), query, date, split.

    The published file is latin-1; copies are often UTF-8. A record that is valid UTF-8 is read as such, since
    latin-1 reads it without an error and wrongly. HTML entities are resolved.
    """
    split = "test" if "test" in posixpath.basename(file.name).lower() else "train"
    lines, plain = _opened(file, source)
    with lines as stream:
        for number, (row, notes) in enumerate(records(stream, delimiter=","), 1):
            doc_id = f"{split}/{number:07d}"
            if row is None or len(row) != COLUMNS or row[0] not in POLARITY:
                yield Document.skip(doc_id, "broken_record", notes)
                continue
            polarity, _, date, query, user, text = row
            metadata = {
                "sentiment": POLARITY[polarity],
                "author": plain(user, notes),
                "query": None if query == "NO_QUERY" else plain(query, notes),
                "date": _date(date),
                "split": split,
            }
            yield Document.of(doc_id, [_tweet(plain(text, notes), notes)], metadata, notes)


def _opened(file: SourceFile, source: SourceConfig) -> tuple[TextIO, Callable[[str, Notes], str]]:
    """The lines of a file of tweets, and what makes characters of the strings in them."""
    lines, encoding = open_text(file.open(), source.encoding, otherwise="latin-1")
    if encoding.startswith(WIDE):
        return lines, lambda text, notes: replaced(text, encoding, notes)
    # latin-1 keeps every byte as one character, so a record's bytes can be had back and tried as UTF-8.
    plain = io.TextIOWrapper(lines.detach(), encoding="latin-1", newline="")
    return plain, lambda text, notes: _decode(text, source.encoding, notes)


def _tweet(text: str, notes: Notes) -> str:
    for _ in range(2):  # entities were escaped twice in part of the tweets: &amp;quot;
        text = _ENTITY.sub(lambda found: unescape(found[0]), text)
    count(notes, "replacement_characters", text.count("\ufffd"))
    return text


def _decode(text: str, encoding: str, notes: Notes) -> str:
    if text.isascii():
        return text
    data = text.encode("latin-1")
    for candidate in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            return data.decode(candidate)
        except UnicodeDecodeError:
            continue
    if encoding:
        count(notes, "undecodable_bytes", data.decode(encoding, "replace").count("\ufffd"))
        return data.decode(encoding, "replace")
    return text


def _date(text: str) -> str:
    """`Mon Apr 06 22:19:45 PDT 2009` as 2009-04-06; empty where the column holds something else."""
    parts = text.split()
    try:
        return datetime.strptime(f"{parts[1]} {parts[2]} {parts[-1]}", "%b %d %Y").date().isoformat()
    except (ValueError, IndexError):
        return ""
