"""Paths as Spark is given them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyspark.sql.types import StructType

import neuronsig_jobs
import spark_jobs
from spark_jobs.tables import read_files, uri, write_once


def test_a_local_path_gets_its_scheme(tmp_path):
    assert uri(tmp_path / "a b") == uri(str(tmp_path / "a b")) == f"file://{tmp_path}/a b"


def test_a_relative_path_is_that_of_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert uri("x") == f"file://{tmp_path}/x"


@pytest.mark.parametrize("path", ["s3a://bucket/x", "hdfs://host:8020/x", "file:///x"])
def test_a_path_with_a_scheme_is_left_alone(path):
    assert uri(path) == path


def test_s3_is_named_as_hadoops_own_connector_names_it():
    assert uri("s3://bucket/run") == "s3a://bucket/run"


def test_a_local_uri_stays_one_in_the_form_spark_has(tmp_path):
    assert uri(f"file://{tmp_path}/x") == f"file://{tmp_path}/x"


@pytest.mark.parametrize("name", ["a[1]{x}*", "12:30", "größe %20#?", "back\\slash"])
def test_a_run_has_any_name_and_no_pattern_is_seen_in_it(spark, tmp_path, name):
    spark.range(9).write.parquet(uri(tmp_path / "a1x" / "table"))
    table = tmp_path / name / "table"
    for _ in range(2):  # the second time it is there
        written = write_once(table, lambda: spark.range(3))
    assert [path.name for path in tmp_path.iterdir() if path.name != "a1x"] == [name]
    assert read_files(spark, written).columns == ["id"]
    assert read_files(spark, written, schema=StructType().add("id", "long")).count() == 3
    files = [uri(file) for file in table.glob("*.parquet")]
    assert len(files) > 1
    assert sorted(row["id"] for row in read_files(spark, *files).collect()) == [0, 1, 2]
    spark.range(5).write.mode("overwrite").parquet(written)
    assert read_files(spark, written).count() == 5


def test_whatever_spark_reads_it_reads_by_its_name():
    folders = [Path(package.__file__).parent for package in (spark_jobs, neuronsig_jobs)]
    found = [
        file for folder in folders for file in folder.rglob("*.py") if re.search(r"[a-z]\.read\.", file.read_text())
    ]
    assert [file.name for file in found] == ["tables.py"]
