"""jobs.download against a server on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuronsig.config import Config
from neuronsig.config.compose import compose
from neuronsig.errors import ConfigError, InputError, MachineError
from neuronsig_jobs.download import run
from tests.http_home import Home, serve

BOOK = b"*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nIt was a dark night.\n"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def config(tmp_path: Path, url: str, **home: object) -> Config:
    made = compose([f"data={tmp_path}", "download.corpora=[books]", "download.retries=1", "download.timeout=5"])
    made.download.homes["books"] = {"url": url, "path": "books", **home}
    return made


def test_files_land_where_the_readers_look_and_a_second_run_gets_nothing(tmp_path: Path) -> None:
    with serve(Home({"/pg11.txt": BOOK, "/pg84.txt": BOOK})) as home:
        made = config(tmp_path, home.url + "/pg{id}.txt", ids=[11, 84])
        assert run(made)["files"] == 2
        asked = len(home.requests)
        assert run(made) == {"data": str(tmp_path), "files": 0, "already there": 2, "bytes": 0, "resumed bytes": 0}
        assert len(home.requests) == asked
    assert (tmp_path / "books" / "pg11.txt").read_bytes() == BOOK
    record = json.loads((tmp_path / "books" / ".download.json").read_text())
    assert record["pg84.txt"]["bytes"] == len(BOOK)
    assert len(record["pg84.txt"]["sha256"]) == 64


def test_a_file_cut_short_after_it_was_got_is_got_again(tmp_path: Path) -> None:
    with serve(Home({"/pg11.txt": BOOK})) as home:
        made = config(tmp_path, home.url + "/pg11.txt")
        run(made)
        (tmp_path / "books" / "pg11.txt").write_bytes(BOOK[:10])
        assert run(made)["files"] == 1
    assert (tmp_path / "books" / "pg11.txt").read_bytes() == BOOK


def test_a_file_put_there_by_hand_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "pg11.txt").write_bytes(b"mine")
    assert run(config(tmp_path, "http://127.0.0.1:9/pg11.txt"))["already there"] == 1
    assert (tmp_path / "books" / "pg11.txt").read_bytes() == b"mine"


def test_the_servers_list_of_checksums_is_used(tmp_path: Path) -> None:
    with serve(Home({"/d-latest.txt": BOOK, "/sums": b"0" * 32 + b"  d-20240101.txt\n"})) as home:
        made = config(tmp_path, home.url + "/d-latest.txt", checksums=home.url + "/sums")
        with pytest.raises(InputError, match=r"md5 is .* expected 0"):
            run(made)


def test_a_corpus_without_a_home_is_named(tmp_path: Path) -> None:
    made = compose([f"data={tmp_path}", "download.corpora=[bookcorpus]"])
    with pytest.raises(ConfigError, match=r"bookcorpus has no home; choose from gutenberg, imdb"):
        run(made)


def test_a_full_disk_is_said_before_anything_is_asked_for(tmp_path: Path) -> None:
    made = config(tmp_path, "http://127.0.0.1:9/big.txt", bytes=10**18)
    with pytest.raises(MachineError, match="MiB are free"):
        run(made)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "../out"}, "a folder below data"),
        ({"checksum": "sha256:12"}, "its hex digits"),
        ({"sha256": "x"}, "books.sha256: unknown"),
        ({"url": "ftp://x/y"}, "an http"),
    ],
)
def test_a_home_that_cannot_be_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    made = config(tmp_path, "http://127.0.0.1:9/a.txt")
    made.download.homes["books"] |= change
    with pytest.raises(ConfigError, match=said):
        run(made)


def test_every_home_that_ships_is_complete() -> None:
    made = compose([])
    made.download.corpora = list(made.download.homes)
    from neuronsig_jobs.download import _wanted

    wanted = [one for name in made.download.corpora for one in _wanted(made, name, Path("data"))]
    assert {one.target.parent.as_posix() for one in wanted} == {
        "data/reuters21578", "data/20newsgroups", "data/imdb", "data/sentiment140", "data/wikipedia/dump", "data/books"
    }  # fmt: skip
