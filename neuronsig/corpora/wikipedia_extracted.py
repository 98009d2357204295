"""Wikipedia as wikiextractor writes it: `<doc id= url= title=>`, the title, paragraphs one a line, `</doc>`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes, count
from neuronsig.corpora.files import SourceFile, bare_name
from neuronsig.corpora.plain import decode

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


def wanted(name: str) -> bool:
    """wikiextractor names its files wiki_00, wiki_01, ...; others may have renamed them, so any file is tried."""
    return not bare_name(name).lower().endswith((".xml", ".json", ".md", ".log"))


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each article without its title line; metadata entity (the title). Table remnants are counted and dropped."""
    encoding_notes: Notes = {}
    text = decode(file.read(), source.encoding or "utf-8", encoding_notes)
    for number, found in enumerate(_DOC.finditer(text), 1):
        notes, encoding_notes = encoding_notes, {}
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(found[1])}
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
    return _GAP.sub(r"\1", _EMPTY_BRACKETS.sub("", html.unescape(_TAG.sub("", line))))
