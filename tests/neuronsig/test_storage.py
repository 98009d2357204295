"""All that is done with files, in the same tests on a disk and in each store: the fixtures `folder` and `store`."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from neuronsig.errors import ConfigError, InputError
from neuronsig.storage.files import (
    delete_files,
    files_below,
    free_space,
    list_files,
    local_copy,
    read_bytes,
    remove,
    size_and_tag,
)
from neuronsig.storage.location import join, location, relative_to
from neuronsig.storage.parquet import (
    check_table,
    parquet_file,
    read_parquet,
    read_rows,
    read_table,
    table_files,
    write_parquet,
)
from neuronsig.storage.whole_files import atomic_write, create_new, is_whole, put_folder, written, written_folder
from neuronsig.tables import TOKENIZED
from tests.stores import in_another_process


def rows(*ids: int) -> pa.Table:
    return pa.table([list(ids), [[i, i] for i in ids]], schema=TOKENIZED)


def test_a_local_location_is_a_plain_path_whatever_it_is_called(tmp_path):
    assert location(f"file://{tmp_path}") == location(str(tmp_path)) == tmp_path
    assert type(location(f"file://{tmp_path}")) is type(tmp_path)


def test_a_small_file_is_replaced_whole(folder):
    for content in (b"first", b"second"):
        atomic_write(folder / "a" / "run.json", content)
    assert read_bytes(folder / "a" / "run.json") == b"second"
    assert [path.name for path in files_below(folder)] == ["run.json"]
    with pytest.raises(FileNotFoundError):
        read_bytes(folder / "a" / "nothing.json")


def test_files_are_listed_sorted_and_folders_are_not_files(folder):
    for name in ("b", "a", "deep/c", "deep/er/d"):
        atomic_write(folder / name, b"x")
    assert [path.name for path in list_files(folder)] == ["a", "b"]
    assert [relative_to(p, folder) for p in files_below(folder)] == ["a", "b", "deep/c", "deep/er/d"]
    assert list_files(folder / "nowhere") == files_below(folder / "nowhere") == []


def test_a_relative_name_leads_back_to_the_file(folder):
    data, markers = folder / "shard.parquet", folder / "_shards"
    name = relative_to(data, markers)
    assert name == "../shard.parquet"
    atomic_write(data, b"x")
    assert read_bytes(join(markers, name)) == b"x"


def test_removing_takes_a_folder_or_a_file_and_forgives_neither_being_there(folder):
    for name in ("keep", "gone/a", "gone/b/c", "file"):
        atomic_write(folder / name, b"x")
    for name in ("gone", "file", "never"):
        remove(folder / name)
    assert [path.name for path in files_below(folder)] == ["keep"]


@pytest.mark.parametrize("name", ["a*", "a[1]", "a?", "a {x} #1%20:"])
def test_a_name_is_no_pattern_and_what_it_would_match_stays(folder, name):
    odd = folder / (name.rstrip(":") if str(folder).startswith("hdfs") else name)  # HDFS has no colons in names
    for place in (odd, folder / "a1", folder / "a2"):
        for file in ("one.json", "two.json", "work/deep/three"):
            atomic_write(place / file, b"x")
    assert [file.name for file in list_files(odd)] == ["one.json", "two.json"]
    delete_files([odd / "one.json", odd / "gone.json"])
    remove(odd / "work")
    remove(odd / "never")
    with written_folder(odd / "words") as path:
        (path / "a[1].txt").write_text("word")
    assert [relative_to(file, odd) for file in files_below(odd) if not file.name.startswith("_")] == [
        "two.json",
        "words/a[1].txt",
    ]
    remove(odd)
    assert files_below(odd) == []
    assert len(files_below(folder)) == 6


def test_a_relative_name_with_a_colon_is_no_uri(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_parquet(rows(1), location("a:b") / "part-0.parquet")
    assert read_table(location("a:b"), TOKENIZED).num_rows == 1
    with written_folder(location("a:b") / "table") as path:
        pq.write_table(rows(1, 2), path / "part-0.parquet")
    assert check_table("a:b/table", TOKENIZED) == 2


def test_files_deleted_together_may_be_gone_already(folder):
    for name in ("a", "b", "c"):
        atomic_write(folder / name, b"x")
    remove(folder / "b")
    delete_files([folder / "a", folder / "b"])
    assert [path.name for path in files_below(folder)] == ["c"]


def test_what_a_failing_block_wrote_is_not_there(folder):
    def fail() -> None:
        with written(folder / "a.parquet") as path:
            path.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert files_below(folder) == []
    with written(folder / "a.parquet") as path:
        path.write_bytes(b"whole")
    assert read_bytes(folder / "a.parquet") == b"whole"
    assert len(files_below(folder)) == 1


def test_a_parquet_file_is_read_whole_and_by_row_group(folder):
    with written(folder / "part-0.parquet") as path:
        pq.write_table(rows(1, 2, 3, 4), path, row_group_size=2)
    assert read_parquet(folder / "part-0.parquet", ["sentence_id"]).column_names == ["sentence_id"]
    assert parquet_file(folder / "part-0.parquet").read_row_group(1)["sentence_id"].to_pylist() == [3, 4]


def test_tables_are_found_checked_and_read(folder):
    for name, ids in (("part-1.parquet", (3, 4)), ("part-0.parquet", (1, 2)), ("_commits/part-9.parquet", (9,))):
        with written(folder / name) as path:
            pq.write_table(rows(*ids), path)
    atomic_write(folder / "_SUCCESS", b"")
    assert [path.name for path in table_files(str(folder))] == ["part-0.parquet", "part-1.parquet"]
    assert check_table(folder, TOKENIZED) == 4
    assert read_table(folder, TOKENIZED)["sentence_id"].to_pylist() == [1, 2, 3, 4]
    some = ds.field("sentence_id") > 1
    assert read_rows(folder, TOKENIZED, ["sentence_id"], some)["sentence_id"].to_pylist() == [2, 3, 4]
    assert read_rows(folder / "part-0.parquet", TOKENIZED, ["sentence_id"], some).num_rows == 1
    assert read_parquet(folder)["sentence_id"].to_pylist()[-1] == 4
    with pytest.raises(InputError, match="nothing does not exist"):
        table_files(folder / "nothing")
    atomic_write(folder / "part-2.parquet", b"torn")
    with pytest.raises(InputError, match=r"part-2\.parquet cannot be read as Parquet"):
        check_table(folder, TOKENIZED)
    with pytest.raises(InputError, match=r"cannot be read \(.*; delete it and run the job that makes it again"):
        read_rows(folder, TOKENIZED, ["sentence_id"])


def test_what_another_process_writes_is_seen_at_once(store):
    file = store / "marker.json"
    assert not file.exists()
    assert list_files(store) == []
    assert files_below(store) == []
    write = "from neuronsig.storage.location import location; from neuronsig.storage.whole_files import atomic_write; "
    write += "import sys; atomic_write(location(sys.argv[1]), sys.argv[2].encode())"
    for content in ("one", "two!"):
        assert in_another_process(write, str(file), content).returncode == 0
        assert [path.name for path in list_files(store)] == ["marker.json"]
        assert read_bytes(file) == content.encode()
        assert size_and_tag(file)[0] == len(content)


FORKED = """
import os, sys
from neuronsig.storage.files import read_bytes
from neuronsig.storage.location import location
from neuronsig.storage.whole_files import atomic_write
place = sys.argv[1]
atomic_write(location(place), b"from the parent")
if not (child := os.fork()):
    os._exit(read_bytes(location(place)) != b"from the parent")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_worker_opens_the_store_by_its_name(store):
    """In a process that has read nothing from HDFS: hdfs-native hands a forked one its connections to datanodes, which
    do not answer there for the minute until they are given up."""
    assert in_another_process(FORKED, str(store / "a")).returncode == 0


def test_a_new_object_is_created_by_one_only(store):
    assert create_new(store / "lease", b"mine")
    assert not create_new(store / "lease", b"yours")
    assert read_bytes(store / "lease") == b"mine"


def test_a_folder_of_a_store_is_fetched_once_and_again_when_it_changes(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a").write_text("1")
    (source / "deep" / "b").write_text("2")
    assert local_copy(source) == source
    put_folder(source, store / "words")
    copy = local_copy(store / "words")
    assert {str(p.relative_to(copy)): p.read_text() for p in files_below(copy)} == {"a": "1", "deep/b": "2"}
    assert local_copy(store / "words") == copy
    atomic_write(store / "words" / "a", b"3")
    assert (local_copy(store / "words") / "a").read_text() == "3"


def test_a_folder_is_whole_when_its_block_ended_and_not_before(folder):
    def fill(folder, name: str, fails: bool = False) -> None:
        with written_folder(folder) as path:
            (path / "deep").mkdir()
            (path / "deep" / name).write_text(name)
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        fill(folder / "words", "never", fails=True)
    assert not is_whole(folder / "words")
    for name in ("first", "second"):
        fill(folder / "words", name)
        assert is_whole(folder / "words")
        assert [file.name for file in files_below(folder / "words")] == [name]


def test_an_unknown_scheme_and_a_missing_package_say_what_to_do():
    with pytest.raises(ConfigError, match="scheme foo:// is unknown; use a path, s3://"):
        location("foo://bucket/run")
    without = (
        "import sys; sys.modules['s3fs'] = None; import neuronsig.storage.location as s; s.location('s3://bucket/run')"
    )
    said = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False).stderr
    assert "ConfigError: run=s3://bucket/run: the package that opens s3:// is not installed; pip install s3fs" in said


def test_local_paths_have_free_space_and_stores_have_no_bound(store, tmp_path):
    assert (free_space(tmp_path) or 0) > 0
    assert free_space(store) is None
