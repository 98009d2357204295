"""One file over HTTP, against a real server on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from neuronsig.corpora import download
from neuronsig.corpora.download import fetch, published_checksum
from neuronsig.errors import InputError, MachineError
from tests.http_home import Home, serve

BODY = bytes(range(256)) * 4000
SHA256 = "sha256:" + hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def no_sleep(seconds: float) -> None:
    pass


def test_a_file_arrives_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    with serve(Home({"/a.gz": BODY})) as home:
        seen: list[tuple[int, int]] = []
        got = fetch(f"{home.url}/a.gz", tmp_path / "x" / "a.gz", SHA256, progress=lambda *now: seen.append(now))
    assert (tmp_path / "x" / "a.gz").read_bytes() == BODY
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a.gz"]
    assert (got.size, got.sha256, got.resumed, got.attempts) == (len(BODY), SHA256[7:], 0, 1)
    assert seen[-1] == (len(BODY), len(BODY))


def test_a_dropped_connection_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    with serve(Home({"/a.gz": BODY}, drop_after=[300_000, 100_000])) as home:
        got = fetch(f"{home.url}/a.gz", tmp_path / "a.gz", SHA256, sleep=no_sleep)
    assert (tmp_path / "a.gz").read_bytes() == BODY
    assert got.attempts == 3
    assert [asked for _, asked in home.requests] == ["", "bytes=300000-", "bytes=400000-"]


def test_a_later_call_goes_on_from_the_part_that_is_there(tmp_path: Path) -> None:
    with serve(Home({"/a.gz": BODY}, drop_after=[300_000, 0, 0])) as home:
        with pytest.raises(InputError, match=r"connection lost.*300,000 bytes are kept"):
            fetch(f"{home.url}/a.gz", tmp_path / "a.gz", SHA256, retries=2, sleep=no_sleep)
        assert not (tmp_path / "a.gz").exists()
        got = fetch(f"{home.url}/a.gz", tmp_path / "a.gz", SHA256, sleep=no_sleep)
    assert got.resumed == 300_000
    assert (tmp_path / "a.gz").read_bytes() == BODY


def test_parts_of_two_versions_are_never_joined(tmp_path: Path) -> None:
    with serve(Home({"/a.gz": BODY}, drop_after=[300_000])) as home:
        with pytest.raises(InputError):
            fetch(f"{home.url}/a.gz", tmp_path / "a.gz", retries=0, sleep=no_sleep)
        home.files["/a.gz"], home.etag = BODY[::-1], '"v2"'
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz", sleep=no_sleep)
    assert (tmp_path / "a.gz").read_bytes() == BODY[::-1]


def test_a_server_without_ranges_sends_all_again(tmp_path: Path) -> None:
    with serve(Home({"/a.gz": BODY}, ranges=False, drop_after=[300_000])) as home:
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz", SHA256, sleep=no_sleep)
    assert (tmp_path / "a.gz").read_bytes() == BODY


def test_a_part_that_is_already_whole_is_taken_from_the_start_again(tmp_path: Path) -> None:
    (tmp_path / "a.gz.part").write_bytes(BODY)
    (tmp_path / "a.gz.part.etag").write_text('"v1"')
    with serve(Home({"/a.gz": BODY})) as home:
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz", SHA256, sleep=no_sleep)
    assert (tmp_path / "a.gz").read_bytes() == BODY


def test_a_wrong_checksum_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with serve(Home({"/a.gz": BODY})) as home, pytest.raises(InputError, match=r"md5 is .* expected 0{32}"):
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz", "md5:" + "0" * 32)
    assert list(tmp_path.iterdir()) == []


def test_not_found_is_said_at_once(tmp_path: Path) -> None:
    with serve(Home({})) as home, pytest.raises(InputError, match=r"404 Not Found; .*set another url"):
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz", sleep=no_sleep)
    assert len(home.requests) == 1


def test_trouble_that_passes_is_tried_again(tmp_path: Path) -> None:
    waited: list[float] = []
    with serve(Home({"/a.gz": BODY}, fail_with=[503, 500])) as home:
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz", SHA256, sleep=waited.append)
    assert waited == [2.0, 4.0]


def test_a_refused_connection_is_one_line(tmp_path: Path) -> None:
    with serve(Home({})) as home:
        address = home.url
    with pytest.raises(InputError, match=r"Connection refused.* after 2 attempts; check the network"):
        fetch(f"{address}/a.gz", tmp_path / "a.gz", retries=2, sleep=no_sleep)


def test_too_little_room_is_said_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_SPARE", 1 << 60)
    with serve(Home({"/a.gz": BODY})) as home, pytest.raises(MachineError, match="MiB are free on its disk"):
        fetch(f"{home.url}/a.gz", tmp_path / "a.gz")
    assert not (tmp_path / "a.gz.part").exists()


def test_a_published_list_gives_the_checksum_of_the_dated_name(tmp_path: Path) -> None:
    listed = f"{'a' * 32}  wiki-20240901-pages.xml.bz2-rss.xml\n{'b' * 32}  wiki-20240901-pages.xml.bz2\n".encode()
    with serve(Home({"/sums.txt": listed})) as home:
        assert published_checksum(f"{home.url}/sums.txt", "wiki-latest-pages.xml.bz2", 5, 1) == "md5:" + "b" * 32
        assert published_checksum(f"{home.url}/sums.txt", "other.bz2", 5, 1) == ""
