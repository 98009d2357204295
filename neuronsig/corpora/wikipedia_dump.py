"""Wikipedia's `pages-articles` dumps: MediaWiki export XML, one `<page>` an article, bzip2 or plain."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes
from neuronsig.corpora.files import SourceFile, bare_name
from neuronsig.corpora.plain import decode
from neuronsig.corpora.wikitext import prose

PAGE_END = "</page>"
_PAGE_START = re.compile(r"<page(?=[\s>])")
_IDS = re.compile(r"(?:<ns>-?\d+</ns>|<revision>)\s*<id>(\d+)</id>")
_READ = 1 << 20


def wanted(name: str) -> bool:
    return ".xml" in posixpath.basename(bare_name(name)).lower()


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
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
    text = decode(piece, source.encoding or "utf-8", notes)
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
