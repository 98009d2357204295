"""Every file at a corpus's path is read, or counted by its reason; no name of it ends the job."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fsspec.asyn import AsyncFileSystem

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora import listing
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.plan import corpus_fingerprint, estimated_sentences
from neuronsig.errors import InputError
from tests.neuronsig.corpora.reading import read, write, write_tar, zstd

ROW = b'{"text": "One row."}\n'
TEXT = b"One text."


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd,
    ".lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}  # fmt: skip


def checked(format: str, path: Path | str, **settings: object) -> dict[str, str]:
    """Name -> text or reason, of all that is at a path, once it has passed the checks before a job."""
    source = SourceConfig(format=format, path=str(path), domain="test", **settings)  # type: ignore[arg-type]
    corpus = CorpusConfig(sources={"mine": source})
    check_sources(corpus)
    assert len(corpus_fingerprint(corpus)) == 16
    assert estimated_sentences(corpus) >= 0
    found = read(format, path, **settings)
    "".join(one.doc_id for one in found).encode()
    return {one.doc_id: one.skipped or one.text for one in found}


def refused(format: str, path: Path | str, **settings: object) -> str:
    with pytest.raises(InputError) as caught:
        checked(format, path, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", PACKERS)
def test_what_is_packed_is_read_beside_what_is_not(tmp_path: Path, ending: str) -> None:
    pack = PACKERS[ending]
    # Tools that pack on several cores, or append, write several streams after one another; lzma's old form has one.
    twice = pack(ROW + ROW) if ending == ".lzma" else pack(ROW) + pack(ROW)
    rows = {"a.jsonl": ROW, f"b.jsonl{ending}": twice, f"C.JSONL{ending.upper()}": pack(ROW)}
    assert list(checked("jsonl", write(tmp_path / "rows", rows)).values()) == ["One row."] * 4
    write(tmp_path / "texts", {"a.txt": TEXT, f"b.txt{ending}": pack(TEXT)})
    assert list(checked("text", tmp_path / "texts").values()) == ["One text."] * 2
    inside = write_tar(tmp_path / "x.tar.gz", {"a.txt": TEXT, f"b.txt{ending}": pack(TEXT)}).read_bytes()
    write(tmp_path / "archive", {f"x.tar{ending}": pack(gzip.decompress(inside))})
    assert list(checked("text", tmp_path / "archive").values()) == ["One text."] * 2


def test_a_folder_beside_its_files_holds_much_that_is_counted_by_reason(tmp_path: Path) -> None:
    write(tmp_path, {
        "a.jsonl": ROW, "b.jsonl.lz4": b"?", "c.7z": b"?", "_SUCCESS": b"", ".a.jsonl": ROW, "sub/_old/d.jsonl": ROW,
        "readme.md": b"?", "sub/e.jsonl": ROW,
    })  # fmt: skip
    write_tar(tmp_path / "sub" / "f.tar.gz", {"g.jsonl": ROW})
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "gone.jsonl").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(tmp_path)  # a socket's address is short
        try:
            server.bind("socket")
        finally:
            os.chdir(before)
        found = checked("jsonl", tmp_path)
    assert found == {
        "a.jsonl:1": "One row.", "sub/e.jsonl:1": "One row.", "b.jsonl.lz4": "unreadable_packing",
        "c.7z": "unreadable_packing", "_SUCCESS": "hidden_file", ".a.jsonl": "hidden_file",
        "sub/_old/d.jsonl": "hidden_file", "readme.md": "other_format", "sub/f.tar.gz": "archive_beside_files",
        "pipe.jsonl": "not_a_file", "socket": "not_a_file", "gone.jsonl": "broken_link",
    }  # fmt: skip


def test_what_is_no_file_is_refused_where_it_is_named_outright(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe, socket or device; give a file or folder" in refused("text", tmp_path / "pipe")
    assert "is a pipe, socket or device" in refused("text", "/dev/null")


def test_links_to_folders_are_followed_and_no_folder_is_read_twice(tmp_path: Path) -> None:
    write(tmp_path, {"texts/b.txt": TEXT, "texts/sub/c.txt": TEXT, "elsewhere/a.txt": TEXT, "elsewhere/d.txt": TEXT})
    for name, target in {
        "linked": "../elsewhere", "again": "../elsewhere", "self": ".", "up": "..", "sub/loop": "../sub",
        ".hidden": "../elsewhere",
    }.items():  # fmt: skip
        (tmp_path / "texts" / name).symlink_to(target)
    (tmp_path / "elsewhere" / "back").symlink_to("../texts")
    (tmp_path / "texts" / "file.txt").symlink_to("../elsewhere/a.txt")
    found = checked("text", tmp_path / "texts")
    assert sorted(name for name, said in found.items() if said == "One text.") == [
        "again/a.txt", "again/d.txt", "b.txt", "file.txt", "sub/c.txt"
    ]  # fmt: skip
    assert {name: said for name, said in found.items() if said != "One text."} == {
        **dict.fromkeys(["linked", "self", "up", "sub/loop", "again/back"], "folder_linked_again"),
        ".hidden": "hidden_file",
    }
    (tmp_path / "root").symlink_to("texts")
    assert checked("text", tmp_path / "root") == found


def test_a_folder_without_permission_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.txt": TEXT, "secret/b.txt": TEXT})
    scandir = os.scandir

    def guarded(folder: str) -> object:
        if os.path.basename(folder) == "secret":
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    assert checked("text", tmp_path) == {"a.txt": "One text.", "secret": "unreadable_folder"}
    assert "(Permission denied); check the path and its permissions" in refused("text", tmp_path / "secret")


def test_names_that_are_not_utf8_are_read_and_their_ids_are_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    os.mkdir(folder + b"/stra\xdfe")
    for name in (b"caf\xe9.txt", b"caf\xe8.txt", b"caf\\xe9.txt", b"stra\xdfe/a.txt", b"pi\xe9ce.txt.gz"):
        with open(folder + b"/" + name, "wb") as stream:
            stream.write(gzip.compress(TEXT) if name.endswith(b".gz") else TEXT)
    os.mkfifo(folder + b"/p\xfcpe")
    assert checked("text", tmp_path) == {
        "caf\\xe9.txt\ufffd": "One text.", "caf\\xe8.txt": "One text.", "caf\\xe9.txt": "One text.",
        "stra\\xdfe/a.txt": "One text.", "pi\\xe9ce.txt.gz": "One text.", "p\\xfcpe": "not_a_file",
    }  # fmt: skip
    assert checked("text", os.fsdecode(folder + b"/stra\xdfe")) == {"a.txt": "One text."}


ODD = [
    "Talk::Main: 10:30",
    "zip::a",
    "a#b",
    "100%41",
    "what?",
    "all*",
    "[1]",
    "{x,y}",
    "~",
    " a ",
    "a\nb",
    "ä ö",
    "s3:",
]


def test_no_character_of_a_name_has_a_meaning(tmp_path: Path) -> None:
    texts = {f"{name}.txt": TEXT for name in ODD} | {f"{name}/a.txt.zst": zstd(TEXT) for name in ODD}
    assert checked("text", write(tmp_path / "a::b[*]" / "texts", texts)) == {
        name.replace("\n", "\\x0a"): "One text." for name in texts
    }
    assert checked("text", tmp_path / "a::b[*]" / "texts" / "all*.txt") == {"all*.txt": "One text."}
    rows = {f"{name}.jsonl.gz": gzip.compress(ROW) for name in ODD}
    assert len(checked("jsonl", write(tmp_path / "rows", rows))) == len(ODD)
    for name in ODD:
        write_tar(tmp_path / "archives" / f"{name}.tar.gz", {f"{name}.txt": TEXT})
    assert list(checked("text", tmp_path / "archives").values()) == ["One text."] * len(ODD)


def test_no_character_of_a_name_has_a_meaning_in_a_store(bucket: Path) -> None:
    from neuronsig.storage.location import store_of

    store, root = store_of(bucket)
    root = root.rstrip("/")
    names = [name for name in ODD if "\n" not in name]
    for name in names:
        store.pipe_file(f"{root}/a::b/{name}.txt", TEXT)
    store.pipe_file(f"{root}/a::b/c::d/x.txt.zst", zstd(TEXT))
    store.pipe_file(f"{root}/a::b/_hidden/x.txt", TEXT)
    store.pipe_file(f"{root}/a::b/x.rar", TEXT)
    assert checked("text", f"s3://{root}/a::b") == {
        **{f"{name}.txt": "One text." for name in names}, "c::d/x.txt.zst": "One text.",
        "_hidden/x.txt": "hidden_file", "x.rar": "unreadable_packing",
    }  # fmt: skip
    store.pipe_file(f"{root}/rows/a.csv.gz", b"no gzip")
    assert "a.csv.gz cannot be read as csv (its first bytes are not those of a .gz file)" in refused(
        "csv", f"s3://{root}/rows"
    )


@pytest.mark.parametrize("ending", [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".zip", ".tar.gz", ".tgz"])
def test_the_last_of_many_files_that_is_not_packed_as_it_says_is_named(tmp_path: Path, ending: str) -> None:
    whole = b"text\nOne.\n"
    for number in range(6):
        if ending == ".zip":
            with zipfile.ZipFile(tmp_path / f"f{number}.zip", "w") as archive:
                archive.writestr("a.csv", whole)
        elif ending in (".tar.gz", ".tgz"):
            write_tar(tmp_path / f"f{number}{ending}", {"a.csv": whole})
        else:
            write(tmp_path, {f"f{number}{ending}": PACKERS[ending.removeprefix(".csv")](whole)})
    checked("csv", tmp_path) if ending.startswith(".csv") else read("csv", tmp_path)
    write(tmp_path, {f"f5{ending}": b"not packed at all"})
    assert f"f5{ending} cannot be read as csv (its first bytes are not those of a" in refused("csv", tmp_path)
    if ending.startswith(".csv"):
        write(tmp_path, {f"f5{ending}": b""})
        assert len(checked("csv", tmp_path)) == 5  # no byte: a file of no records


def test_text_that_is_not_first_among_blank_files_is_found(tmp_path: Path) -> None:
    write(tmp_path, {f"a{number}.txt": b" \n" for number in range(6)} | {"b.txt": TEXT})
    assert checked("text", tmp_path)["b.txt"] == "One text."
    write(tmp_path, {"b.txt": b""})
    assert "a0.txt is empty" in refused("text", tmp_path)


def test_a_source_without_a_file_to_read_says_what_is_there_and_why_it_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a", {".x.txt": TEXT, "_y.txt": TEXT, "z.rar": b"?"})
    said = (
        "holds no text file (found z.rar, .x.txt, _y.txt: 2 hidden_file (first .x.txt), 1 unreadable_packing (z.rar))"
    )
    assert said in refused("text", tmp_path / "a")
    write_tar(tmp_path / "b" / "b.tar.gz", {"_a.csv": b"?", "b.txt": b"?", "c.txt": b"?"})
    said = "b.tar.gz holds no csv file (found 1 hidden_file (_a.csv), 2 other_format (first b.txt)); check"
    assert said in refused("csv", tmp_path / "b")


BINARY = [b"\x89\xc4\xff\xb2", b"\x1f\x8b\x08\x08\x01", b"\x7fELF\x02\x01\x01", b"\xff\xd8\xff\xe0", b"\x01\x02ab"]


@pytest.mark.parametrize("data", BINARY)
def test_a_tiny_file_that_is_not_text_is_counted(tmp_path: Path, data: bytes) -> None:
    assert checked("text", write(tmp_path, {"a.txt": TEXT, "b.dat": data}))["b.dat"] == "binary"


def test_text_that_has_some_rubbish_is_read(tmp_path: Path) -> None:
    texts = {
        "a": b"caf\xe9 na\xefve",
        "b": b"\x1b[1mbold\x1b[0m",
        "c": b"_\bl_\bi_\bk_\be",
        "d": "ü".encode("utf-16"),
        "e": "Öl".encode(),
    }
    found = checked("text", write(tmp_path, texts))
    assert "binary" not in found.values()
    assert found["e"] == "Öl"
    wide = write(tmp_path / "wide", {"a.txt": "Weites Öl.".encode("utf-16-le")})
    assert checked("text", wide) == {"a.txt": "binary"}
    assert checked("text", wide, encoding="utf-16-le") == {"a.txt": "Weites Öl."}


class Flat(AsyncFileSystem):
    """A store that lists all that begins with a name, and only so, as that of `gs://`."""

    protocol = "flat"

    async def _info(self, path: str, **_: object) -> dict[str, object]:
        return {"name": path, "type": "directory", "size": 0}

    async def _find(self, path: str, **_: object) -> dict[str, dict[str, object]]:
        return {f"{path}/{name}": {"name": f"{path}/{name}", "size": 1} for name in ("a.txt", "b/c.txt")}


def test_a_store_is_listed_at_once_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "check_scheme", lambda path, key: path)
    monkeypatch.setattr(listing, "client_of", lambda place: (Flat(), place.removeprefix("flat://")))
    assert [unit.name for unit in listing.list_files("flat://x", "key", "remedy").files] == ["a.txt", "b/c.txt"]
