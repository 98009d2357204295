"""Corpora and terminals that once ended a job (../shared/cases), given to the job as a user gives them.

Readers alone read some of them in tests/neuronsig/corpora/test_odd_values.py; the models among them are in
test_pipeline.py, Ctrl-C and a full disk in test_interrupted.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from neuronsig.config.compose import compose
from neuronsig.errors import InputError
from neuronsig.storage.parquet import read_table
from neuronsig.tables import SENTENCES
from neuronsig_jobs import annotate
from tests.cases import case_folder
from tests.run_factory import make_run

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# What is read of it: documents, and records skipped by reason.
READ = {
    "csv_backslash_quotes": ("csv", ["corpus.id_column=id"], 10, {}),
    "csv_blank_first_line": ("csv", [], 10, {}),
    "csv_line_break_in_header": ("csv", [], 10, {}),
    "fifo_in_folder": ("text", [], 1, {"not_a_file": 1}),
    "gutenberg_title_with_asterisk": ("gutenberg", [], 1, {}),
    "jsonl_lone_surrogate_in_id": ("jsonl", ["corpus.id_column=id"], 3, {}),
    "nonutf8_file_name": ("text", [], 2, {}),
    "nonutf8_tar_member": ("text", [], 2, {}),
    "parquet_dictionary_text": ("parquet", [], 10, {}),
    "parquet_timestamp_year_0": ("parquet", ["corpus.metadata_columns=[when]"], 10, {}),
    "parquet_unknown_time_zone": ("parquet", ["corpus.metadata_columns=[when]"], 10, {}),
    "symlinked_folder": ("text", [], 2, {}),
    "text_name_with_double_colon": ("text", [], 1, {}),
    "wikipedia_name_with_colon": ("wikipedia", [], 1, {}),
    "wikipedia_path_with_glob_characters": ("wikipedia", [], 1, {}),
}


def place_of(case: str, folder: Path) -> Path:
    """The case's corpus, unpacked and whole."""
    shutil.copytree(case_folder(case), folder, ignore=shutil.ignore_patterns("README"))
    if (packed := folder / "input.tar.gz").is_file():
        with tarfile.open(packed, errors="surrogateescape") as archive:
            archive.extractall(folder, filter="data")
        packed.unlink()
    if case == "fifo_in_folder":
        place = folder / "input_fifo"
        place.mkdir()
        (place / "a.txt").write_text("The cat sat on the mat.")
        os.mkfifo(place / "pipe")
    return next(path for path in folder.glob("input_*") if "target" not in path.name)


@pytest.mark.parametrize("case", READ)
def test_a_corpus_that_once_ended_the_job_is_read(case: str, tmp_path: Path, spark: object):
    corpus, words, documents, skipped = READ[case]
    place = place_of(case, tmp_path / "in")
    summary = annotate.run(
        compose([f"run={tmp_path / 'run'}", f"corpus={corpus}", f"corpus.sources.{corpus}.path='{place}'", *words])
    )
    assert summary["documents"] == documents
    counted = {reason.rpartition(": ")[2]: count for reason, count in summary["records skipped"].items() if count}
    assert counted == skipped
    rows = read_table(tmp_path / "run" / "sentences", SENTENCES)
    assert len(rows) == summary["sentences kept"] > 0


@pytest.mark.parametrize(
    ("case", "corpus", "named"),
    [("csv_sixth_file_broken_gz", "csv", r"f5\.csv\.gz"), ("zst_beside_jsonl", "jsonl", r"b\.jsonl\.zst")],
)
def test_the_broken_one_of_several_packed_files_is_named_before_spark_starts(
    case: str, corpus: str, named: str, tmp_path: Path
):
    place = place_of(case, tmp_path / "in")
    with pytest.raises(InputError, match=named):
        annotate.run(compose([f"run={tmp_path / 'run'}", f"corpus={corpus}", f"corpus.path='{place}'"]))


def command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONIO"))}
    return subprocess.run(
        [sys.executable, "-m", "neuronsig_jobs", *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


def test_a_run_of_any_name_under_the_locale_c(tmp_path: Path):
    (tmp_path / "a.txt").write_text("The cat sat on the café's mat.")
    done = command(tmp_path, "annotate", "run='runs/größe[1]{x}*'", "corpus=text", "corpus.path=a.txt", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, b"")
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["größe[1]{x}*"]


def test_a_terminal_of_ascii_is_shown_question_marks(tmp_path: Path):
    root = make_run(tmp_path / "größe", sentences=40, k=10).run.root
    shown = command(tmp_path, "show", f"run='{root}'", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"gr?" in shown.stdout
    assert shown.stdout.isascii()
