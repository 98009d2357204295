"""Records of CSV files, however they separate and quote: what their first lines show."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from neuronsig.corpora.characters import Notes, mended, replaced
from neuronsig.corpora.files import bare_name

DELIMITERS = (",", "\t", ";", "|")
MAX_FIELD = 1 << 26
SAMPLE = 1 << 20
"""Characters of a file by whose records its quoting is told."""

_NOTHING = '\0\r\n "' + "".join(DELIMITERS)
_SEPARATOR = re.compile(r"sep=.?\s*$", re.I)
Record = tuple[list[str] | None, Notes]


def table(lines: Iterable[str], name: str, encoding: str) -> tuple[list[str], Iterator[Record]]:
    """(the column names, the records below them) of the lines of a CSV file called `name`, read as `open_text` does."""
    rest = iter(lines)
    head = first_lines(rest, SAMPLE)
    names, delimiter, length = header(head, name, encoding)
    below = head[length:]
    backslash = _is_escaped(below, delimiter, len(names))
    return names, records(itertools.chain(below, rest), delimiter, backslash)


def first_lines(lines: Iterator[str], size: int) -> list[str]:
    """The lines up to `size` characters, from the first that names anything; Excel's `sep=;` does not."""
    found: list[str] = []
    for line in lines:
        if found or (line.strip(_NOTHING) and not _SEPARATOR.match(line)):
            found.append(line)
            size -= len(line)
        if size <= 0:
            break
    return found


def header(head: Sequence[str], name: str, encoding: str) -> tuple[list[str], str, int]:
    """(column names, separator, number of lines they take) of the first lines of a file called `name`.

    The separator is the one that makes most columns, and no quote stay in them; a tab for .tsv files. White space
    around and within a name is one blank.
    """
    tried = "\t" if bare_name(name).lower().endswith(".tsv") else DELIMITERS
    found = [(*_first_record(head, delimiter), delimiter) for delimiter in tried]
    row, length, delimiter = max(found, key=lambda one: (not any('"' in name for name in one[0]), len(one[0])))
    return [column_name(replaced(one, encoding, {})) for one in row], delimiter, length


def column_name(name: str) -> str:
    """A column's name as a header has it, where it may be broken into lines."""
    return " ".join(mended(name.replace("\0", ""), {}).split())


def _first_record(head: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    with _long_fields():
        try:
            reader = csv.reader(head, delimiter=delimiter, strict=True)
            return next(reader, []), reader.line_num
        except csv.Error:
            # A quote that belongs to a name, or is never closed, must not take what follows.
            return next(csv.reader([line.rstrip("\r\n") for line in head[:1]], delimiter=delimiter), []), 1


def _is_escaped(sample: Sequence[str], delimiter: str, columns: int) -> bool:
    """Whether more records of a sample are whole when a backslash takes its meaning from the quote that follows."""
    if not any(f"\\{mark}" in line for line in sample for mark in ('"', delimiter)):
        return False

    def whole(backslash: bool) -> int:
        return sum(row is not None and len(row) == columns for row, _ in records(sample, delimiter, backslash))

    return whole(True) > whole(False)


def records(lines: Iterable[str], delimiter: str, backslash: bool = False) -> Iterator[Record]:
    """The records of lines of CSV, None for one that is broken; after it, reading goes on with the next line.

    Quotes inside quotes are doubled, or, with `backslash`, may have one before them. Lines that a broken record
    swallowed (an open quote) are counted as `broken_lines`.
    """
    # NUL is never text.
    plain = (line.replace("\0", "") for line in lines)
    if backslash:
        # Before anything else than a quote, a separator or its like, it is a character as any other: C:\new.
        lone = re.compile(r"(\\[\\\"" + re.escape(delimiter) + r"])|\\")
        plain = (lone.sub(lambda found: found[1] or r"\\", line) for line in plain)
    with _long_fields():
        reader = csv.reader(plain, delimiter=delimiter, escapechar="\\" if backslash else None, strict=True)
        while True:
            before = reader.line_num
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield None, {"broken_lines": reader.line_num - before}
                continue
            if row:
                yield row, {}


@contextmanager
def _long_fields() -> Iterator[None]:
    limit = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
