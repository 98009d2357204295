"""Wikipedia: its `pages-articles` dumps, and what wikiextractor makes of them.

A dump is MediaWiki export XML, one `<page>` an article, bzip2 or plain. wikiextractor writes `<doc id= url= title=>`,
the title, paragraphs one a line, `</doc>`.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import Notes, count, decode, unescape
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import SourceFile, bare_name
from neuronsig.corpora.wikitext import prose

PAGE_END = "</page>"
_PAGE_START = re.compile(r"<page(?=[\s>])")
_IDS = re.compile(r"(?:<ns>-?\d+</ns>|<revision>)\s*<id>(\d+)</id>")
_READ = 1 << 20

_DOC = re.compile(r"<doc\b([^>]*)>\n?(.*?)(</doc>|(?=<doc id=)|\Z)", re.S)
_ATTRIBUTE = re.compile(r'(\w+)="(.*?)"(?=\s+\w+=|\s*$)')
# What the extractor leaves of tables and styles: clear:both;" or align="right".
_REMNANT = re.compile(
    r'^\W*[\w-]+\s*:\s*[\w#% -]+;?"|\b(?:align|style|class|width|colspan|rowspan|bgcolor)="|^[|!{}]|^px;|<gallery'
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ONLY_FORMULAS = re.compile(r"^(?:\W|\bformula_\d+\b|\band\b|\bor\b)*$")
_GAP = re.compile(r"\s+([,;.)])(?=\s|$)")
_EMPTY_BRACKETS = re.compile(r"\s*\(\s*[,;:]*\s*\)")


def is_dump(name: str) -> bool:
    return ".xml" in posixpath.basename(bare_name(name)).lower()


def parse_dump(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each article as prose; metadata entity (the title)."""
    with file.open() as stream:
        for piece in pieces(stream):
            document = page_document(piece, source)
            if document is not None:
                yield document


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """What lies between the page ends of a dump; Spark's text reader with lineSep `</page>` gives the same."""
    end, rest = PAGE_END.encode(), b""
    while block := stream.read(_READ):
        rest += block
        if end in block or end in rest[-len(block) - len(end) :]:
            *whole, rest = rest.split(end)
            yield from whole
    yield rest


def page_document(piece: bytes, source: SourceConfig) -> Document | None:
    """The article that a piece of a dump ends with; None for a piece without a page (the end of the file).

    Skipped: `redirect`, `not_article` (namespace other than 0, or not wikitext), `empty`, `broken_record`.
    """
    notes: Notes = {}
    text = decode(piece, source.encoding, notes)
    starts = [found.start() for found in _PAGE_START.finditer(text)]
    if not starts:
        return None
    start = starts[-1]
    # Page and revision: two dumps of different dates may hold the same page.
    ids = _IDS.findall(text, start)[:2]
    doc_id = "@".join(ids) or f"page of {len(text)} characters"
    try:
        page = ElementTree.fromstring(text[start:] + PAGE_END)
    except ElementTree.ParseError:
        return Document.skip(doc_id, "broken_record", notes)
    title = page.findtext("title") or ""
    wikitext = page.findtext("revision/text") or ""
    model = page.findtext("revision/model") or "wikitext"
    if (page.findtext("ns") or "0") != "0" or model != "wikitext":
        return Document.skip(doc_id, "not_article", notes)
    if page.find("redirect") is not None or re.match(r"\s*#redirect\b", wikitext, re.I):
        return Document.skip(doc_id, "redirect", notes)
    return Document.of(doc_id, prose(wikitext, notes), {"entity": title}, notes)


def is_extracted(name: str) -> bool:
    """wikiextractor names its files wiki_00, wiki_01, ...; others may have renamed them, so any file is tried."""
    return not bare_name(name).lower().endswith((".xml", ".json", ".md", ".log"))


def parse_extracted(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each article without its title line; metadata entity (the title). Table remnants are counted and dropped."""
    encoding_notes: Notes = {}
    text = decode(file.read(), source.encoding, encoding_notes)
    for number, found in enumerate(_DOC.finditer(text), 1):
        notes, encoding_notes = encoding_notes, {}
        attributes = {name: unescape(value) for name, value in _ATTRIBUTE.findall(found[1])}
        doc_id = attributes.get("id") or f"{file.name}:{number}"
        if found[3] != "</doc>" or "title" not in attributes:
            yield Document.skip(doc_id, "broken_record", notes)
            continue
        lines = found[2].strip("\n").split("\n")
        if lines and lines[0].strip() == attributes["title"].strip():
            lines = lines[1:]
        lines = [line for line in lines if line.strip()]
        kept = [line for line in lines if not (_REMNANT.search(line) or _ONLY_FORMULAS.match(line))]
        count(notes, "markup_lines", len(lines) - len(kept))
        yield Document.of(doc_id, map(_tidy, kept), {"entity": attributes["title"]}, notes)


def _tidy(line: str) -> str:
    """Close the gaps that left-out pronunciations and units leave before punctuation."""
    return _GAP.sub(r"\1", _EMPTY_BRACKETS.sub("", unescape(_TAG.sub("", line))))
