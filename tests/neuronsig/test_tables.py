from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.errors import InputError
from neuronsig.storage.parquet import check_table, read_table, table_files
from neuronsig.tables import SENTENCES, TOKENIZED

ROWS = pa.table(
    {"sentence_id": pa.array([0, 1], pa.int64()), "input_ids": pa.array([[1], [2, 3]], pa.list_(pa.int32()))}
)


def test_a_table_of_the_right_schema_is_counted_over_its_files(tmp_path: Path):
    for name in ("a", "b"):
        pq.write_table(ROWS, tmp_path / f"{name}.parquet")
    assert check_table(tmp_path, TOKENIZED) == 4
    assert read_table(tmp_path, TOKENIZED, ["sentence_id"])["sentence_id"].to_pylist() == [0, 1, 0, 1]


def test_temporary_and_hidden_files_are_no_part_of_a_table(tmp_path: Path):
    pq.write_table(ROWS, tmp_path / "a.parquet")
    (tmp_path / "_temporary").mkdir()
    pq.write_table(ROWS, tmp_path / "_temporary" / "b.parquet")
    (tmp_path / ".c.parquet").write_bytes(b"torn")
    assert [path.name for path in table_files(tmp_path)] == ["a.parquet"]


def test_a_missing_column_is_named(tmp_path: Path):
    pq.write_table(ROWS.drop_columns(["input_ids"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet has no column 'input_ids'; found sentence_id"):
        check_table(tmp_path, TOKENIZED)


def test_a_column_of_another_type_is_named_with_both_types(tmp_path: Path):
    pq.write_table(ROWS.set_column(0, "sentence_id", pa.array(["x", "y"])), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column 'sentence_id' is string, expected int64"):
        check_table(tmp_path, TOKENIZED)


def test_a_corrupt_file_is_named(tmp_path: Path):
    pq.write_table(ROWS, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match=r"b\.parquet cannot be read as Parquet.*run its job again"):
        check_table(tmp_path, TOKENIZED)


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty"])
def test_a_missing_or_empty_table_says_so(tmp_path: Path, make: bool):
    folder = tmp_path / "sentences"
    if make:
        folder.mkdir()
    with pytest.raises(
        InputError, match=r"sentences (does not exist|holds no Parquet file); (delete it and )?run the job"
    ):
        check_table(folder, SENTENCES)


def test_spark_names_of_nested_fields_are_accepted(tmp_path: Path):
    spark_list = pa.list_(pa.field("element", pa.int32()))
    pq.write_table(ROWS.set_column(1, "input_ids", ROWS["input_ids"].cast(spark_list)), tmp_path / "a.parquet")
    assert check_table(tmp_path, TOKENIZED) == 2
