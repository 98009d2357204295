"""The parsers carried by a real Spark."""

from __future__ import annotations

import bz2
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora.files import Unit
from neuronsig.corpora.plan import read_units, source_units
from neuronsig.errors import InputError
from spark_jobs.documents import Documents, read_documents, spark_reads
from tests.neuronsig.corpora.reading import write, zstd

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def source(format: str, path: Path | str, domain: str = "test", **settings: object) -> SourceConfig:
    return SourceConfig(format=format, path=str(path), domain=domain, **settings)  # type: ignore[arg-type]


def rows(documents: Documents) -> dict[str, str | None]:
    return {row["doc_id"]: row["text"] for row in documents.records.collect()}


def test_sources_are_read_together_and_keep_their_order_and_counts(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name, text in {"one": b"First text here.", "two": b"Caf\xe9 text.", "three": b""}.items():
        (tmp_path / "a" / f"{name}.txt").write_bytes(text)
    (tmp_path / "b.csv").write_text("id,text,tag\n1,Second text.,x\n2,too few\n")
    sources = {
        "mine": source("text", tmp_path / "a", "d1"),
        "table": source("csv", tmp_path / "b.csv", "d2", id_column="id", metadata_columns=["tag"]),
    }
    documents = read_documents(spark, CorpusConfig(sources=sources))
    found = {row["doc_id"]: row for row in documents.frame.collect()}
    assert set(found) == {"mine/one.txt", "mine/two.txt", "table/1"}
    assert (found["table/1"]["corpus_order"], found["table/1"]["domain"]) == (1, "d2")
    assert found["table/1"]["metadata"] == {"tag": ["x"]}
    assert documents.count() == 3
    assert documents.skipped() == {"mine: empty": 1, "table: broken_record": 1}
    assert documents.notes() == {"mine: undecodable_bytes": 1}


def test_saved_records_are_the_same(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "One."}\nbroken\n')
    documents = read_documents(spark, CorpusConfig(sources={"x": source("jsonl", tmp_path / "a.jsonl")}))
    saved = documents.save((tmp_path / "saved").as_uri())
    assert rows(saved) == rows(documents) == {"x/a.jsonl:1": "One.", "x/a.jsonl:2": None}
    assert saved.skipped() == {"x: broken_record": 1}


def test_a_large_jsonl_file_is_split_and_its_lines_keep_their_numbers(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, lines in (("a", 40), ("b", 7)):
        text = "".join(f'{{"text": "Row {number} of {name}."}}\n\n' for number in range(lines))
        (tmp_path / f"{name}.jsonl").write_text(text)
    whole = source("jsonl", tmp_path)
    expected = {f"x/{one.doc_id}": one.text for one in read_units(*source_units(whole, "k"), whole)}
    monkeypatch.setattr("spark_jobs.documents.source_units", lambda source, key: source_units(source, key, stretch=100))
    assert rows(read_documents(spark, CorpusConfig(sources={"x": whole}))) == expected
    assert len(expected) == 47


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "bzip2"])
def test_a_split_dump_gives_the_same_pages_as_a_stream(spark: SparkSession, tmp_path: Path, packed: bool) -> None:
    pages = [
        f"<page><title>T{n}</title><ns>{int(n % 5 == 0)}</ns><id>{n}</id><revision><id>{n}</id>"
        f"<text>Text of page {n} is {'é' * (n % 17)} here. {'x' * n}</text></revision></page>\n"
        for n in range(1, 400)
    ]
    dump = ("<mediawiki>\n" + "".join(pages) + "</mediawiki>\n").encode()
    name = "wiki.xml.bz2" if packed else "wiki.xml"
    # Many bzip2 streams, as in multistream dumps, which end anywhere in a page.
    streams = [bz2.compress(dump[start : start + 9000]) for start in range(0, len(dump), 9000)]
    (tmp_path / name).write_bytes(b"".join(streams) if packed else dump)
    whole = source("wikipedia_dump", tmp_path)
    expected = {f"x/{one.doc_id}": one.text or None for one in read_units(*source_units(whole, "k"), whole)}
    before = spark.conf.get("spark.sql.files.maxPartitionBytes")
    spark.conf.set("spark.sql.files.maxPartitionBytes", str((tmp_path / name).stat().st_size // 4))
    try:
        documents = read_documents(spark, CorpusConfig(sources={"x": whole}))
        assert documents.records.rdd.getNumPartitions() > 2  # one is for what is passed over
        assert rows(documents) == expected
    finally:
        spark.conf.set("spark.sql.files.maxPartitionBytes", before)
    assert len(expected) == 399
    assert sum(text is None for text in expected.values()) == 79


PAGE = "<page><title>T</title><ns>0</ns><id>{0}</id><revision><id>{0}</id><text>Text here.</text></revision></page>"


@pytest.mark.parametrize(
    "name",
    [
        "wiki[1] {x}/dump.xml",
        "wiki*?/dump.xml",
        "wiki_ünïcode %20#/dump.xml",
        "plain/enwiki-2020:01:01.xml",
        "12:30/dump.xml",
        "plain/dump[1].xml.bz2",
        "plain/DUMP.XML.BZ2",
        "plain/_dump.xml",
    ],
)
def test_a_dump_may_have_any_name(spark: SparkSession, tmp_path: Path, name: str) -> None:
    dump, other = tmp_path / name, tmp_path / "wiki1" / "dump.xml"
    for file in (dump, other):
        file.parent.mkdir(exist_ok=True)
        text = PAGE.format(1).encode()
        file.write_bytes(bz2.compress(text) if name.lower().endswith("bz2") else text)
    documents = read_documents(spark, CorpusConfig(sources={"x": source("wikipedia_dump", dump)}))
    assert [(row["doc_id"], row["text"]) for row in documents.records.collect()] == [("x/1@1", "Text here.")]


def test_dumps_in_a_folder_with_any_name_are_read_once_each(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "wiki[1] {x}"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"{number}.xml").write_text(PAGE.format(number))
    documents = read_documents(spark, CorpusConfig(sources={"x": source("wikipedia_dump", folder)}))
    assert sorted(row["doc_id"] for row in documents.records.collect()) == ["x/1@1", "x/2@2", "x/3@3"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("dump.xml", True),
        ("a[1]:b/dump.xml", True),
        ("2020:01.xml", False),
        ("_dump.xml", False),
        (".dump.xml", False),
        ("DUMP.XML.GZ", False),
        ("dump.xml.xz", False),
        ("dumps.tar.bz2", False),
    ],
)
def test_spark_is_given_the_dumps_whose_names_it_reads_as_they_are(name: str, read: bool) -> None:
    assert spark_reads(Unit(f"/data/{name}", name, 1)) == read


def test_the_first_documents_are_those_of_the_first_files(spark: SparkSession, tmp_path: Path) -> None:
    for name in "edcba":
        (tmp_path / f"{name}.txt").write_text(f"Text {name}.")
    documents = read_documents(spark, CorpusConfig(sources={"x": source("text", tmp_path, max_documents=2)}))
    assert set(rows(documents)) == {"x/a.txt", "x/b.txt"}


def test_a_source_that_is_missing_is_refused_before_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_documents(spark, CorpusConfig(sources={"x": source("text", tmp_path / "none")}))


def cut_dump(pages: str) -> bytes:
    """Some pages, and a download that was broken off in those after them."""
    long = pages.replace("Text.", "It is a text. " * 500)
    return bz2.compress(long.encode() * 400) + bz2.compress(pages.encode() * 20)[:-10]


def test_what_is_passed_over_is_counted_with_its_first_example(spark: SparkSession, tmp_path: Path) -> None:
    pages = (
        "<mediawiki><page><title>T</title><ns>0</ns><id>1</id><revision><id>1</id><text>Text.</text></revision></page>"
    )
    write(tmp_path / "texts", {"a.txt": b"A text.", ".b": b"?", "_c/d.txt": b"?", "e.rar": b"?", "f.dat": b"\0"})
    write(tmp_path / "dump", {"wiki.xml": pages.encode(), "_old.xml": b"?", "notes.md": b"?"})
    # Those that Spark's own reader would leave out, or take for plain text.
    odd = {
        "hidden": write(tmp_path, {"_wiki.xml": pages.encode()}) / "_wiki.xml",
        "large": write(tmp_path / "large", {"WIKI.XML.BZ2": bz2.compress(pages.encode())}),
        "zstd": write(tmp_path / "zstd", {"wiki.xml.zst": zstd(pages.encode())}),
        "bytes": write(tmp_path / os.fsdecode(b"caf\xe9"), {"wiki.xml": pages.encode()}),
        "cut": write(tmp_path / "cut", {"wiki.xml.bz2": cut_dump(pages)}),
    }
    sources = {
        "texts": source("text", tmp_path / "texts"),
        "dump": source("wikipedia_dump", tmp_path / "dump"),
        **{name: source("wikipedia_dump", path) for name, path in odd.items()},
    }
    documents = read_documents(spark, CorpusConfig(sources=sources))
    assert documents.tally.documents.pop("cut: ") > 1
    assert documents.tally.documents == {f"{name}: ": 1 for name in sorted(sources) if name != "cut"}
    assert documents.skipped() == {
        "cut: unreadable_file": 1, "dump: hidden_file": 1, "dump: other_format": 1, "texts: binary": 1,
        "texts: hidden_file": 2, "texts: unreadable_packing": 1,
    }  # fmt: skip
    assert documents.tally.first["texts: hidden_file"] == ".b"


def test_only_what_sparks_reader_takes_for_what_it_is_is_given_to_it(tmp_path: Path) -> None:
    whole = bz2.compress(b"A dump.")
    for name, data, given in [
        ("wiki.xml", b"A dump.", True), ("wiki.xml.bz2", whole, True), ("wiki.xml-p1.bz2", whole * 3, True),
        ("cut.xml.bz2", whole[:-4], False), ("WIKI.XML.BZ2", whole, False), ("_wiki.xml", b"?", False),
        ("wiki.xml.gz", b"?", False), ("wiki.xml.zst", b"?", False), ("wiki.tar.bz2", whole, False),
        (os.fsdecode(b"caf\xe9.xml"), b"?", False),
    ]:  # fmt: skip
        write(tmp_path, {name: data})
        assert spark_reads(Unit(str(tmp_path / name), name, len(data))) is given, name
