"""Paths as Spark is given them."""

from __future__ import annotations

import pytest

from spark_jobs.tables import uri


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
