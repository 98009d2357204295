"""Project Gutenberg books as plain text: header and licence around the body, lines wrapped at about 70 characters."""

import codecs
import posixpath
import re
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import Notes, count, decode, encoding_of, is_encoding, line_feeds
from neuronsig.corpora.document import Document, blocks, join_lines
from neuronsig.corpora.files import SourceFile, bare_name

# A title may be broken into lines and have asterisks of its own; the last ones of a line end it.
_START_LINE = re.compile(
    r"^\*{3} ?START OF TH(?:E|IS) PROJECT GUTENBERG E(?:BOOK|-?TEXT)"
    r"(?:[^\n]*(?:\n[^\n]+){0,3}?\*{3}[^\n*]*\n|[^\n]*\n)",
    re.M | re.I,
)
# Books of before 2004 begin below the "small print".
_SMALL_PRINT_END = re.compile(r"^\*END\b[* ]{0,3}THE SMALL PRINT![^\n]*\n", re.M | re.I)
_END_LINE = re.compile(
    r"^(?:\*{3} ?END OF TH(?:E|IS) PROJECT GUTENBERG E(?:BOOK|-?TEXT)"
    r"|[^\w\n]{0,3}End(?:ing)? of (?:the |this )?Project Gutenberg(?:'s|’s)?\b"
    r"|\*{3} ?START: FULL LICENSE)[^\n]*",
    re.M | re.I,
)
_ENCODING = re.compile(rb"^Character set encoding:[ \t]*([^\r\n]+)", re.M | re.I)
_ETEXT_OF = re.compile(
    r"^[^\w\n]*(?:The |This is the )?Project Gutenberg(?:'s)? E-?text of (.+?),? by (.+?)\W*$", re.M | re.I
)
_MARKED = re.compile(rb"PROJECT GUTENBERG E(?:BOOK|-?TEXT)|THE SMALL PRINT!", re.I)
_HEADER_BYTES = 1 << 15
_REFUTED = ("ascii", "utf-7", "utf-8")
_LATIN = re.compile(r"^iso[- ]latin", re.I)
_CODE_PAGE = re.compile(r"(?:windows )?(?:cp|codepage|code page)[- ]?(\d+)", re.I)
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

    A book that is not UTF-8 is read in the encoding that its header names, latin-1 where that names none. Counted and
    left out: `illustrations`, `contents_lines` (tables of contents), `afterword_lines` (transcriber's notes at the
    end), `more_books` (below the first in its file). A text without the marks of Project Gutenberg is
    skipped as `not_gutenberg`.
    """
    notes: Notes = {}
    data = file.read()
    text = line_feeds(decode(data, source.encoding or _encoding(data), notes))
    doc_id = posixpath.splitext(posixpath.basename(bare_name(file.name)))[0]
    found = _body(text)
    if found is None:
        yield Document.skip(doc_id, "not_gutenberg", notes)
        return
    start, end = found
    if end == len(text):
        count(notes, "no_end_mark")
    count(notes, "more_books", len(_START_LINE.findall(text, end)))
    fields = dict(_FIELD.findall(text[:start]))
    if not fields and (named := _ETEXT_OF.search(text[:start])):
        fields = {"Title": named[1], "Author": named[2]}
    metadata = {
        "author": _authors(" ".join(fields.get("Author", "").split())),
        "title": fields.get("Title", "").split("\n")[0].rstrip(": "),
    }
    yield Document.of(doc_id, _paragraphs(_without_illustrations(text[start:end], notes), notes), metadata, notes)


def looks_like(head: bytes) -> bool:
    """Whether a file's first bytes have a mark of Project Gutenberg."""
    return _MARKED.search(head) is not None


def _encoding(data: bytes) -> str:
    """What a book whose encoding the config does not say is read in; empty: by its byte-order mark, else UTF-8."""
    try:
        data.decode()
        return ""
    except UnicodeDecodeError:
        pass
    if encoding_of("", data)[1]:
        return ""
    if (named := _ENCODING.search(data, 0, _HEADER_BYTES)) and (name := _known(named[1].decode("latin-1"))):
        return name
    # Some bytes may be lost of a book of UTF-8; of latin-1 hardly any are characters of UTF-8 by chance.
    text = data.decode(errors="replace")
    lost, beyond_ascii = text.count("\ufffd"), len(text) - len(text.encode("ascii", "ignore"))
    return "" if beyond_ascii - lost > lost else "latin-1"


def _known(named: str) -> str:
    """The encoding in a header's words; empty for none, and for those of ASCII and UTF-8, which the bytes refute."""
    for name in (named, *named.strip(" )\t").split("(")):
        name = _LATIN.sub("latin", _CODE_PAGE.sub(r"cp\1", name.strip()))
        if is_encoding(name) and "A".encode(name) == b"A" and codecs.lookup(name).name not in _REFUTED:
            return name
    return ""


def _body(text: str) -> tuple[int, int] | None:
    """Where the book itself begins and ends; None: the text has no mark of a beginning."""
    start = _START_LINE.search(text)
    begin = start.end() if start else 0
    end = _END_LINE.search(text, begin)
    small = _SMALL_PRINT_END.search(text, begin, end.start() if end else len(text))
    if small is None and start is None:
        return None
    # Some books that have a mark above them have the small print below them.
    if small and (start is None or small.end() < (begin + len(text)) // 2):
        begin = small.end()
    return begin, end.start() if end else len(text)


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
