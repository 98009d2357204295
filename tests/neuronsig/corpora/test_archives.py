"""Members of archives are read, or counted by their reason, as files of a folder are."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.neuronsig.corpora.reading import write, write_tar
from tests.neuronsig.corpora.test_listing import TEXT, checked


@pytest.mark.parametrize("packed", ["tar", "zip"])
def test_members_whose_names_are_not_utf8_are_read(tmp_path: Path, packed: str) -> None:
    # Nothing here writes such names: two bytes of a name are changed afterwards, one at a time.
    if packed == "tar":
        with tarfile.open(tmp_path / "x.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
            for name in ("ok.txt", "straße.txt", "straàe.txt"):
                entry = tarfile.TarInfo(name)
                entry.size = len(TEXT)
                archive.addfile(entry, io.BytesIO(TEXT))
        expected = ["ok.txt", "stra\\xdfe.txt", "stra\\xe0e.txt"]
    else:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name in ("ok.txt", "stra1e.txt", "stra2e.txt"):
                archive.writestr(name, TEXT)
        data = (tmp_path / "x.zip").read_bytes()
        (tmp_path / "x.zip").write_bytes(data.replace(b"a1e", b"a\xe1e").replace(b"a2e", b"a\xe0e"))
        expected = ["ok.txt", "straße.txt", "straαe.txt"]  # the code page of names without a mark is the IBM PC's
    assert checked("text", tmp_path) == dict.fromkeys(expected, "One text.")


def test_a_line_break_at_the_end_of_a_name_is_part_of_it(tmp_path: Path) -> None:
    for format, name in (("imdb", "train/pos/{}_7.txt"), ("newsgroups", "train/comp.x/{}")):
        message = b"From: a\n\n" + TEXT
        write_tar(tmp_path / format / "x.tgz", {name.format(1): message, f"{name.format(2)}\n": message})
        found = checked(format, tmp_path / format)
        assert len(found) == 2
        assert found[f"{name.format(2)}\\x0a"] == "other_format"


def test_members_of_an_archive_are_read_or_counted_as_files_are(tmp_path: Path) -> None:
    inner = write_tar(tmp_path / "inner.tgz", {"a.csv": b"text\nOne.\n"}).read_bytes()
    files = {
        "a.csv": b"text\nOne.\n", "b.csv.gz": gzip.compress(b"text\nTwo.\n"), "__MACOSX/._a.csv": b"?",
        "readme.txt": b"?", "inner.tgz": inner, "d.csv.lz4": b"?",
        "secret.csv": b"text\nThree.\n", "odd.csv": b"text\nFour.\n",
    }  # fmt: skip
    expected = {
        "a.csv:1": "One.", "b.csv.gz:1": "Two.", "__MACOSX/._a.csv": "hidden_file", "readme.txt": "other_format",
        "inner.tgz": "unreadable_packing", "d.csv.lz4": "unreadable_packing",
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        # Of the central directory: one needs a password, one is packed in a way that Python does not know.
        archive.getinfo("secret.csv").flag_bits |= 1
        archive.getinfo("odd.csv").compress_type = 97
    assert checked("csv", tmp_path / "x.zip") == {**expected, "secret.csv": "encrypted", "odd.csv": "unreadable_file"}
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, kind in {
            "link.csv": tarfile.SYMTYPE,
            "hard.csv": tarfile.LNKTYPE,
            "pipe.csv": tarfile.FIFOTYPE,
        }.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "a.csv"
            tar.addfile(entry)
        for name in list(files)[:-2]:
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    links = {"link.csv": "link_in_archive", "hard.csv": "link_in_archive", "pipe.csv": "not_a_file"}
    assert checked("csv", tmp_path / "x.tar") == {**expected, **links}


def test_one_broken_member_of_a_zip_archive_costs_no_other(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a", "b", "c"):
            archive.writestr(f"{name}.txt", b"Text of " + name.encode())
    data = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(data.replace(b"Text of b", b"Text of ?"))
    assert list(checked("text", tmp_path).values()) == ["Text of a", "unreadable_file", "Text of c"]


def test_a_broken_header_inside_an_archive_is_not_its_end(tmp_path: Path) -> None:
    whole = bytearray(
        gzip.decompress(write_tar(tmp_path / "x.tgz", {f"{name}.txt": TEXT for name in "abc"}).read_bytes())
    )
    whole[1024:1536] = b"?" * 512
    write(tmp_path, {"x.tgz": gzip.compress(bytes(whole))})
    assert checked("text", tmp_path) == {"a.txt": "One text.", "x.tgz": "unreadable_file"}
