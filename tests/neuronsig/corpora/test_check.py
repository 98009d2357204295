"""Sources that cannot be read are named in one line, before anything expensive."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.config.compose import compose
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.formats import FORMATS
from neuronsig.corpora.plan import corpus_fingerprint
from neuronsig.errors import InputError
from tests.neuronsig.corpora.reading import write, write_tar


def check(format: str, path: Path | str, **settings: object) -> None:
    source = SourceConfig(format=format, path=str(path), domain="test", **settings)  # type: ignore[arg-type]
    check_sources(CorpusConfig(sources={"mine": source}))


def refused(said: str, format: str, path: Path | str, **settings: object) -> None:
    with pytest.raises(InputError, match=said) as caught:
        check(format, path, **settings)
    assert "\n" not in str(caught.value)
    assert "corpus.sources.mine." in str(caught.value)


def test_a_path_that_is_missing_is_named(tmp_path: Path) -> None:
    refused(r"path=.*nowhere does not exist; check the path", "text", tmp_path / "nowhere")


def test_a_corpus_with_a_home_is_told_where_to_get_it(tmp_path: Path) -> None:
    remedy = r"download download\.corpora=\[wikipedia\], or leave it out .* '~corpus\.sources\.mine'"
    refused(rf"nowhere does not exist; check the path, get it with neuronsig {remedy}", "wikipedia_dump", "nowhere")
    refused(r"nowhere does not exist; check the path$", "csv", "nowhere")
    assert {form.home for form in FORMATS.values() if form.home} <= set(compose().download.homes)


def test_a_corpus_without_a_home_is_not_said_to_be_downloaded(tmp_path: Path) -> None:
    said = r"wikiextractor \(neuronsig download has only the dump, .*\), or leave it out .* '~corpus\.sources\.mine'"
    refused(rf"is an empty folder; .*{said}", "wikipedia_extracted", tmp_path)


def test_a_source_of_six_can_be_left_out() -> None:
    left = compose(["corpus=six", "~corpus.sources.imdb"]).corpus.sources
    assert len(left) == 5
    assert "imdb" not in left


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    refused("is an empty folder", "text", tmp_path)


@pytest.mark.parametrize(
    ("format", "name", "said"),
    [
        ("reuters", "a.sgm", "has no <REUTERS"),
        ("newsgroups", "sci.space/1", "does not begin with a header line"),
        ("sentiment140", "a.csv", "six quoted columns"),
        ("wikipedia_dump", "a.xml", "no MediaWiki export"),
        ("wikipedia_extracted", "wiki_00", "has no <doc id="),
        ("gutenberg", "a.txt", "START OF THE PROJECT GUTENBERG"),
        ("jsonl", "a.jsonl", "does not begin with a JSON object"),
    ],
)
def test_a_file_of_another_format_is_named(tmp_path: Path, format: str, name: str, said: str) -> None:
    refused(rf"is not {format}: .*{said}.*; check corpus", format, write(tmp_path, {name: b"Just some words"}))


@pytest.mark.parametrize(
    "format",
    ["reuters", "newsgroups", "imdb", "sentiment140", "wikipedia_dump", "gutenberg", "jsonl", "csv", "parquet"],
)
def test_a_folder_with_nothing_of_the_format_is_named_with_what_it_holds(tmp_path: Path, format: str) -> None:
    refused(rf"holds no {format} file \(found picture.png\)", format, write(tmp_path, {"picture.png": b"x"}))


def test_an_archive_with_nothing_of_the_format_is_named(tmp_path: Path) -> None:
    write_tar(tmp_path / "aclImdb.tar.gz", {"other/a.txt": b"x"})
    refused("aclImdb.tar.gz holds no imdb file", "imdb", tmp_path)


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    refused(r"r.tar.gz cannot be read as reuters", "reuters", write(tmp_path, {"r.tar.gz": b"not packed"}))


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    refused("a.sgm is empty", "reuters", write(tmp_path, {"a.sgm": b""}))


def test_a_missing_column_is_named_with_those_present(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": b"id,body,tag\n1,x,y\n", "a.jsonl": b'{"id": 1, "body": "x"}\n'})
    pq.write_table(pa.table({"id": [1], "body": ["x"]}), tmp_path / "a.parquet")
    refused("text_column=text: .*a.csv has no such column; columns present: id, body, tag", "csv", tmp_path)
    refused(
        "metadata_columns=x: .*columns present: id, body", "csv", tmp_path, text_column="body", metadata_columns=["x"]
    )
    refused("text_column=text: .*a.jsonl has no such column; columns present: id, body", "jsonl", tmp_path)
    refused("text_column=text: .*a.parquet has no such column; columns present: id, body", "parquet", tmp_path)
    refused("a.parquet holds int64 there, text is needed", "parquet", tmp_path, text_column="id")


def test_a_corrupt_parquet_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "a.parquet")
    write(tmp_path, {"b.parquet": b"PAR1 not at all PAR1"})
    refused("b.parquet cannot be read as parquet", "parquet", tmp_path)


def test_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    refused("encoding=latin-99: no such encoding", "text", write(tmp_path, {"a.txt": b"x"}), encoding="latin-99")


def test_documentation_has_one_place(tmp_path: Path) -> None:
    refused("set corpus.sources.mine.path=python", "documentation", tmp_path)


def test_sources_that_can_be_read_pass(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": b"id,text\n1,x\n", "a.jsonl": b'{"text": "x"}\n', "b.txt": b"x"})
    for format in ("csv", "jsonl", "text"):
        check(format, tmp_path)
    check("documentation", "python")


def test_the_fingerprint_follows_the_text_and_not_the_place(tmp_path: Path) -> None:
    def fingerprint(folder: str) -> str:
        source = SourceConfig(format="text", path=str(tmp_path / folder), domain="test")
        return corpus_fingerprint(CorpusConfig(sources={"mine": source}))

    write(tmp_path, {"one/a.txt": b"x" * 200_000, "two/a.txt": b"x" * 200_000, "three/a.txt": b"x" * 199_999 + b"y"})
    assert fingerprint("one") == fingerprint("two") != fingerprint("three")


def test_a_file_packed_as_nothing_here_unpacks_is_refused_not_read_as_text(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl.lz4": b"\x04\x22\x4d\x18"})
    refused(r"a.jsonl.lz4 is packed in a way that is not read.*unpack it", "jsonl", tmp_path / "a.jsonl.lz4")
    refused(r"holds no jsonl file \(found a.jsonl.lz4: 1 unreadable_packing", "jsonl", tmp_path)
