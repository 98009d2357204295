"""A data file, then a marker: what is believed and what is not."""

from __future__ import annotations

import json

import pytest

from neuronsig.commits import commit, committed, sweep, unique_name


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
