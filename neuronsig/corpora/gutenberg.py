"""Project Gutenberg books as plain text: header and licence around the body, lines wrapped at about 70 characters."""

import posixpath
import re
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes, blocks, count, decode, join_lines, line_feeds
from neuronsig.corpora.files import SourceFile, bare_name

_START_LINE = re.compile(r"^\*{3} ?START OF TH(?:E|IS) PROJECT GUTENBERG EBOOK[^*]*\*{3}[^\n]*\n", re.M | re.I)
_END_LINE = re.compile(
    r"^(?:\*{3} ?END OF TH(?:E|IS) PROJECT GUTENBERG EBOOK|End of (?:the )?Project Gutenberg(?:'s|’s)?\b)[^\n]*",
    re.M | re.I,
)
_FIELD = re.compile(r"^(Title|Author|Language|Release Date):[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.M)
_ILLUSTRATION = re.compile(r"\[\s*(?:Illustrations?|Frontispiece|Picture)\b", re.I)
_CREDIT = re.compile(r"^(?:E-?text )?(?:Produced|Transcribed|Prepared|Scanned) by\b|^\[?Transcriber.s note", re.I)
_SUBSCRIPT = re.compile(r"_\{(\w+)\}")
_PAGE_MARK = re.compile(r"\{(?:pg )?\d+\}|^/\*\s*(?:NIND\s)?|\s*\*/$")
_AFTERWORD = re.compile(r"^\W*(?:transcriber.s notes?|typos fixed|errata|typographical errors|corrections?)\b", re.I)
_STRONG = re.compile(r"(?<!\S)[=+*](?=\w)([^=+*\n]{1,80}\w[.!?]?)[=+*](?!\w)")
_FOOTNOTE_MARK = re.compile(r"\[(?:\d{1,3}|[A-Z*])\]")
_CONTENTS = re.compile(r"^\W*(?:table of )?(?:contents|list of illustrations|illustrations)\W*$", re.I)
_RULE = re.compile(r"^[\W_]*$")


def wanted(name: str) -> bool:
    return bare_name(name).lower().endswith(".txt")


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """The book's body in paragraphs; metadata author (several where the header names several) and title.

    Counted and left out: `illustrations`, `contents_lines` (tables of contents), `afterword_lines` (transcriber's
    notes at the end). A text without the marks of
    Project Gutenberg is skipped as `not_gutenberg`.
    """
    notes: Notes = {}
    text = line_feeds(decode(file.read(), source.encoding or "utf-8", notes))
    doc_id = posixpath.splitext(posixpath.basename(bare_name(file.name)))[0]
    start = _START_LINE.search(text)
    if start is None:
        yield Document.skip(doc_id, "not_gutenberg", notes)
        return
    end = _END_LINE.search(text, start.end())
    if end is None:
        count(notes, "no_end_mark")
    fields = dict(_FIELD.findall(text[: start.start()]))
    metadata = {
        "author": _authors(" ".join(fields.get("Author", "").split())),
        "title": fields.get("Title", "").split("\n")[0].rstrip(": "),
    }
    body = _without_illustrations(text[start.end() : end.start() if end else len(text)], notes)
    yield Document.of(doc_id, _paragraphs(body, notes), metadata, notes)


def _authors(text: str) -> list[str]:
    return [one.strip() for one in re.split(r"\s+and\s+|;|,\s+and\s+", text) if one.strip()]


def _without_illustrations(text: str, notes: Notes) -> str:
    """Cut `[Illustration: ...]` blocks, whose captions may hold brackets and blank lines."""
    kept, position = [], 0
    for found in _ILLUSTRATION.finditer(text):
        if found.start() < position:
            continue
        depth = 0
        for index in range(found.start(), min(len(text), found.start() + 5000)):
            depth += (text[index] == "[") - (text[index] == "]")
            if depth == 0:
                kept.append(text[position : found.start()])
                position = index + 1
                count(notes, "illustrations")
                break
    return "".join([*kept, text[position:]])


def _paragraphs(body: str, notes: Notes) -> Iterator[str]:
    listing = False
    found = list(blocks(body))
    for number, lines in enumerate(found):
        if number < 12 and _CREDIT.match(lines[0].strip()):
            continue
        if _CONTENTS.match(lines[0]):
            listing, lines = True, lines[1:]
            count(notes, "contents_lines")
            if not lines:
                continue
        if listing:
            if _is_prose(lines):
                listing = False
            else:
                count(notes, "contents_lines", len(lines))
                continue
        paragraph = join_lines(lines)
        if number > 0.95 * len(found) and _AFTERWORD.match(paragraph):
            count(notes, "afterword_lines", sum(map(len, found[number:])))
            return
        if not _RULE.match(paragraph):
            yield _plain(paragraph)


def _plain(paragraph: str) -> str:
    """Without the marks of emphasis, footnotes and pages."""
    text = _PAGE_MARK.sub("", _SUBSCRIPT.sub(r"\1", paragraph))
    return _FOOTNOTE_MARK.sub("", _STRONG.sub(r"\1", text.replace("_", "")))


def _is_prose(lines: list[str]) -> bool:
    """A paragraph of the book itself rather than entries of a table of contents: a closed sentence of some length."""
    text = join_lines(lines)
    entry = re.match(r"(?:chapter|part|book|letter|stave|volume|[ivxlc]+\.|\d+\.?)\b", text, re.I)
    return not entry and len(text.split()) >= 12 and re.search(r"[.!?][\"”’')]*$", text) is not None
