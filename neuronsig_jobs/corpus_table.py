"""The corpora in figures, as P1 Table 1: sentences, words, length, shares of nouns, verbs and adjectives (Spark).

Example:
  neuronsig corpus_table run=runs/demo
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from neuronsig.config import Config
from neuronsig.progress import say, show_table
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.parquet import check_table, read_parquet, write_parquet
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter, inputs_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CORPORA = pa.schema(
    [
        ("domain", pa.string()),
        ("sentences", pa.int64()),
        ("words", pa.int64()),
        ("length_mean", pa.float64()),
        ("noun_share", pa.float64()),
        ("verb_share", pa.float64()),
        ("adj_share", pa.float64()),
        ("metadata", pa.list_(pa.string())),
    ]
)
TITLES = ("domain", "sentences", "words", "length", "noun", "verb", "adj", "metadata")


def run(config: Config) -> Summary:
    """Make `analysis/corpora.parquet`, `.csv` and `.md`, and print the table."""
    directory = RunDirectory.existing(config.run)
    plan = {"inputs": inputs_of(config, "corpus_table")}
    file = directory.analysis("corpora.parquet")
    with enter(config, "corpus_table", plan, checks=True) as stage:
        if not stage.done:
            session = _session(config)
            stage.begin()
            rows = count(session, directory.sentences)
            write(rows, file)
            stage.counts = {"domains": len(rows) - 1, "sentences": rows[-1]["sentences"], "words": rows[-1]["words"]}
    rows = read_parquet(file).to_pylist()
    # Eight columns do not fit a terminal of 80 characters.
    show_table("Corpora (P1 Table 1)", TITLES[:-1], [cells(row)[:-1] for row in rows])
    for row in rows[:-1]:
        say(f"  {row['domain']}: metadata {', '.join(row['metadata']) or 'none'}")
    return {"table": str(file.with_suffix(".md")), **stage.counts}


def _session(config: Config) -> SparkSession:
    from spark_jobs.preflight import check_workers
    from spark_jobs.session import spark_session

    session = spark_session(config.spark, "neuronsig corpus_table")
    check_workers(session, config.run)
    return session


def count(session: SparkSession, table: Path) -> list[dict[str, Any]]:
    """One row a domain in the order of the corpus, and a last row `total`; rows of CORPORA."""
    check_table(table, SENTENCES)
    from spark_jobs.sentence_table import corpus_statistics
    from spark_jobs.tables import open_table

    return [row.asDict() for row in corpus_statistics(open_table(session, table, SENTENCES)).collect()]


def write(rows: list[dict[str, Any]], file: Path) -> None:
    """The table as Parquet, CSV and Markdown; Parquet last, because its presence says that all are there."""
    table = pd.DataFrame({**row, "metadata": ";".join(row["metadata"])} for row in rows)
    atomic_write(file.with_suffix(".csv"), table.to_csv(index=False).encode())
    lines = ["| " + " | ".join(TITLES) + " |", "| --- |" + " ---: |" * 6 + " --- |"]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    atomic_write(file.with_suffix(".md"), ("\n".join(lines) + "\n").encode())
    write_parquet(pa.Table.from_pylist(rows, CORPORA), file)


def cells(row: dict[str, Any]) -> list[str]:
    """A row as it is printed: shares in per cent, as in the paper."""
    shares = [f"{100 * row[name]:.1f}%" for name in ("noun_share", "verb_share", "adj_share")]
    numbers = [f"{row['sentences']:,}", f"{row['words']:,}", f"{row['length_mean']:.1f}"]
    return [row["domain"], *numbers, *shares, ", ".join(row["metadata"])]
