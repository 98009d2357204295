"""The three forms of the corpora's table say the same, whatever a corpus calls its domains and fields."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq

from neuronsig_jobs.corpus_table import CORPORA, write


def test_the_csv_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    numbers = {name: 0.25 if name.endswith(("mean", "share")) else 3 for name in CORPORA.names[1:-1]}
    rows = [{"domain": 'the "odd", one', **numbers, "metadata": ["a,b", "c"]}, {"domain": "total", **numbers}]
    rows[1]["metadata"] = []
    write(rows, tmp_path / "corpora.parquet")
    with open(tmp_path / "corpora.csv", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [row["domain"] for row in found] == ['the "odd", one', "total"]
    assert [row["metadata"] for row in found] == ["a,b;c", ""]
    assert {name: float(found[0][name]) for name in numbers} == numbers
    assert pq.read_table(tmp_path / "corpora.parquet").to_pylist() == rows
