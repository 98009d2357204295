"""Bytes to characters, and the one cleaning that every string from outside goes through."""

import codecs
import html
import io
import re
from typing import IO

Notes = dict[str, int]

KEPT = "neuronsig.kept"
"""Error handler of decoding: bytes that the encoding has no character for stay, each as U+DC00 + byte (`replaced`)."""

_KEPT_BYTES = re.compile("[\udc00-\udcff]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Line and paragraph separators, vertical tab and form feed end a line; a lone carriage return does too.
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\u2028\u2029]")
# Invisible: C0 and C1 controls but tab and line feed, soft hyphen, zero-width space, word joiner, BOM,
# directional marks.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SPACES = re.compile(r"\s+")
# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK_BYTES = 4
WIDE = ("utf-16", "utf-32")
"""How the encodings begin of which a character takes two or four bytes."""
_BUFFER = 1 << 16
# What Windows has in the places of the C1 controls, which no text has: quotes, dashes, the ellipsis.
_WINDOWS = {code: character for code in range(0x80, 0xA0) if (character := bytes([code]).decode("cp1252", "ignore"))}
_IN_WINDOWS = re.compile("[" + "".join(map(chr, _WINDOWS)) + "]")
_ODD = re.compile("[\x80-\x9f\ud800-\udfff]")
_ZEROS = re.compile(r"&#0+(?=\d)")
_LONG_REFERENCE = re.compile(r"&#\d{9,};?")


def count(notes: Notes, name: str, amount: int = 1) -> None:
    """Add to one of a document's counts."""
    if amount:
        notes[name] = notes.get(name, 0) + amount


def _keep(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(KEPT, _keep)


def is_encoding(name: str) -> bool:
    """Whether Python decodes bytes to text by this name, some of them not being text."""
    try:
        "".encode(name)
        b"\xff".decode(name, KEPT)
    except (LookupError, ValueError):  # not text, no such name, or none that a name can be
        return False
    return True


def encoding_of(given: str, head: bytes, otherwise: str = "utf-8") -> tuple[str, int]:
    """(encoding of a file that begins with `head`, length of its byte-order mark).

    A mark decides where none is `given`, or one that it belongs to; without both it is `otherwise`.
    """
    name = codecs.lookup(given).name if given else ""
    for mark, marked in _MARKS:
        if head.startswith(mark) and name in ("", "utf-8", "utf-8-sig", marked, marked[:6]):
            return marked, len(mark)
    # Without a mark Python's own decoders of these two refuse the file.
    return {"": otherwise, "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name), 0


def is_wide(given: str, head: bytes) -> bool:
    """Whether a file's encoding is one of WIDE: it cannot be cut at a byte that is a line feed."""
    return encoding_of(given, head)[0].startswith(WIDE)


def decode(data: bytes, given: str, notes: Notes, otherwise: str = "utf-8") -> str:
    """Bytes as text without a byte-order mark (`encoding_of`), `replaced` where they are no character, and `mended`."""
    encoding, mark = encoding_of(given, data[:_MARK_BYTES], otherwise)
    try:
        text = data[mark:].decode(encoding)
    except UnicodeDecodeError:
        text = replaced(data[mark:].decode(encoding, KEPT), encoding, notes)
    # EBCDIC's line end, which elsewhere is what Windows has as an ellipsis.
    return mended(text.replace("\x85", "\n") if encoding.startswith("cp") else text, notes)


def open_text(stream: IO[bytes], given: str, otherwise: str = "utf-8") -> tuple[io.TextIOWrapper, str]:
    """(a file's text in lines with the ends they have, its encoding); what is read still is to be `replaced`."""
    buffered, head = peeked(stream)
    encoding, mark = encoding_of(given, head, otherwise)
    buffered.read(mark)
    return io.TextIOWrapper(buffered, encoding, KEPT, newline=""), encoding  # type: ignore[type-var]


def peeked(stream: IO[bytes]) -> tuple[IO[bytes], bytes]:
    """(a file that is still at its beginning, the bytes there that may be a byte-order mark)."""
    buffered = io.BufferedReader(stream, _BUFFER)  # type: ignore[type-var]
    return buffered, buffered.peek(_MARK_BYTES)[:_MARK_BYTES]


def replaced(text: str, encoding: str, notes: Notes) -> str:
    """Text decoded with KEPT: the bytes kept become U+FFFD, counted as `undecodable_bytes`.

    Those that UTF-8 never begins a character with, but Windows has one for, are that, as `mended` has it.
    """
    if text.isascii():
        return text

    def known(found: re.Match[str]) -> str:
        codes = [ord(character) - 0xDC00 for character in found[0]]
        if encoding in ("utf-8", "utf-8-sig", "ascii") and all(code in _WINDOWS for code in codes):
            return "".join(map(chr, codes))
        count(notes, "undecodable_bytes", len(codes))
        return "\ufffd" * len(codes)

    return _KEPT_BYTES.sub(known, text)


def mended(text: str, notes: Notes) -> str:
    """Text without lone surrogates (U+FFFD, counted as `lone_surrogates`) and without what was Windows-1252.

    That is read as UTF-8 or latin-1 leaves controls where Windows has quotes; they become these (`windows_1252`).
    """
    if text.isascii() or not _is_odd(text):
        return text
    text, lone = _SURROGATES.subn("\ufffd", text)
    text, windows = _IN_WINDOWS.subn(lambda found: _WINDOWS[ord(found[0])], text)
    count(notes, "lone_surrogates", lone)
    count(notes, "windows_1252", windows)
    return text


def _is_odd(text: str) -> bool:
    """Whether it holds any of `_ODD`: most texts tell by their bytes, in a fraction of the time."""
    try:
        return b"\xc2" in text.encode() and _ODD.search(text) is not None
    except UnicodeEncodeError:
        return True


def line_feeds(text: str) -> str:
    """The text with every kind of line end as a line feed, and no invisible characters."""
    return _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))


def clean(text: str, notes: Notes) -> str:
    """One line, `mended`: runs of white space as one space, invisible characters gone."""
    return _SPACES.sub(" ", line_feeds(mended(text, notes))).strip()


def clean_id(text: str, notes: Notes) -> str:
    """An id, `mended`, without invisible characters; white space stays, or two ids might become one."""
    return _INVISIBLE.sub("", mended(text, notes))


def unescape(text: str) -> str:
    """Text with HTML's references as characters; a number longer than any character's is U+FFFD, however long."""
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", _ZEROS.sub("&#", text)))
