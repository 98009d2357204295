"""Tables written in place: what is part of them, and what their writing and checking costs on a store."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.annotation import sentence_files
from neuronsig.annotation.sentence_files import FILE, batch_size, file_count, write_sentences
from neuronsig.collection.verify import sentence_files as checked_files
from neuronsig.config.compose import compose
from neuronsig.errors import InputError
from neuronsig.estimate_scale import scale
from neuronsig.readers import sentences_by_id
from neuronsig.run.commits import commit
from neuronsig.storage.files import concurrently, files_below
from neuronsig.storage.location import absolute
from neuronsig.storage.manifests import FOLDER, Batch, missing_ranges, read_batches
from neuronsig.storage.parquet import check_table, id_bounds, read_table, table_files, table_parts
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES
from tests import s3_home


@pytest.fixture(params=["local", "s3"])
def table(request, tmp_path) -> Path:
    return (request.getfixturevalue("bucket") if request.param == "s3" else tmp_path) / "sentences"


def rows(start: int, stop: int, file: int = 0) -> pa.RecordBatch:
    ids = pa.array(range(start, stop), pa.int64())
    columns = {field.name: pa.nulls(stop - start, field.type) for field in SENTENCES} | {"sentence_id": ids}
    columns["metadata"] = pa.array([[("author", ["Ann"])]] * (stop - start), SENTENCES.field("metadata").type)
    return pa.RecordBatch.from_arrays([*columns.values(), pa.array([file] * (stop - start))], [*columns, FILE])


def write(table: Path, start: int, stop: int, files: int = 1) -> Batch:
    """Files of one attempt, which are part of the table once the batch is published."""
    bounds = [start + (stop - start) * i // files for i in range(files + 1)]
    batches = [rows(first, last, number) for number, (first, last) in enumerate(pairwise(bounds))]
    written = [part for batch in write_sentences(absolute(table), batches) for part in batch.to_pylist()]
    return Batch(start, stop, {part["name"]: part["rows"] for part in written})


def ids(table: Path) -> list[int]:
    return read_table(table, SENTENCES)["sentence_id"].to_pylist()


def test_a_file_is_part_of_the_table_when_its_batch_is_published_and_no_other_is(table):
    write(table, 0, 4).publish(table)
    late = write(table, 4, 9, files=2)
    atomic_write(table / "part-000000000004-torn.parquet", b"half")
    assert ids(table) == [0, 1, 2, 3]
    files, others = table_parts(table)
    assert (len(files), len(others)) == (1, 3)
    late.publish(table)
    assert ids(table) == list(range(9))
    assert check_table(table, SENTENCES) == 9
    assert [batch.stop for batch in read_batches(table)] == [4, 9]
    assert read_table(table, SENTENCES)["metadata"][8].as_py() == [("author", ["Ann"])]


def test_a_table_of_which_nothing_is_published_has_no_file(table):
    atomic_write(table / FOLDER / "plan", b"of this run")
    write(table, 0, 4)
    with pytest.raises(InputError, match="holds no Parquet file"):
        table_files(table)


def test_a_file_that_a_manifest_names_and_is_not_there_is_missed(table):
    batch = write(table, 0, 4)
    Batch(0, 4, {**batch.files, "part-000000000002-gone.parquet": 2}).publish(table)
    with pytest.raises(InputError, match=r"has lost part-000000000002-gone\.parquet; restore it"):
        check_table(table, SENTENCES)


def test_rows_of_several_files_come_in_any_cut_and_each_file_is_one_row_group(table):
    batches = [rows(0, 3, 0), rows(3, 4, 0), rows(7, 9, 2)]
    # The middle batch ends one file and begins another.
    batches.insert(2, pa.Table.from_batches([rows(4, 5, 0), rows(5, 7, 1)]).combine_chunks().to_batches()[0])
    written = [part for batch in write_sentences(absolute(table), batches) for part in batch.to_pylist()]
    assert [part["rows"] for part in written] == [5, 2, 2]
    assert [part["name"][:18] for part in written] == [f"part-{first:012d}-" for first in (0, 5, 7)]
    Batch(0, 9, {part["name"]: part["rows"] for part in written}).publish(table)
    assert ids(table) == list(range(9))
    with (table / written[0]["name"]).open("rb") as stream:
        metadata = pq.ParquetFile(stream).metadata
        assert (metadata.num_row_groups, metadata.row_group(0).column(0).compression) == (1, "ZSTD")
    assert [file.name for file in files_below(table) if not file.name.endswith((".parquet", ".json"))] == []


@pytest.mark.parametrize("sentences", [1, 24_999, 25_000, 49_999, 1_600_001, 82_000_000])
def test_files_hold_as_many_sentences_as_they_must(sentences):
    files = file_count(sentences)
    assert files <= -(-sentences // sentence_files.FILE_SENTENCES)
    number = np.array([0, sentences - 1]) * files // sentences
    assert (number[0], number[-1]) == (0, files - 1)
    assert sentences // files >= min(sentences, sentence_files.FILE_SENTENCES)


@pytest.mark.parametrize("cores", [2, 64, 512])
@pytest.mark.parametrize("sentences", [300, 82_000_000, 10_000_000_001])
def test_the_files_of_a_table_are_as_few_whatever_the_cores(sentences, cores):
    batches = missing_ranges([], 0, sentences, batch_size(cores))
    assert sum(file_count(stop - start) for start, stop in batches) <= -(-sentences // 25_000)


@pytest.mark.parametrize("size", [0, 1, 3, 20])
def test_what_no_batch_has_is_covered_once_in_pieces_of_the_size_asked_for(size):
    done = [Batch(6, 8, {}), Batch(0, 2, {})]
    found = missing_ranges(done, 1, 12, size)
    assert [i for start, stop in found for i in range(start, stop)] == [2, 3, 4, 5, 8, 9, 10, 11]
    assert all(0 < stop - start <= (size or 12) for start, stop in found)
    assert missing_ranges(done, 0, 2, size) == missing_ranges([], 0, 0, size) == []


FILES = 12


def test_writing_and_checking_ask_a_store_three_times_a_file_at_most_and_not_one_by_one(bucket, monkeypatch):
    table = bucket / "sentences"
    monkeypatch.setattr(sentence_files, "FILE_SENTENCES", 10)
    config = compose([f"annotator.batch_sentences={10 * FILES}"])
    foretold = scale(config, 10 * FILES, shards=1, groups=1, neurons=1, encoded=1.0, words=1.0).requests
    with s3_home.counted() as asked:
        batches = concurrently(lambda i: write(table, 10 * i, 10 * i + 10), range(FILES))
        Batch(0, 10 * FILES, {name: n for batch in batches for name, n in batch.files.items()}).publish(table)
    assert len(asked.lines) == foretold["annotate: files of sentences/, by the tasks"] <= 3 * FILES
    for check in (lambda: check_table(table, SENTENCES), lambda: id_bounds(table_files(table))):
        with s3_home.counted(seconds=0.05) as asked:
            assert check()
        assert len(asked.lines) == foretold["each check of sentences/, by the driver"] <= 3 * FILES
        assert asked.together >= 4


def test_a_commit_on_a_store_makes_the_requests_that_the_estimate_tells(bucket):
    with s3_home.counted() as asked:
        commit(bucket / "a", bucket / "a.json", "plan", lambda path: {"bytes": path.write_bytes(b"x")})
    told = scale(compose([]), 10, shards=1, groups=1, neurons=1, encoded=1.0, words=1.0).requests
    assert len(asked.lines) == told["tokenize: shards and markers, by the tasks"]
    assert len(asked.lines) == told["collect: commits of shards, by the replicas"]


def test_reading_some_sentences_of_a_store_asks_for_several_files_at_once(bucket):
    table = bucket / "sentences"
    write(table, 0, 10 * FILES, FILES).publish(table)
    with s3_home.counted(seconds=0.05) as asked:
        assert sentences_by_id(table, np.arange(0, 10 * FILES, 7), ["sentence_id"]).num_rows == 18
    assert asked.together >= 4
    with s3_home.counted(seconds=0.05) as asked:
        check, found = checked_files(table)
    assert (check.checked, check.wrong, len(found)) == (10 * FILES, 0, FILES)
    assert asked.together >= 4


def test_the_bounds_of_a_files_ids_are_read_from_its_footer(table):
    write(table, 0, 10, files=2).publish(table)
    empty = table / "part-000000000010-none.parquet"
    list(write_sentences(absolute(table), []))
    with (table / "unsaid.parquet").open("wb") as stream:
        pq.write_table(pa.Table.from_batches([rows(3, 5)]), stream, write_statistics=False)
    with empty.open("wb") as stream:
        pq.write_table(SENTENCES.empty_table(), stream)
    assert id_bounds([*table_files(table), empty, table / "unsaid.parquet"]) == [(0, 4), (5, 9), None, (0, 2**63 - 1)]
