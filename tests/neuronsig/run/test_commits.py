"""A data file, then a marker: what is believed and what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from neuronsig.errors import MachineError
from neuronsig.run import commits
from neuronsig.run.commits import all_committed, commit, committed, sweep, unique_name
from neuronsig.storage.files import list_files, read_bytes
from neuronsig.storage.whole_files import atomic_write


def write(path):
    path.write_bytes(b"top sentences")
    return {"rows": 2}


@pytest.fixture
def made(tmp_path):
    data, marker = tmp_path / "shard-1.bin", tmp_path / "shard-1.json"
    commit(data, marker, "plan-a", write)
    return data, marker


def test_a_commit_is_found_with_its_facts(made):
    found = committed(made[1], "plan-a")
    assert found is not None
    assert (found["rows"], found["file"], found["bytes"]) == (2, "shard-1.bin", 13)


def test_a_commit_of_another_plan_is_not_believed(made):
    assert committed(made[1], "plan-b") is None


@pytest.mark.parametrize("content", [b"", b"top sentence", b"top sentencez"], ids=["empty", "torn", "flipped"])
def test_a_file_that_is_not_what_the_marker_says_is_not_believed(made, content):
    made[0].write_bytes(content)
    assert committed(made[1], "plan-a") is None


def test_a_marker_without_its_file_is_not_believed(made):
    made[0].unlink()
    assert committed(made[1], "plan-a") is None


def test_a_file_that_is_there_but_cannot_be_read_is_an_error_and_not_taken_for_absent(made, monkeypatch):
    def failing(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(commits, "file_digest", failing)
    with pytest.raises(MachineError, match=r"cannot be read \(Permission denied\); mend that"):
        committed(made[1], "plan-a")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_torn_marker_is_not_believed(made, text):
    made[1].write_text(text)
    assert committed(made[1], "plan-a") is None


def test_a_writer_that_fails_leaves_neither_file_nor_marker(tmp_path):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        commit(tmp_path / "a.bin", tmp_path / "a.json", "plan", fail)
    assert list(tmp_path.iterdir()) == []


def test_two_attempts_write_two_files_and_the_marker_names_one_whole(tmp_path):
    marker = tmp_path / "shard-1.json"
    for _ in range(2):
        commit(tmp_path / unique_name("shard-1", ".bin"), marker, "plan", write)
    assert len(list(tmp_path.glob("*.bin"))) == 2
    assert committed(marker, "plan") is not None


def test_sweeping_leaves_only_what_is_kept(made, tmp_path):
    (tmp_path / ".shard-2.tmp").write_bytes(b"killed while writing")
    sweep(tmp_path, ["shard-1.bin", "shard-1.json"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shard-1.bin", "shard-1.json"]
    assert json.loads(made[1].read_text())["rows"] == 2


@pytest.fixture
def remote(bucket):
    """A commit on a real S3 server: data, marker."""
    data, marker = bucket / "run" / "shard-1.bin", bucket / "run" / "_shards" / "shard-1.json"
    commit(data, marker, "plan-a", write)
    return data, marker


def test_a_commit_on_a_store_is_found_without_downloading_its_file(remote, monkeypatch):
    monkeypatch.setattr("neuronsig.run.commits.file_digest", lambda path: pytest.fail(f"{path} is downloaded"))
    found = committed(remote[1], "plan-a")
    assert found is not None
    assert (found["rows"], found["file"], found["bytes"]) == (2, "../shard-1.bin", 13)
    assert committed(remote[1], "plan-b") is None


@pytest.mark.parametrize("content", [b"", b"top sentence", b"top sentencez"], ids=["empty", "torn", "replaced"])
def test_an_object_that_is_not_what_the_marker_says_is_not_believed(remote, content):
    atomic_write(remote[0], content)
    assert committed(remote[1], "plan-a") is None


def test_an_object_that_is_gone_is_not_believed(remote):
    remote[0].unlink()
    assert committed(remote[1], "plan-a") is None


def test_the_same_object_under_another_tag_is_believed_by_its_checksum(remote):
    marker = json.loads(read_bytes(remote[1]))
    assert marker.pop("tag")
    atomic_write(remote[1], json.dumps({**marker, "tag": "that of the store it was copied from"}).encode())
    assert committed(remote[1], "plan-a") is not None
    atomic_write(remote[0], b"top sentencez")
    assert committed(remote[1], "plan-a") is None


KILLED = """
import os, signal, sys
import neuronsig.run.commits as commits
from neuronsig.storage import whole_files
from neuronsig.storage.location import location
root = location(sys.argv[1])
def write(path):
    path.write_bytes(b"top sentences")
    return {"rows": 2}
if sys.argv[2] == "between data and marker":
    commits.atomic_write = lambda path, data: os.kill(os.getpid(), signal.SIGKILL)
else:
    whole_files.put = lambda source, path: os.kill(os.getpid(), signal.SIGKILL)
commits.commit(root / commits.unique_name("shard-1", ".bin"), root / "shard-1.json", "plan", write)
"""


@pytest.mark.parametrize(("moment", "left"), [("before the data", 0), ("between data and marker", 1)])
def test_a_writer_that_is_killed_is_not_believed_and_the_next_one_is(bucket, moment, left):
    root = bucket / "run"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(root), moment], check=False)
    assert killed.returncode == -9
    assert len(list_files(root)) == left
    assert committed(root / "shard-1.json", "plan") is None
    found = commit(root / unique_name("shard-1", ".bin"), root / "shard-1.json", "plan", write)
    assert committed(root / "shard-1.json", "plan") == found
    sweep(root, [found["file"], "shard-1.json"])
    assert [path.name for path in list_files(root)] == [found["file"], "shard-1.json"]


def test_of_two_writers_at_once_the_marker_names_one_whole_object(bucket):
    root = bucket / "run"

    def one(number):
        def write(path):
            path.write_bytes(b"%d" % number * 1000)
            return {"writer": number}

        return commit(root / unique_name("shard-1", ".bin"), root / "shard-1.json", "plan", write)

    with ThreadPoolExecutor(2) as writers:
        made = list(writers.map(one, range(2)))
    found = committed(root / "shard-1.json", "plan")
    assert found in made
    assert read_bytes(root / found["file"]) == b"%d" % found["writer"] * 1000


def test_many_markers_are_asked_for_in_order(remote):
    missing = remote[1].with_name("shard-2.json")
    found = all_committed([missing, remote[1], missing], "plan-a")
    assert [marker is not None for marker in found] == [False, True, False]
