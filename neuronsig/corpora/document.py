"""Bytes to characters, lines to paragraphs, paragraphs to documents: what all formats share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Metadata = dict[str, list[str]]
Notes = dict[str, int]

# Line and paragraph separators, vertical tab and form feed end a line; a lone carriage return does too.
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\u2028\u2029]")
# Invisible: C0 and C1 controls but tab and line feed, soft hyphen, zero-width space, word joiner, BOM,
# directional marks.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_BULLET = re.compile(r"^\s*(?:[-*+•·o]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+(?=\S)")
_RULE = re.compile(r"^[\W_]*$")
_HYPHENATED = re.compile(r"\w-$")
_WRAP_COLUMNS = 100
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def decode(data: bytes, encoding: str, notes: Notes) -> str:
    """Bytes as text without a byte-order mark; bytes the encoding has no character for become U+FFFD.

    An empty `encoding` means the one a byte-order mark names, else UTF-8. Replaced bytes are counted in `notes`
    as `undecodable_bytes`.
    """
    for mark, marked in _BOMS:
        if data.startswith(mark) and encoding.lower().replace("_", "-") in ("", "utf-8", "utf8", "utf-16", marked):
            data, encoding = data[len(mark) :], marked
            break
    encoding = encoding or "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii", "us-ascii"):
        text, undecodable = _SURROGATES.subn("\ufffd", data.decode(encoding, "surrogateescape"))
    else:
        text = data.decode(encoding, "replace")
        undecodable = text.count("\ufffd")
    count(notes, "undecodable_bytes", undecodable)
    return text


def line_feeds(text: str) -> str:
    """The text with every kind of line end as a line feed, and no invisible characters."""
    return _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))


def clean(text: str, notes: Notes) -> str:
    """One line: runs of white space as one space, invisible characters gone, lone surrogates replaced and counted."""
    text, lone = _SURROGATES.subn("\ufffd", _SPACES.sub(" ", line_feeds(text)).strip())
    count(notes, "lone_surrogates", lone)
    return text


def blocks(text: str) -> Iterator[list[str]]:
    """The runs of lines between blank lines, each line without trailing white space."""
    for block in _BLANK_LINES.split(line_feeds(text).strip("\n")):
        lines = [line.rstrip().expandtabs() for line in block.split("\n") if line.strip()]
        if lines:
            yield lines


def join_lines(lines: list[str]) -> str:
    """Wrapped lines as one: no space after a hyphen or dash at a line's end, one space elsewhere."""
    pieces: list[str] = []
    for line in lines:
        line = line.strip()
        if pieces:
            # Only the last line is looked at: a block may have a million.
            glued = pieces[-1].endswith(("--", "—")) or (_HYPHENATED.search(pieces[-1][-2:]) and line[:1].islower())
            pieces.append("" if glued else " ")
        pieces.append(line)
    return "".join(pieces)


def loose_paragraphs(text: str) -> list[str]:
    """Paragraphs of text of unknown layout: mail, readmes, anybody's text files.

    Blank lines separate paragraphs. Within them a line stands alone when lines are too long to have been
    wrapped, when it is an item of a list, when the next one is indented anew, or when it ends so far before
    the margin that the next line's first word would have fitted on it and that line does not go on in lower case.
    """
    found: list[str] = []
    for lines in blocks(text):
        width = max(len(line) for line in lines)
        if width > _WRAP_COLUMNS:
            found += [line.strip() for line in lines]
            continue
        start = 0
        for index in range(1, len(lines) + 1):
            if index == len(lines) or _breaks(lines, index, width):
                paragraph = join_lines([_BULLET.sub("", lines[start], count=1), *lines[start + 1 : index]])
                if not _RULE.match(paragraph):
                    found.append(paragraph)
                start = index
    return found


def _breaks(lines: list[str], index: int, width: int) -> bool:
    """Whether a paragraph begins at lines[index], judged by it and by the line before."""
    before, line = lines[index - 1], lines[index]
    text = line.strip()
    if _BULLET.match(line) or _RULE.match(line) or _RULE.match(before):
        return True
    indent, indent_before = len(line) - len(line.lstrip()), len(before) - len(before.lstrip())
    if indent >= indent_before + 2 and before.rstrip().endswith((".", "!", "?", ":", '"')):
        return True
    if text[0].islower() or before.rstrip().endswith((",", "-", "(")):
        return False
    return len(before) + 1 + len(text.split()[0]) <= 0.7 * width or (
        width < 50
        and len(before) + 1 + len(text.split()[0]) <= width
        and before.rstrip().endswith((".", "!", "?", ":"))
    )


@dataclass(frozen=True)
class Document:
    """One document of a corpus, or a record that was skipped.

    `text` holds paragraphs separated by one blank line, each on one line; no sentence spans two of them.
    `doc_id` is the publisher's own id, unique in the source and the same in every run. `metadata` maps a
    field (author, entity, sentiment, topic, category, ...; P1 Table 1) to its values. `skipped` is the reason
    why the record yields no text, else None. `notes` counts what was replaced or left out on the way.
    """

    doc_id: str
    text: str
    metadata: Metadata = field(default_factory=dict)
    skipped: str | None = None
    notes: Notes = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        doc_id: str,
        paragraphs: Iterable[str],
        metadata: Mapping[str, str | Iterable[str] | None],
        notes: Notes,
        empty: str = "empty",
    ) -> Document:
        """A document of the paragraphs that have any text; skipped for the reason `empty` when none has."""
        kept = [one for paragraph in paragraphs if (one := clean(paragraph, notes))]
        if not any(character.isalnum() for one in kept for character in one):
            return cls.skip(doc_id, empty, notes)
        return cls(doc_id, "\n\n".join(kept), _tidy(metadata), None, _without_zeros(notes))

    @classmethod
    def skip(cls, doc_id: str, reason: str, notes: Notes | None = None) -> Document:
        """A record that is counted under `reason` and yields no text."""
        return cls(doc_id, "", {}, reason, _without_zeros(notes or {}))


def _tidy(metadata: Mapping[str, str | Iterable[str] | None]) -> Metadata:
    """Fields with their distinct non-empty values, in the order they came in."""
    tidy: Metadata = {}
    for name, given in metadata.items():
        values = [given] if isinstance(given, str) else given or ()
        if kept := list(dict.fromkeys(one for value in values if (one := clean(value, {})))):
            tidy[name] = kept
    return tidy


def _without_zeros(notes: Notes) -> Notes:
    return {name: count for name, count in notes.items() if count}


def count(notes: Notes, name: str, amount: int = 1) -> None:
    """Add to one of a document's counts."""
    if amount:
        notes[name] = notes.get(name, 0) + amount
