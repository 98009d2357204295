"""An odd value costs itself, counted; never the document, the file or the job."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora import check as checks
from neuronsig.corpora.characters import unescape
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.document import Document, join_lines
from neuronsig.corpora.plan import read_units, source_units
from neuronsig.corpora.rows import strings_in
from neuronsig.errors import InputError
from tests.cases import case_folder
from tests.neuronsig.corpora.reading import read, write, write_tar

TEXT = "The old harbour was quiet."


def checked(format: str, path: Path, **settings: Any) -> list[Document]:
    """What is read of a source that the check lets pass."""
    source = SourceConfig(format=format, path=str(path), domain="test", **settings)
    check_sources(CorpusConfig(sources={"mine": source}))
    return read(format, path, **settings)


def one(format: str, path: Path, **settings: Any) -> Document:
    (document,) = checked(format, path, **settings)
    return document


def parquet(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def stamps(kind: pa.DataType, *values: int) -> pa.Array:
    return pa.array(values, pa.int64()).cast(kind)


def strings_of(*values: bytes, kind: pa.DataType | None = None) -> pa.Array:
    """A column of strings that hold these bytes, whatever they are."""
    return pa.Array.from_buffers(kind or pa.string(), len(values), pa.array(values, pa.binary()).buffers())


# Ids and metadata.


def test_lone_surrogates_are_replaced_and_counted_wherever_they_stand(tmp_path: Path) -> None:
    row = {"id": "\ud83d bad", "text": f"{TEXT} \ud83d.", "who": ["\ude00", "Ann"]}
    write(tmp_path, {"a.jsonl": json.dumps(row).encode()})
    found = one("jsonl", tmp_path, id_column="id", metadata_columns=["who"])
    assert (found.doc_id, found.text) == ("\ufffd bad", f"{TEXT} \ufffd.")
    assert (found.metadata, found.notes) == ({"who": ["\ufffd", "Ann"]}, {"lone_surrogates": 3})


def test_what_is_skipped_has_a_clean_id_too() -> None:
    skipped = Document.skip("a\udce4\x00b", "broken_record")
    assert (skipped.doc_id, skipped.notes) == ("a\ufffdb", {"lone_surrogates": 1})


def test_ids_lose_controls_and_keep_their_blanks(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": json.dumps({"id": " 7\x00\x9d  b", "text": TEXT}).encode()})
    assert one("jsonl", tmp_path, id_column="id").doc_id == " 7  b"


@pytest.mark.parametrize("given", ["null", '""', '"\\u0000"', "[]", "NaN"])
def test_a_record_without_its_id_is_named_by_its_place(tmp_path: Path, given: str) -> None:
    write(tmp_path, {"a.jsonl": f'{{"id": {given}, "text": "{TEXT}"}}'.encode()})
    found = one("jsonl", tmp_path, id_column="id")
    assert (found.doc_id, found.text, found.notes) == ("a.jsonl:1", TEXT, {"no_id": 1})


def test_a_number_with_more_digits_than_python_reads_costs_no_document(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": f'{{"n": {"1" * 5000}, "text": "{TEXT}"}}'.encode()})
    assert one("jsonl", tmp_path, metadata_columns=["n"]).metadata == {"n": ["1" * 5000]}


def test_a_value_nested_too_deep_is_counted() -> None:
    deep: Any = "x"
    for _ in range(20_000):
        deep = [deep]
    notes: dict[str, int] = {}
    for value in (deep, {"in": deep}):
        assert strings_in(value, "", notes) == []
    assert notes == {"unreadable_values": 2}


def test_a_reference_longer_than_any_character_is_no_error() -> None:
    assert unescape(f"a&#{'1' * 5000};b&#65;&#x41;&#000065;&amp;") == "a\ufffdbAAA&"


def test_zeros_before_a_reference_are_no_part_of_its_number() -> None:
    assert unescape(f"&#000000065;&#{'0' * 5000}65;&#{'0' * 5000};") == "AA\ufffd"


def test_long_references_cost_no_document_of_any_format_that_has_them(tmp_path: Path) -> None:
    long = f"{TEXT} &#{'7' * 5000};"
    write(
        tmp_path,
        {
            "r/a.sgm": f'<REUTERS NEWID="1"><TEXT><BODY>{long}</BODY></TEXT></REUTERS>'.encode(),
            "i/train/pos/1_9.txt": long.encode(),
            "s/a.csv": f'"4","1","","NO_QUERY","ann","{long}"'.encode(),
            "w/wiki_00": f'<doc id="1" title="A">\nA\n\n{long}\n</doc>'.encode(),
        },
    )
    for format, folder in (("reuters", "r"), ("imdb", "i"), ("sentiment140", "s"), ("wikipedia_extracted", "w")):
        assert [found.text for found in checked(format, tmp_path / folder)] == [f"{TEXT} \ufffd"], format


# Parquet.


LOST = {"unreadable_values": 1}
DECODED = {"undecodable_bytes": 1}
ODD = [
    (stamps(pa.timestamp("us"), -62_198_755_200_000_000), ["-0001-01-01 00:00:00.000000"], {}),
    (stamps(pa.timestamp("us", "UTC"), -62_198_755_200_000_000), ["-0001-01-01 00:00:00.000000+00:00"], {}),
    (stamps(pa.timestamp("us", "Europe/Paris"), 10**18), None, LOST),
    (stamps(pa.timestamp("us"), 10**18), None, LOST),
    (stamps(pa.timestamp("s"), 10**15), None, LOST),
    (pa.array([2**31 - 1], pa.int32()).cast(pa.date32()), None, LOST),
    (stamps(pa.date64(), -62_167_219_200_000), ["0000-01-01"], {}),
    (stamps(pa.duration("s"), 2**62), [str(2**62)], {}),
    (stamps(pa.timestamp("ns"), 1), ["1970-01-01 00:00:00.000000001"], {}),
    (pa.array([[0, 10**18]], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("us"))), ["1970-01-01 00:00:00"], LOST),
    (pa.StructArray.from_arrays([stamps(pa.timestamp("us"), 10**18)], ["at"]), ['{"at": null}'], LOST),
    (pa.array([[("a", 10**18)]], pa.map_(pa.string(), pa.timestamp("us"))), ["a"], LOST),
    (strings_of(b"caf\xe9"), ["caf\ufffd"], DECODED),
    (pa.ListArray.from_arrays([0, 1], strings_of(b"caf\xe9")), ["caf\ufffd"], DECODED),
    (pa.array([b"plain"], pa.binary()), ["plain"], {}),
    (pa.array([b"\xff\x00\x01\x02"], pa.binary(4)), ["ff000102"], {}),
]


@pytest.mark.parametrize(("when", "said", "notes"), ODD, ids=[f"{n} {row[0].type}" for n, row in enumerate(ODD)])
def test_a_value_that_python_does_not_know_costs_itself(
    tmp_path: Path, when: pa.Array, said: list[str] | None, notes: dict[str, int]
) -> None:
    parquet(tmp_path / "a.parquet", text=pa.array([TEXT]), when=when)
    found = one("parquet", tmp_path, metadata_columns=["when"])
    assert (found.text, found.metadata.get("when"), found.notes) == (TEXT, said, notes)


def test_only_the_odd_value_of_a_column_is_lost(tmp_path: Path) -> None:
    day = 86_400 * 10**6
    parquet(tmp_path / "a.parquet", text=pa.array([TEXT] * 3), when=stamps(pa.timestamp("us"), day, 10**18, 2 * day))
    found = checked("parquet", tmp_path, id_column="when", metadata_columns=["when"])
    assert [one.metadata.get("when") for one in found] == [["1970-01-02 00:00:00"], None, ["1970-01-03 00:00:00"]]
    assert [one.doc_id for one in found] == ["1970-01-02 00:00:00", "a.parquet:2", "1970-01-03 00:00:00"]
    assert found[1].notes == {"unreadable_values": 1, "no_id": 1}


@pytest.mark.parametrize("zone", ["Mars/Phobos", "America", "../etc", "+25:99"])
def test_times_of_an_unknown_zone_are_those_of_utc_and_counted(tmp_path: Path, zone: str) -> None:
    parquet(tmp_path / "a.parquet", text=pa.array([TEXT]), when=stamps(pa.timestamp("us", zone), 0))
    found = one("parquet", tmp_path, metadata_columns=["when"])
    assert (found.text, found.metadata) == (TEXT, {"when": ["1970-01-01 00:00:00+00:00"]})
    assert found.notes == {"unknown_time_zone": 1}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([TEXT, None]).dictionary_encode(),
        pa.array([TEXT, None], pa.large_string()),
        pa.array([TEXT, None], pa.string_view()),
        pa.array([TEXT.encode(), None], pa.binary()),
        pa.array([TEXT.encode(), None], pa.large_binary()),
        pa.array([TEXT.encode(), None]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_text_is_text_in_whatever_column_it_comes(tmp_path: Path, column: pa.Array) -> None:
    parquet(tmp_path / "a.parquet", text=column, key=column)
    found = checked("parquet", tmp_path, id_column="key", metadata_columns=["key"])
    assert [(one.doc_id, one.skipped, one.text, one.metadata) for one in found] == [
        (TEXT, None, TEXT, {"key": [TEXT]}),
        ("a.parquet:2", "no_text", "", {}),
    ]


def test_a_file_whose_column_is_all_null_has_no_text_and_is_no_error(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", text=pa.nulls(2))
    parquet(tmp_path / "b.parquet", text=pa.array([TEXT]))
    assert [one.skipped for one in checked("parquet", tmp_path)] == ["no_text", "no_text", None]


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
def test_text_in_parquet_that_is_no_utf8_is_read_as_that_of_any_file(tmp_path: Path, kind: pa.DataType) -> None:
    parquet(tmp_path / "a.parquet", text=strings_of(b"Don\x92t go, caf\xe9.", b"Fine.", kind=kind))
    first, second = checked("parquet", tmp_path)
    assert (first.text, first.notes) == ("Don’t go, caf\ufffd.", {"windows_1252": 1, "undecodable_bytes": 1})
    assert (second.text, second.notes) == ("Fine.", {})
    assert checked("parquet", tmp_path, encoding="latin-1")[0].text == "Don’t go, café."


def test_a_column_with_a_broken_page_costs_its_values_and_not_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"{TEXT} {i}." for i in range(3)], "who": ["Ann", "Bo", "Cy"]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    chunk = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = bytes(
        chunk.total_compressed_size
    )
    path.write_bytes(data)
    found = checked("parquet", tmp_path, metadata_columns=["who"])
    assert [one.text for one in found] == [f"{TEXT} {i}." for i in range(3)]
    assert [one.notes for one in found] == [{"unreadable_values": 1}] * 3


# CSV.


CSV = {
    "blank first line": '\nid,text\n1,"{text}"\n',
    "blank first lines with marks": '\r\n ,, \r\nid,text\r\n1,"{text}"\r\n',
    "excel's separator": 'sep=;\r\nid;text\r\n1;"{text}"\r\n',
    "line break in a name": 'id,"free\ntext, or not",text\n1,x,"{text}"\n',
    "line break and another separator": 'id;"a,b,c\r\n,d";text\r\n1;x;"{text}"\r\n',
    "a quote in a name": 'id,size 5",text\n1,2,"{text}"\n',
    "a quote that is never closed": '"id,text\n1,"{text}"\n',
    "escaped quotes": 'id,text\n0,"He said \\"yes, no\\"."\n1,"{text}"\n2,"C:\\new and \\\\ \\"x\\""\n',
    "escaped separators": "id,text\n0,He said\\, no.\n1,{text}\n",
}


@pytest.mark.parametrize("layout", [name for name in CSV if name != "a quote that is never closed"])
def test_a_csv_file_is_read_however_it_is_laid_out(tmp_path: Path, layout: str) -> None:
    write(tmp_path, {"a.csv": CSV[layout].replace("{text}", TEXT).encode()})
    found = {one.doc_id: one for one in checked("csv", tmp_path, id_column="id")}
    assert (found["1"].text, [one.skipped for one in found.values()]) == (TEXT, [None] * len(found))
    if layout.startswith("escaped"):
        assert found["0"].text == ('He said "yes, no".' if "quotes" in layout else "He said, no.")
    if layout == "escaped quotes":
        assert found["2"].text == 'C:\\new and \\ "x"'


def test_a_csv_file_without_a_line_among_others_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": b"", "b.csv": b"\n \n", "c.csv": f"text\n{TEXT}\n".encode(), "d.csv": b"text\n"})
    assert one("csv", tmp_path).text == TEXT


def test_a_name_with_a_line_break_is_asked_for_with_a_blank(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": f'"free\r\n  text",text\nx,{TEXT}\n'.encode()})
    assert one("csv", tmp_path, metadata_columns=["free text"]).metadata == {"free text": ["x"]}
    with pytest.raises(InputError, match=r"columns present: free text, text$"):
        checked("csv", tmp_path, metadata_columns=["other"])


def test_doubled_quotes_and_backslashes_are_what_they_were(tmp_path: Path) -> None:
    rows = 'id,text\n1,"A ""word"" of C:\\dir\\"\n2,"\\""x"" here\\"\n3,"Two here."\n'
    write(tmp_path, {"a.csv": rows.encode()})
    texts = [one.text for one in checked("csv", tmp_path)]
    assert texts == ['A "word" of C:\\dir\\', '\\"x" here\\', "Two here."]


def test_columns_of_one_name_are_refused_where_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": b"text,tag,text\nFirst one.,x,Second one.\n"})
    table = pa.table([pa.array(["First one."]), pa.array(["x"]), pa.array(["Second one."])], ["text", "tag", "text"])
    (tmp_path / "p").mkdir()
    pq.write_table(table, tmp_path / "p" / "a.parquet")
    for format, path in (("csv", tmp_path / "a.csv"), ("parquet", tmp_path / "p")):
        with pytest.raises(InputError, match=r"text_column=text: .* has 2 columns of this name; rename all but one"):
            checked(format, path)
        # A file that no check has seen: another member of an archive, say.
        (found,) = read(format, path, metadata_columns=["tag"])
        assert (found.text, found.notes) == ("First one.", {"duplicate_columns": 1})


def test_keys_of_one_name_are_counted(tmp_path: Path) -> None:
    row = '{"text": "First one.", "in": {"text": "t"}, "text": "Second \\"text\\" one."}\n{"text": "A \\"text\\"."}'
    write(tmp_path, {"a.jsonl": row.encode()})
    first, second = checked("jsonl", tmp_path)
    assert (first.text, first.notes, second.notes) == ('Second "text" one.', {"duplicate_columns": 1}, {})


# Encodings.


WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32"]


def marked(text: str, encoding: str) -> bytes:
    mark = "" if encoding in ("utf-16", "utf-32") else "\ufeff"
    return (mark + text).encode(encoding)


FILES = {
    "text": ("a.txt", f"{TEXT}\n\nThe end."),
    "csv": ("a.csv", f"id\ttext\n1\t{TEXT}\n2\tThe end."),
    "jsonl": ("a.jsonl", f'{{"text": "{TEXT}"}}\n\n{{"text": "The end."}}\n{{"text": "x'),
}


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("format", FILES)
def test_wide_characters_are_read_by_their_mark(tmp_path: Path, format: str, encoding: str) -> None:
    name, text = FILES[format]
    write(tmp_path, {name: marked(text, encoding)})
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        found = "\n\n".join(one.text for one in checked(format, path) if not one.skipped)
        assert found == f"{TEXT}\n\nThe end."


def test_lines_of_wide_characters_are_read_once_whatever_the_stretches(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": marked("".join(f'{{"text": "Row {i}. \u0a0d"}}\n' for i in range(20)), "utf-16-be")})
    source = SourceConfig(format="jsonl", path=str(tmp_path), domain="test")
    listing = source_units(source, "k", stretch=50)
    assert len(listing.units) > 10
    found = list(read_units(*listing, source))
    assert [(one.doc_id, one.text) for one in found] == [(f"a.jsonl:{i + 1}", f"Row {i}. \u0a0d") for i in range(20)]


@pytest.mark.parametrize("given", ["", "utf-16", "utf_16_le"])
@pytest.mark.parametrize("format", FILES)
def test_a_file_cut_inside_a_wide_character_loses_that_alone(tmp_path: Path, format: str, given: str) -> None:
    name, text = FILES[format]
    data = marked(text + "…", "utf-16-le")
    write(tmp_path, {name: data[2 * bool(given) : -1]})
    found = checked(format, tmp_path / name, encoding=given)
    assert TEXT in found[0].text
    assert sum(one.notes.get("undecodable_bytes", 0) for one in found) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "shift_jis", "utf-7", "utf-16", "iso2022_jp"])
@pytest.mark.parametrize("format", FILES)
def test_bytes_that_an_encoding_has_no_character_for_are_counted(tmp_path: Path, format: str, encoding: str) -> None:
    name, text = FILES[format]
    broken = text.encode(encoding).replace("harbour".encode(encoding)[-7:], b"\x81 harbour", 1)
    if encoding != "utf-16":
        write(tmp_path, {name: broken})
        assert sum(one.notes.get("undecodable_bytes", 0) for one in checked(format, tmp_path, encoding=encoding)) == 1


def test_what_decodes_no_files_is_no_encoding(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"x"})
    for encoding in ("hex", "rot13", "idna", "undefined", "latin-99", "latin\0-1"):
        with pytest.raises(InputError, match=r"encoding=.*: no such encoding"):
            checked("text", tmp_path, encoding=encoding)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"Don\x92t say \x93so\x94 \x96 never\x85", ""),
        (b"Don\x92t say \x93so\x94 \x96 never\x85", "latin-1"),
        (b"Don\x92t say \x93so\x94 \x96 never\x85", "ascii"),
        ("Don\x92t say \x93so\x94 \x96 never\x85".encode(), ""),
    ],
    ids=["guessed", "latin-1", "ascii", "wrongly UTF-8"],
)
@pytest.mark.parametrize("format", ["text", "csv", "jsonl", "newsgroups", "parquet"])
def test_windows_quotes_become_quotes_and_are_counted(tmp_path: Path, format: str, data: bytes, encoding: str) -> None:
    files = {
        "text": ("a.txt", data),
        "csv": ("a.csv", b"text\n" + data),
        "jsonl": ("a.jsonl", b'{"text": "' + data + b'"}'),
        "newsgroups": ("sci.space/1", b"From: a\n\n" + data),
    }
    if format == "parquet":
        parquet(tmp_path / "a.parquet", text=strings_of(data))
    else:
        write(tmp_path, dict([files[format]]))
    found = one(format, tmp_path, encoding=encoding or ("utf-8" if format == "newsgroups" else ""))
    assert (found.text, found.notes) == ("Don’t say “so” – never…", {"windows_1252": 5})


def test_a_cut_character_of_utf8_is_no_windows_quote(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "A “word".encode().replace("“".encode(), "“".encode()[:2])})
    found = one("text", tmp_path)
    assert (found.text, found.notes) == ("A \ufffd\ufffdword", {"undecodable_bytes": 2})


# Columns that come late.


def test_a_column_that_first_appears_late_is_there(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"Sentence number {i}."}) for i in range(300)]
    rows.append(json.dumps({"text": "The last one.", "caf\u00e9": "x"}))
    write(tmp_path, {"a.jsonl": "\n".join(rows).encode()})
    assert checked("jsonl", tmp_path, metadata_columns=["café"])[-1].metadata == {"café": ["x"]}
    write_tar(tmp_path / "t" / "a.tar.gz", {"1.jsonl": "\n".join(rows[:300]).encode(), "2.jsonl": rows[300].encode()})
    assert checked("jsonl", tmp_path / "t", metadata_columns=["café"])[-1].metadata == {"café": ["x"]}
    with pytest.raises(InputError, match=r"metadata_columns=tea: .*a.jsonl has no such column; columns present: text"):
        checked("jsonl", tmp_path / "a.jsonl", metadata_columns=["tea"])


def test_records_of_several_lines_are_refused_for_that(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": json.dumps({"text": TEXT}, indent=1).encode()})
    with pytest.raises(InputError, match=r"not jsonl: no line of .*a\.json holds a JSON object; write each record on"):
        checked("jsonl", tmp_path)


def test_how_far_a_column_was_looked_for_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_SCANNED", 100)
    rows = [json.dumps({"text": f"Sentence number {i}."}) for i in range(20)]
    write(tmp_path, {"a.jsonl": "\n".join([*rows, '{"text": "x", "tag": 1}']).encode()})
    with pytest.raises(InputError, match=r"a.jsonl up to its 1\d\dth character has no such column"):
        checked("jsonl", tmp_path, metadata_columns=["tag"])


def test_a_word_is_joined_where_a_line_broke_it_after_a_mark() -> None:
    assert join_lines(["un cafe\u0301-", "bar, हिन्दी-", "x"]) == "un cafe\u0301-bar, हिन्दी-x"


# Inputs that once failed, where they are.

ONCE_FAILED = {
    "csv_backslash_quotes": ("csv", {"id_column": "id"}, 10),
    "csv_blank_first_line": ("csv", {"id_column": "id"}, 10),
    "csv_line_break_in_header": ("csv", {"metadata_columns": ["free text"]}, 10),
    "gutenberg_title_with_asterisk": ("gutenberg", {}, 1),
    "jsonl_lone_surrogate_in_id": ("jsonl", {"id_column": "id"}, 3),
    "parquet_dictionary_text": ("parquet", {}, 10),
    "parquet_timestamp_year_0": ("parquet", {"metadata_columns": ["when"]}, 10),
    "parquet_unknown_time_zone": ("parquet", {"metadata_columns": ["when"]}, 10),
}


@pytest.mark.parametrize("case", ONCE_FAILED)
def test_what_once_failed_is_read(case: str) -> None:
    format, settings, documents = ONCE_FAILED[case]
    (path,) = case_folder(case).glob("input_*")
    found = checked(format, path, **settings)
    assert [one.skipped for one in found] == [None] * documents


# Corpora whose publishers have encodings of their own.

NATIVE = {
    "reuters": (
        "reut2-000.sgm",
        '<REUTERS TOPICS="NO" NEWID="1"><DATE>1</DATE><TEXT><TITLE>CAFÉ</TITLE><BODY>The café is open.</BODY></TEXT>'
        "</REUTERS>\n",
    ),
    "newsgroups": ("sci.space/1", "From: zoe@x (Zoë)\nSubject: s\n\nThe café is open.\n"),
    "sentiment140": (
        "train.csv",
        '"4","1","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","zoë","The café is open."\n' * 2,
    ),
    "imdb": ("train/pos/1_9.txt", "The café is open."),
    "wikipedia_extracted": ("wiki_00", '<doc id="1" title="T">\nT\n\nThe café is open.\n</doc>\n'),
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("format", NATIVE)
def test_a_byte_order_mark_decides_over_what_a_publisher_uses(tmp_path: Path, format: str, encoding: str) -> None:
    name, text = NATIVE[format]
    write(tmp_path / "marked", {name: text.encode(encoding)})
    write(tmp_path / "plain", {name: text.encode()})
    found = checked(format, tmp_path / "marked")
    assert found == checked(format, tmp_path / "plain", encoding="utf-8")
    assert any("café is open." in one.text for one in found)
    assert not any(one.skipped or one.notes for one in found)


@pytest.mark.parametrize("given", ["", "utf-16"])
def test_a_dump_of_wide_characters_is_refused_before_it_is_cut_into_pages(tmp_path: Path, given: str) -> None:
    write(tmp_path, {"wiki.xml": "<mediawiki><page></page></mediawiki>".encode("utf-16")})
    with pytest.raises(InputError, match=r"wiki.xml is UTF-16 or UTF-32; MediaWiki's dumps are UTF-8"):
        checked("wikipedia_dump", tmp_path, encoding=given)


def test_a_packed_parquet_file_named_outright_is_said_to_be_packed(tmp_path: Path) -> None:
    write(tmp_path, {"a.parquet.gz": gzip.compress(b"PAR1")})
    with pytest.raises(InputError, match="is packed in a way that is not read as parquet; unpack it"):
        checked("parquet", tmp_path / "a.parquet.gz")
