"""20 Newsgroups: one message a file, `<split>/<newsgroup>/<message id>`, header lines above a blank line."""

import re
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import Notes, count, decode, line_feeds
from neuronsig.corpora.document import Document, loose_paragraphs
from neuronsig.corpora.files import SourceFile

# A newsgroup's name has a dot inside; a message's file is a number.
_PATH = re.compile(r"(?:^|/)(?:[^/]*?(train|test)/)?([a-z0-9]+(?:\.[a-z0-9-]+)+)/(\d+)\Z")
_HEADER = re.compile(r"^([A-Za-z][A-Za-z0-9.-]*):[ \t]?(.*)$")
_REPLY = re.compile(r"^\s*(?:re|fwd?)\s*(?:\[\d+\])?:\s*", re.I)
_QUOTED = re.compile(r"^\s{0,8}(?:[A-Za-z]{0,4}[>|}\]]|[:;#=%] ?[>:]|:\s)")
_SAYS = re.compile(
    r"\b(?:writes|wrote|write|says|said|asks|asked|responds|replies|quotes|mentioned)\b[^.!?]{0,40}[:.]*\s*$", re.I
)
_CITES = re.compile(
    r"^\s*(?:in (?:article|message|a previous (?:article|post))\b|on \w{3},? .*\d|in <|from article|>)|[<(]?\S+@\S+",
    re.I,
)
_UUENCODED = re.compile(r"^M[\x20-\x60]{60}$")
_BEGIN = re.compile(r"^begin \d{3} \S+")
_ARMOUR = re.compile(r"^-{4,}\s?BEGIN (?:PGP|PRIVACY)[^-]*-{4,}")
# Upstream removed some header fields but left their continuation lines: message ids, relay paths.
_MESSAGE_IDS = re.compile(r"<[^<>\s]+@[^<>\s]+>|^\s*\S+!\S+!")
_HEADLESS_LINES = 3
_SIGNATURE_LINES = 15
_CONTACT = re.compile(r"\S+@[\w-]+\.\S+|\S+!\S+|\(?\d{3}\)?[ -]\d{3}[- ]\d{4}|\b\d{3}-\d{4}\b")
_BOXED = re.compile(r"^\s*([=*#|+/\\%~])\s.*\1\s*$")


def wanted(name: str) -> bool:
    return _PATH.search(name) is not None


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """The message's own words, with its subject as metadata only.

    Left out and counted by line: `quoted_lines`, `attribution_lines` ("x writes:"), `signature_lines`,
    `encoded_lines` (uuencoded or armoured), `symbol_lines` (drawings and rules). Metadata: topic (newsgroup),
    category (its top level), author, organization, subject, split.
    """
    place = _PATH.search(file.place)
    assert place is not None
    split, group, number = place.groups()
    doc_id = "/".join(part for part in (split, group, number) if part)
    notes: Notes = {}
    text = line_feeds(decode(file.read(), source.encoding, notes, otherwise="latin-1"))
    headers, body = _headers(text.split("\n"))
    if headers is None:
        yield Document.skip(doc_id, "broken_record", notes)
        return
    metadata = {
        "topic": group,
        "category": group.split(".")[0],
        "author": headers.get("from"),
        "organization": headers.get("organization"),
        "subject": _REPLY.sub("", headers.get("subject", "")),
        "split": split,
    }
    own = _without_symbols(_without_quotes(_without_encoded(_without_signature(body, notes), notes), notes), notes)
    paragraphs = _without_contact(loose_paragraphs("\n".join(own)), notes)
    yield Document.of(doc_id, paragraphs, metadata, notes, empty="no_own_words" if notes else "empty")


def _headers(lines: list[str]) -> tuple[dict[str, str] | None, list[str]]:
    """Header fields by lower-case name, and the lines after the first blank one; None when there is no header."""
    headers: dict[str, str] = {}
    name = ""
    for index, line in enumerate(lines):
        if not line.strip():
            return headers or None, lines[index + 1 :]
        field = _HEADER.match(line)
        if field and not line[:1].isspace():
            name = field[1].lower()
            headers.setdefault(name, field[2].strip())
        elif name and not _MESSAGE_IDS.search(line):
            headers[name] += " " + line.strip()
        elif not name and index >= _HEADLESS_LINES:
            return None, lines
    return headers or None, []


def _without_signature(lines: list[str], notes: Notes) -> list[str]:
    """Cut at the last `-- ` line when no more lines follow it than a signature has."""
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].rstrip() == "--":
            after = [line for line in lines[index + 1 :] if line.strip()]
            if len(after) <= _SIGNATURE_LINES and any(line.strip() for line in lines[:index]):
                count(notes, "signature_lines", len(after) + 1)
                return lines[:index]
            break
    return lines


def _without_encoded(lines: list[str], notes: Notes) -> list[str]:
    kept: list[str] = []
    end = ""
    for line in lines:
        if not end and _BEGIN.match(line):
            end = "end"
        elif not end and _ARMOUR.match(line):
            end = "-END "
        elif not end and not _UUENCODED.match(line):
            kept.append(line)
            continue
        count(notes, "encoded_lines")
        if end and (line.rstrip() == "end" if end == "end" else end in line):
            end = ""
    # A block that never ends would swallow the rest of the message: only what looks encoded is dropped then.
    if end == "end":
        kept = [line for line in lines if not (_UUENCODED.match(line) or _BEGIN.match(line))]
        notes["encoded_lines"] = len(lines) - len(kept)
    return kept


def _without_quotes(lines: list[str], notes: Notes) -> list[str]:
    kept: list[str] = []
    # Some readers quote with a colon or a bar alone, which a single line may also begin with.
    marks = tuple(mark for mark in ":|%" if sum(line.startswith(mark) for line in lines) >= 3)
    for line in lines:
        if _QUOTED.match(line) or (marks and line.startswith(marks)):
            _drop_attribution(kept, notes)
            count(notes, "quoted_lines")
            kept.append("")
        else:
            kept.append(line)
    for index, line in enumerate(kept):
        if _SAYS.search(line) and _CITES.search(line):
            kept[index] = ""
            count(notes, "attribution_lines")
    return kept


def _drop_attribution(kept: list[str], notes: Notes) -> None:
    """Blank the one to three lines above a quotation that say whose words it holds."""
    last = len(kept) - 1
    while last >= 0 and not kept[last].strip() and len(kept) - last < 3:
        last -= 1
    if last < 0 or not _SAYS.search(kept[last]):
        return
    first = last
    while first > 0 and last - first < 2 and kept[first - 1].strip() and not _CITES.match(kept[first]):
        first -= 1
    if not _CITES.search(kept[first]):
        first = last
    for index in range(first, last + 1):
        kept[index] = ""
    count(notes, "attribution_lines", last - first + 1)


def _without_symbols(lines: list[str], notes: Notes) -> list[str]:
    kept = []
    for line in lines:
        drawn = [character for character in line if not character.isspace()]
        words = sum(character.isalnum() for character in drawn)
        if (len(drawn) >= 4 and words < 0.5 * len(drawn)) or _BOXED.match(line):
            count(notes, "symbol_lines")
            kept.append("")
        else:
            kept.append(line)
    return kept


def _without_contact(paragraphs: list[str], notes: Notes) -> list[str]:
    """Without the last lines that give a name and an address but no sentence, and attributions left over."""
    kept = [one for one in paragraphs if not (len(one.split()) < 25 and _SAYS.search(one) and one.endswith(":"))]
    count(notes, "attribution_lines", len(paragraphs) - len(kept))
    while (
        len(kept) > 1
        and len(kept[-1].split()) < 30
        and _CONTACT.search(kept[-1])
        and not kept[-1].endswith((".", "!", "?"))
    ):
        count(notes, "signature_lines")
        kept.pop()
    return kept
