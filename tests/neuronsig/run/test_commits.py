"""A data file, then a marker: what is believed and what is not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from neuronsig.errors import MachineError
from neuronsig.run import commits
from neuronsig.run.commits import all_committed, commit, committed, sweep, unique_name
from neuronsig.storage.files import list_files, read_bytes
from neuronsig.storage.whole_files import atomic_write
from tests.stores import in_another_process


def write(path):
    path.write_bytes(b"top sentences")
    return {"rows": 2}


def committed_in(folder):
    data, marker = folder / "shard-1.bin", folder / "_shards" / "shard-1.json"
    commit(data, marker, "plan-a", write)
    return data, marker


@pytest.fixture
def made(folder):
    """A commit on a disk and in each kind of store: data, marker."""
    return committed_in(folder)


def test_a_commit_is_found_with_its_facts(made):
    found = committed(made[1], "plan-a")
    assert found is not None
    assert (found["rows"], found["file"], found["bytes"]) == (2, "../shard-1.bin", 13)


def test_a_commit_of_another_plan_is_not_believed(made):
    assert committed(made[1], "plan-b") is None


@pytest.mark.parametrize("content", [b"", b"top sentence", b"top sentencez"], ids=["empty", "torn", "replaced"])
def test_a_file_that_is_not_what_the_marker_says_is_not_believed(made, content):
    atomic_write(made[0], content)
    assert committed(made[1], "plan-a") is None


def test_a_marker_without_its_file_is_not_believed(made):
    made[0].unlink()
    assert committed(made[1], "plan-a") is None


def test_a_file_that_is_there_but_cannot_be_read_is_an_error_and_not_taken_for_absent(tmp_path, monkeypatch):
    _, marker = committed_in(tmp_path)

    def failing(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(commits, "file_digest", failing)
    with pytest.raises(MachineError, match=r"cannot be read \(Permission denied\); mend that"):
        committed(marker, "plan-a")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_torn_marker_is_not_believed(made, text):
    atomic_write(made[1], text.encode())
    assert committed(made[1], "plan-a") is None


def test_a_writer_that_fails_leaves_neither_file_nor_marker(folder):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        commit(folder / "a.bin", folder / "a.json", "plan", fail)
    assert list_files(folder) == []


def test_two_attempts_write_two_files_and_the_marker_names_one_whole(folder):
    marker = folder / "shard-1.json"
    for _ in range(2):
        commit(folder / unique_name("shard-1", ".bin"), marker, "plan", write)
    assert len([file for file in list_files(folder) if file.suffix == ".bin"]) == 2
    assert committed(marker, "plan") is not None


def test_sweeping_leaves_only_what_is_kept(made, folder):
    for leaving in (".shard-2.tmp", "shard-2.bin"):
        atomic_write(folder / leaving, b"killed while writing")
    sweep(folder, ["shard-1.bin"])
    assert [file.name for file in list_files(folder)] == ["shard-1.bin"]
    assert json.loads(read_bytes(made[1]))["rows"] == 2


def test_a_commit_on_a_store_with_tags_is_found_without_downloading_its_file(bucket, monkeypatch):
    _, marker = committed_in(bucket)
    monkeypatch.setattr("neuronsig.run.commits.file_digest", lambda path: pytest.fail(f"{path} is downloaded"))
    assert committed(marker, "plan-a") is not None


def test_the_same_object_under_another_tag_is_believed_by_its_checksum(bucket):
    data, marker = committed_in(bucket)
    content = json.loads(read_bytes(marker))
    assert content.pop("tag")
    atomic_write(marker, json.dumps({**content, "tag": "that of the store it was copied from"}).encode())
    assert committed(marker, "plan-a") is not None
    atomic_write(data, b"top sentencez")
    assert committed(marker, "plan-a") is None


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
def test_a_writer_that_is_killed_is_not_believed_and_the_next_one_is(store, moment, left):
    killed = in_another_process(KILLED, str(store), moment)
    assert killed.returncode == -9
    assert len(list_files(store)) == left
    assert committed(store / "shard-1.json", "plan") is None
    found = commit(store / unique_name("shard-1", ".bin"), store / "shard-1.json", "plan", write)
    assert committed(store / "shard-1.json", "plan") == found
    sweep(store, [found["file"], "shard-1.json"])
    assert [path.name for path in list_files(store)] == [found["file"], "shard-1.json"]


def test_of_two_writers_at_once_the_marker_names_one_whole_object(store):
    def one(number):
        def write(path):
            path.write_bytes(b"%d" % number * 1000)
            return {"writer": number}

        return commit(store / unique_name("shard-1", ".bin"), store / "shard-1.json", "plan", write)

    with ThreadPoolExecutor(2) as writers:
        made = list(writers.map(one, range(2)))
    found = committed(store / "shard-1.json", "plan")
    assert found in made
    assert read_bytes(store / found["file"]) == b"%d" % found["writer"] * 1000


def test_many_markers_are_asked_for_in_order(made):
    missing = made[1].with_name("shard-2.json")
    found = all_committed([missing, made[1], missing], "plan-a")
    assert [marker is not None for marker in found] == [False, True, False]
