"""Lines to paragraphs, paragraphs to documents: what all formats share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from neuronsig.corpora.characters import Notes, clean, clean_id, line_feeds
from neuronsig.letters import is_mark

Metadata = dict[str, list[str]]

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_BULLET = re.compile(r"^\s*(?:[-*+•·o]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+(?=\S)")
_RULE = re.compile(r"^[\W_]*$")
_WRAP_COLUMNS = 100


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
            glued = pieces[-1].endswith(("--", "—")) or (_is_hyphenated(pieces[-1][-2:]) and line[:1].islower())
            pieces.append("" if glued else " ")
        pieces.append(line)
    return "".join(pieces)


def _is_hyphenated(end: str) -> bool:
    return len(end) == 2 and end[1] == "-" and (end[0].isalnum() or end[0] == "_" or is_mark(end[0]))


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

    `of` and `skip` make one of strings from outside, and clean them all.
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
        fields = _tidy(metadata, notes)
        return cls(clean_id(doc_id, notes), "\n\n".join(kept), fields, None, _without_zeros(notes))

    @classmethod
    def skip(cls, doc_id: str, reason: str, notes: Notes | None = None) -> Document:
        """A record that is counted under `reason` and yields no text."""
        notes = {} if notes is None else notes
        return cls(clean_id(doc_id, notes), "", {}, reason, _without_zeros(notes))


def _tidy(metadata: Mapping[str, str | Iterable[str] | None], notes: Notes) -> Metadata:
    """Fields with their distinct non-empty values, cleaned, in the order they came in."""
    tidy: Metadata = {}
    for name, given in metadata.items():
        values = [given] if isinstance(given, str) else given or ()
        if kept := list(dict.fromkeys(one for value in values if (one := clean(value, notes)))):
            tidy[name] = kept
    return tidy


def _without_zeros(notes: Notes) -> Notes:
    return {name: count for name, count in notes.items() if count}
