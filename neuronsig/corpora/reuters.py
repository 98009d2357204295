"""Reuters-21578, Distribution 1.0: SGML files `reut2-*.sgm` (D. D. Lewis's README.txt defines every field)."""

import re
from collections.abc import Iterator
from datetime import datetime

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import Notes, count, decode, unescape
from neuronsig.corpora.document import Document, join_lines
from neuronsig.corpora.files import SourceFile

_STORY = re.compile(r"<REUTERS\b([^>]*)>(.*?)(?=<REUTERS\b|\Z)", re.S)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_VALUE = re.compile(r"<D>(.*?)</D>", re.S)
# Control characters are written as references that no XML parser takes (&#3; &#31; ...).
_CONTROL = re.compile(r"&#(?:[0-8]|1[1-9]|2\d|3[01]|127);")
# On a line of its own, or in capitals at the end of the last one; "told Reuters." is no signing off.
_SIGN_OFF = re.compile(
    r"(?:(?:\s*(?:\n|\A)\s*(?:Reuters?|REUTERS?|reuters?)|\s+(?:REUTERS?|reuter))(?:\^M|[^\w\s]{1,3})?\s*)+\Z"
)
_BYLINE = re.compile(r"^\s*by\s+", re.I)
_FIELDS = {"TOPICS": "category", "PLACES": "place", "PEOPLE": "person", "ORGS": "organization", "EXCHANGES": "exchange"}


def wanted(name: str) -> bool:
    return name.lower().endswith((".sgm", ".sgml"))


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each story: its headline as one paragraph, then those of its body; the dateline is left out.

    Metadata: category (TOPICS), place, person, organization, exchange, author, date, split (LEWISSPLIT).
    Stories without a body (briefs) are their headline alone, counted as `no_body`.
    """
    encoding_notes: Notes = {}
    text = decode(file.read(), source.encoding, encoding_notes, otherwise="latin-1")
    for number, story in enumerate(_STORY.finditer(text), 1):
        attributes = dict(_ATTRIBUTE.findall(story[1]))
        notes, encoding_notes = encoding_notes, {}
        yield _story(attributes, story[2], attributes.get("NEWID") or f"{file.name}:{number}", notes)


def _story(attributes: dict[str, str], content: str, doc_id: str, notes: Notes) -> Document:
    if "</REUTERS>" not in content or "<TEXT" not in content:
        return Document.skip(doc_id, "broken_record", notes)
    head, _, rest = content.partition("<TEXT")
    kind = dict(_ATTRIBUTE.findall(rest.partition(">")[0])).get("TYPE", "NORM")
    inside = rest.partition(">")[2].rpartition("</TEXT>")[0]
    title, body = _element(inside, "TITLE"), _element(inside, "BODY")
    if kind == "UNPROC":
        body = re.sub(r"<(TITLE|AUTHOR|DATELINE)>.*?</\1>", "", inside, flags=re.S)
    if body is None:
        count(notes, "no_body")
    metadata = {
        name: [_text(one) for one in _VALUE.findall(_element(head, tag) or "")] for tag, name in _FIELDS.items()
    }
    metadata["author"] = [_author(_element(inside, "AUTHOR") or "")]
    metadata["date"] = [_date(_element(head, "DATE") or "")]
    metadata["split"] = [attributes.get("LEWISSPLIT", "").lower()]
    headline = join_lines(_SIGN_OFF.sub("", _text(title or "")).split("\n"))
    return Document.of(doc_id, [headline, *_paragraphs(_text(body or ""))], metadata, notes)


def _paragraphs(body: str) -> Iterator[str]:
    """Paragraphs begin with an indented line; tables are lines of their own, each indented."""
    lines: list[str] = []
    for line in _SIGN_OFF.sub("", body).split("\n"):
        if lines and (line.startswith((" ", "\t")) or not line.strip()):
            yield join_lines(lines)
            lines = []
        if line.strip():
            lines.append(line)
    if lines:
        yield join_lines(lines)


def _element(text: str, tag: str) -> str | None:
    start = text.find(f"<{tag}>")
    if start < 0:
        return None
    start += len(tag) + 2
    end = text.find(f"</{tag}>", start)
    return text[start:end] if end >= 0 else text[start:]


def _text(sgml: str) -> str:
    return unescape(_CONTROL.sub("", sgml))


def _author(text: str) -> str:
    return re.sub(r",?\s*reuters?\b.*$", "", _BYLINE.sub("", _text(text).strip()), flags=re.I | re.S)


def _date(text: str) -> str:
    """`26-FEB-1987 15:01:01.79` as 1987-02-26; empty where the field holds something else."""
    found = re.search(r"(\d{1,2})-([A-Z]{3})-(\d{4})", text)
    if found is None:
        return ""
    try:
        return datetime.strptime("-".join(found.groups()).title(), "%d-%b-%Y").date().isoformat()
    except ValueError:
        return ""
