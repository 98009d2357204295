"""Whatever bytes a file has, a reader gives documents that tables can hold, or says what is wrong in its own words.

NEURONSIG_FUZZ=N tries N inputs a format.
"""

from __future__ import annotations

import functools
import io
import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import Unit
from neuronsig.corpora.plan import read_units, source_units
from neuronsig.errors import NeuronsigError
from tests.neuronsig.corpora.test_formats import ARTICLE, BOOK, IMDB, MESSAGE, STORY, page

TRIES = int(os.environ.get("NEURONSIG_FUZZ", "25"))
COLUMNS = {"text_column": "text", "id_column": "id", "metadata_columns": ["when", "tags"]}


def table() -> bytes:
    rows = [{"id": f"a{i}", "text": f"Sentence {i} “is” here.\n\nAnother.", "tags": ["x", None]} for i in range(30)]
    columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    when = pa.array([i * 10**15 for i in range(30)], pa.int64()).cast(pa.timestamp("us", "Europe/Paris"))
    columns["kind"] = pa.array(["a", "b", "a"] * 10).dictionary_encode()
    file = io.BytesIO()
    pq.write_table(pa.table({**columns, "when": when}), file, row_group_size=12, compression="none")
    return file.getvalue()


SEEDS: dict[str, tuple[str, bytes]] = {
    "reuters": ("reut2-000.sgm", STORY),
    "newsgroups": ("20news-bydate-train/sci.space/601", MESSAGE),
    "imdb": ("train/pos/1_9.txt", IMDB["aclImdb/train/pos/1_9.txt"]),
    "sentiment140": ("a.csv", b'"4","1","Tue Jun 16 08:40:49 PDT 2009","q","ann","caf\xe9 &amp;quot;x&#0;"\r\n' * 3),
    "wikipedia_dump": ("wiki.xml", f"<mediawiki>{page(ARTICLE)}{page(ARTICLE, id=2)}</mediawiki>".encode()),
    "wikipedia_extracted": ("AA/wiki_00", b'<doc id="12" title="A &amp; b">\nA & b\n\nIt is "a" , b.\n</doc>\n' * 2),
    "gutenberg": ("pg1.txt", ("Character set encoding: ISO-8859-1\n" + BOOK).encode()),
    "text": ("a/b.txt", "A line, wrapped\nby hand “here”.\n\n- one item\n- two items\n".encode()),
    "jsonl": ("x.jsonl", b'{"id": 1, "text": "One \\ud800.", "tags": ["a", {"b": 1e999}], "when": null}\n' * 3),
    "csv": ("x.csv", b'id,text,"when\n",tags\n1,"One\n\nand ""two"", \\"three\\".",x,y\n2,b,c,d\n'),
    "parquet": ("x.parquet", table()),
    "documentation": ("", b""),
}
DOCUMENTATION = {
    "docstring/pkg/a.py": b'"""Words of a module.\n\n::\n\n    code\n\n* an item."""\ndef f():\n    "Of f."\n',
    "readme/pkg/METADATA": b"Name: pkg\nDescription-Content-Type: text/markdown\n\n# Title\n\n[Words](x) `here`.\n",
    "licence/pkg/LICENSE": b"Words of a licence,\nwrapped by hand.\n\n1. One.\n",
}
PIECES = [
    b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\0", b"\x92", b"\x85", b"\xed\xa0\x80", b"\xe2\x80", b"\\", b'"',
    b'\\"', b"\n", b"\r", b"\n\n", b"\\ud83d", b"&#9999999999999999999;", b"&#xD800;", b"&#128;", b"{{", b"}}", b"[[",
    b"]]", b"{|", b"<", b">", b"</page>", b"<page>", b"<!--", b"<ref", b"{" * 60, b"[" * 200, b"=" * 9, b"'''''",
    b"1" * 5000, b",", b";", b"\t", b"{", b"}", b"NaN", b"-1e999", b"*** START OF THE PROJECT GUTENBERG EBOOK",
    b"*END*", b"***", b"Character set encoding: utf-16\n", "e\u0301\u0915\u093f\u200d".encode(),
    "\U0001f600".encode("utf-16-le"),
]  # fmt: skip
ENCODINGS = ["", "", "", "utf-8", "latin-1", "cp1252", "ascii", "utf-16", "utf-32-be", "shift_jis", "utf-7", "cp500"]


@functools.cache
def seed(format: str) -> list[tuple[str, bytes]]:
    return list(DOCUMENTATION.items()) if format == "documentation" else [SEEDS[format]]


def mutated(data: bytes, changes: list[tuple[int, int, int]]) -> bytes:
    """Data with pieces put in, taken out, overwritten and doubled, as drawn: (where, what, how much)."""
    made = bytearray(data)
    for where, what, size in changes:
        place = where % (len(made) + 1)
        if what < len(PIECES):
            made[place : place + (size if size % 3 == 0 else 0)] = PIECES[what]
        elif what == len(PIECES):
            del made[place : place + size]
        elif what == len(PIECES) + 1:
            made[place:place] = made[place : place + size]
        elif what == len(PIECES) + 2:
            made[place : place + size] = random.Random(where).randbytes(size)
        elif place < len(made):
            made[place] ^= 1 << size % 8
    return bytes(made)


CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.integers(0, len(PIECES) + 8), st.integers(1, 60)), min_size=1, max_size=6
)


def read_all(format: str, folder: Path, name: str, encoding: str) -> list[Document]:
    columns = COLUMNS if format in ("jsonl", "csv", "parquet") else {}
    source = SourceConfig(format=format, path=str(folder), domain="x", encoding=encoding, **columns)  # type: ignore[arg-type]
    if format == "documentation":
        file = folder / name
        return list(read_units([Unit(str(file), name, file.stat().st_size)], [], [], source))
    found: list[Document] = []
    try:
        found = list(read_units(*source_units(source, "corpus.sources.mine"), source))
        check_sources(CorpusConfig(sources={"mine": source}))
    except NeuronsigError as error:
        said = str(error)
    else:
        said = ""
    said.encode()
    assert "\n" not in said
    return found


@pytest.mark.parametrize("format", SEEDS)
def test_no_bytes_end_a_reader(format: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp(format)

    @settings(
        max_examples=TRIES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 99), CHANGES, st.sampled_from(ENCODINGS), st.booleans())
    def tried(which: int, changes: list[tuple[int, int, int]], encoding: str, wide: bool) -> None:
        name, data = seed(format)[which % len(seed(format))]
        if wide and encoding in ("", "utf-16"):
            data = data.decode("latin-1").encode("utf-16")
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(mutated(data, changes))
        for document in read_all(format, folder, name, encoding):
            values = (value for values in document.metadata.values() for value in values)
            strings = "".join([document.doc_id, document.text, *document.metadata, *values])
            strings.encode()
            assert "\0" not in strings
            assert all(amount > 0 for amount in document.notes.values())
            assert document.doc_id

    tried()


UNITS = ("s", "ms", "us", "ns")
KINDS = [
    *(pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.decimal128(38, 5), pa.decimal256(76, 70), pa.date32()),
    *(pa.date64(), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.bool_(), pa.string(), pa.large_string()),
    *(pa.binary(), pa.binary(16), pa.string_view(), *map(pa.duration, UNITS)),
    *(
        pa.timestamp(unit, zone)
        for unit in UNITS[1:]
        for zone in (None, "UTC", "Europe/Paris", "Mars/Phobos", "+01:00")
    ),
]


def column_of(kind: pa.DataType, rows: int, drawn: random.Random) -> pa.Array:
    """A column with whatever bits."""
    if pa.types.is_string_view(kind):
        return column_of(pa.string(), rows, drawn).cast(kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.binary():
        data = pa.array([drawn.randbytes(drawn.randrange(9)) for _ in range(rows)], pa.binary())
        wide = data.cast(pa.large_binary()) if pa.types.is_large_string(kind) else data
        return pa.Array.from_buffers(kind, rows, wide.buffers())
    bits = b"".join(drawn.choice([drawn.randbytes(64), bytes(64)])[: kind.bit_width // 8 or 1] for _ in range(rows))
    if pa.types.is_decimal(kind):
        bits = b"".join(
            bits[i : i + 8] + bytes(kind.bit_width // 8 - 8) for i in range(0, len(bits), kind.bit_width // 8)
        )
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(bits)])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_bits_of_a_column_end_a_reader(tmp_path: Path, kind: pa.DataType) -> None:
    drawn = random.Random(str(kind))
    for round_ in range(max(1, TRIES // 25)):
        rows = drawn.randrange(1, 9)
        plain = column_of(kind, rows, drawn)
        one_each = pa.array(range(rows + 1), pa.int32())
        nested = [
            plain,
            pa.ListArray.from_arrays(one_each, plain),
            pa.StructArray.from_arrays([plain, plain], ["x", "y"]),
            pa.MapArray.from_arrays(one_each, pa.array(["k"] * rows), plain),
            pa.FixedSizeListArray.from_arrays(plain, 1),
        ]
        for number, column in enumerate(nested):
            folder = tmp_path / f"{round_}-{number}"
            folder.mkdir()
            text = pa.array([f"Row {i} is here." for i in range(rows)])
            pq.write_table(pa.table({"text": text, "id": column, "when": column, "tags": column}), folder / "x.parquet")
            found = read_all("parquet", folder, "x.parquet", "")
            assert [one.text for one in found] == text.to_pylist()
            "".join(one.doc_id + str(one.metadata) for one in found).encode()


def test_changed_data_differ_and_are_the_same_every_time() -> None:
    changes = [(5, len(PIECES) + 2, 4), (3, 0, 3), (9, len(PIECES) + 8, 2)]
    data = bytes(range(99))
    assert mutated(data, changes) == mutated(data, changes) != data
