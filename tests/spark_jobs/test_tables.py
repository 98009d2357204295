"""Paths as Spark is given them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import neuronsig_jobs
import spark_jobs
from spark_jobs.tables import reader, uri, write_once


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


@pytest.mark.parametrize("name", ["a[1]{x}*", "b?", "c:d", "e %20#f&", "größe", "k=v", "back\\slash"])
def test_a_table_has_any_name_and_no_pattern_is_seen_in_it(spark, tmp_path, name):
    for other in ("a1x", "bb", "c", "e", "gr"):
        spark.range(9).write.parquet(uri(tmp_path / other))
    table = tmp_path / name
    for _ in range(2):  # the second time it is there
        written = write_once(table, lambda: spark.range(3))
    assert [path.name for path in tmp_path.iterdir() if path.name == name] == [name]
    assert reader(spark).parquet(written).columns == ["id"]
    assert reader(spark).schema("id bigint").parquet(written).count() == 3
    assert reader(spark).parquet(*[uri(file) for file in table.glob("*.parquet")]).count() == 3
    spark.range(5).write.mode("overwrite").parquet(written)
    assert reader(spark).parquet(written).count() == 5


def test_whatever_spark_reads_it_reads_by_its_name():
    folders = [Path(package.__file__).parent for package in (spark_jobs, neuronsig_jobs)]
    found = [
        file for folder in folders for file in folder.rglob("*.py") if re.search(r"[a-z]\.read\.", file.read_text())
    ]
    assert [file.name for file in found] == ["tables.py"]
