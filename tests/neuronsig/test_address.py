"""What a place may be called, and the names under which other processes and Spark are told of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from neuronsig.errors import ConfigError
from neuronsig.storage import address
from neuronsig.storage.address import canonical, local_path
from neuronsig.storage.location import absolute, check_scheme, client_of, is_local, location, store_of
from spark_jobs.tables import uri


@pytest.fixture
def volume(tmp_path, monkeypatch) -> str:
    """A volume that Databricks has mounted."""
    (tmp_path / "Volumes").mkdir()
    monkeypatch.setitem(address.MOUNTS, f"{tmp_path}/Volumes/", "dbfs:/Volumes/")
    return f"{tmp_path}/Volumes/main/default/runs/a"


@pytest.mark.parametrize("given", ["/data/run", "file:/data/run", "file:///data/run"])
def test_a_local_path_has_one_form_however_it_is_written(given):
    assert local_path(given) == location(given) == Path("/data/run")
    assert uri(given) == "file:///data/run"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3:/bucket/run", "run=s3:/bucket/run is half a URI; write s3://bucket/run"),
        ("gs:/bucket/run", "run=gs:/bucket/run is half a URI; write gs://bucket/run"),
        ("file://data/run", "run=file://data/run names no folder of this machine; write file:///data/run"),
        ("dbfs://runs/a", "run=dbfs://runs/a names no folder of this machine; write dbfs:///runs/a"),
        ("dbfs:/runs/a", "run=dbfs:/runs/a lies in Databricks' /dbfs/, which this machine has not; run the job on"),
        (
            "dbfs:/Volumes/c/s/v",
            "run=dbfs:/Volumes/c/s/v lies in Databricks' /Volumes/, which this machine has not; run",
        ),
        ("/Volumes/c/s/v", "run=/Volumes/c/s/v lies in Databricks' /Volumes/, which this machine has not; run the job"),
        ("hdfs:/runs/a", "run=hdfs:/runs/a names no namenode, and no fs.defaultFS .*; write hdfs://HOST:8020/..."),
        ("hdfs:///runs/a", "run=hdfs:///runs/a names no namenode, and no fs.defaultFS .*; write hdfs://HOST:8020/..."),
    ],
)
def test_half_an_address_is_refused_with_what_to_write(given, said, monkeypatch):
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    monkeypatch.delenv("HADOOP_HOME", raising=False)
    for read in (canonical, location):
        with pytest.raises(ConfigError, match=f"^{said}"):
            read(given)


@pytest.mark.parametrize("given", ["hdfs:/runs/a", "hdfs:///runs/a"])
def test_the_default_namenode_is_named_for_processes_that_do_not_know_it(given, tmp_path, monkeypatch):
    known = "<property><name>fs.defaultFS</name><value>hdfs://nn2:8020</value></property>"
    (tmp_path / "core-site.xml").write_text(f"<configuration>{known}</configuration>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    assert absolute(location(given)) == uri(given) == "hdfs://nn2:8020/runs/a"


@pytest.mark.parametrize("root", ["hdfs://nn2:8020", "hdfs://NameService1", "s3://bucket"])
def test_every_text_of_a_path_names_its_store(root):
    run = location(f"{root}/runs/a/")
    assert str(run) == absolute(run) == f"{run}" == f"{root}/runs/a"
    assert str(run / "topk" / "m.parquet") == f"{root}/runs/a/topk/m.parquet"
    assert str(run.parent) == f"{root}/runs"
    assert str(run.with_name("b")) == f"{root}/runs/b"
    assert str((run / "b").relative_to(run)) == "b"
    for again in (location(str(run)), pickle.loads(pickle.dumps(run))):
        assert (again, str(again)) == (run, str(run))
    if root.startswith("hdfs"):
        assert uri(run / "topk") == f"{root}/runs/a/topk"


def test_two_namenodes_are_two_stores():
    one, two = (store_of(location(f"hdfs://nn{number}:8020/run"))[0] for number in (1, 2))
    assert (one.host, two.host, one.port) == ("nn1", "nn2", 8020)
    assert location("hdfs://nn1:8020/run") != location("hdfs://nn2:8020/run")


@pytest.mark.parametrize("root", ["hdfs://nn1:8020", "s3://bucket", "memory://", ""])
def test_a_path_in_a_store_is_taken_as_it_is(root):
    name = "/data/a::b/s3::c#d;e?f=g%20[h]*.txt"
    client, path = client_of(check_scheme(f"{root}{name}"))
    assert path.removeprefix("bucket") == name
    assert getattr(client, "host", None) == ("nn1" if root.startswith("hdfs") else None)


def test_what_databricks_mounts_is_a_store_and_spark_has_its_own_name_for_it(volume):
    for run in (location(volume), location(f"file://{volume}"), location(str(location(volume)))):
        assert not is_local(run)
        assert uri(run) == uri(volume) == "dbfs:/Volumes/main/default/runs/a"
        assert uri(run / "topk") == "dbfs:/Volumes/main/default/runs/a/topk"
    assert local_path(volume) is None


def test_hdfs_without_its_package_says_what_to_install():
    without = "import sys; sys.modules['hdfs_native'] = None; from neuronsig.storage.location import location; "
    without += "location('hdfs://nn:8020/run')"
    said = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False).stderr
    assert "run=hdfs://nn:8020/run: the package that opens hdfs:// is not installed; pip install hdfs-native" in said
