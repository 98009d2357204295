"""Objects that tasks need whole reach them as files of the run, which a process reads once."""

from __future__ import annotations

import pickle

import pyarrow as pa

from spark_jobs import shared as module
from spark_jobs.shared import share


def test_only_the_file_s_address_goes_to_a_task(tmp_path):
    sent = pickle.dumps(share(list(range(100_000)), tmp_path))
    assert len(sent) < 500
    assert pickle.loads(sent).value == list(range(100_000))


def test_a_process_reads_an_object_once_and_keeps_one(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(module, "read_bytes", lambda path: (reads.append(path.name), path.read_bytes())[1])
    first, second = (pickle.dumps(share(value, tmp_path)) for value in ("a", "b"))
    assert [pickle.loads(sent).value for sent in (first, first, second, second, first)] == ["a", "a", "b", "b", "a"]
    assert len(reads) == 3


def test_another_object_has_another_file_and_the_same_one_the_same(tmp_path):
    assert share("a", tmp_path).path == share("a", tmp_path).path != share("b", tmp_path).path


def test_workers_of_spark_get_the_object(spark, tmp_path):
    shared = share({"x": 1}, tmp_path)

    def use(batches):
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"x": [shared.value["x"]] * batch.num_rows})

    rows = spark.range(2).mapInArrow(use, "x long").collect()
    assert [row["x"] for row in rows] == [1, 1]
