import errno
import os
import re
import subprocess
import sys

import pytest

from neuronsig.config import Config
from neuronsig.errors import InputError, TooLittleTextError
from neuronsig.run.stages import JOBS
from neuronsig_jobs.__main__ import main
from neuronsig_jobs.launch import for_job, launch


@pytest.mark.parametrize("job", JOBS)
def test_every_job_explains_itself(job: str, capsys: pytest.CaptureFixture[str]):
    assert main([job, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"neuronsig {job}" in out
    assert "Keys, with their defaults:" in out


@pytest.mark.parametrize("words", [("jobs.download",), ("neuronsig_jobs", "download")], ids=" ".join)
def test_a_job_is_a_module_of_a_checkout_and_a_word_of_the_command(words: tuple[str, ...]):
    shown = subprocess.run([sys.executable, "-m", *words, "--help"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "neuronsig download" in shown.stdout


def test_a_job_sums_up_with_counts_by_reason(capsys: pytest.CaptureFixture[str]):
    def job(config: Config) -> dict[str, object]:
        return {"sentences": 12_345, "dropped": {"too_short": 7}}

    assert launch("collect", job, ["collect.k=3"]) == 0
    out = capsys.readouterr().out
    assert "k: 3" in out
    assert "12,345" in out
    assert "dropped: too_short" in out


def test_an_error_the_user_can_mend_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]):
    def job(config: Config) -> dict[str, object]:
        raise InputError("corpus.path=x does not exist; set corpus.path")

    assert launch("collect", job, []) == 2
    assert capsys.readouterr().err == "error: corpus.path=x does not exist; set corpus.path\n"


def test_too_little_text_to_judge_has_an_exit_code_of_its_own(capsys: pytest.CaptureFixture[str]):
    def job(config: Config) -> dict[str, object]:
        raise TooLittleTextError("6 sentences are left to judge signatures on, 100 are needed; take more text")

    assert launch("collect", job, []) == 3
    assert capsys.readouterr().err.startswith("error: 6 sentences are left")


def test_a_disk_that_is_full_is_one_line_too_and_another_fault_of_a_file_is_a_defect(
    capsys: pytest.CaptureFixture[str],
):
    def job(config: Config) -> dict[str, object]:
        raise OSError(number, os.strerror(number))

    number = errno.ENOSPC
    assert launch("collect", job, ["--brief"]) == 2
    assert re.fullmatch(r"error: No space left on device; free some space and run .*\n", capsys.readouterr().err)
    number = errno.EISDIR
    with pytest.raises(IsADirectoryError):
        launch("collect", job, ["--brief"])


def test_an_impossible_value_stops_the_job_before_it_starts(capsys: pytest.CaptureFixture[str]):
    started = []

    def job(config: Config) -> dict[str, object]:
        started.append(config)
        return {}

    assert launch("collect", job, ["collect.k=0"]) == 2
    assert started == []
    assert "error: collect.k=0" in capsys.readouterr().err


def test_a_key_of_a_table_that_is_made_is_refused_to_the_jobs_that_read_it(capsys: pytest.CaptureFixture[str]):
    def job(config: Config) -> dict[str, object]:
        return {}

    assert launch("collect", job, ["tokenize.seed=5"]) == 2
    assert "tokenize.seed=5: neuronsig collect takes" in (said := capsys.readouterr().err)
    assert "give it to neuronsig tokenize" in said
    assert launch("tokenize", job, ["tokenize.seed=5"]) == 0
    assert for_job(["tokenize.seed=5", "run=x"], "collect") == ["run=x"]


def test_the_merged_config_can_be_shown_without_running(capsys: pytest.CaptureFixture[str]):
    def job(config: Config) -> dict[str, object]:
        raise AssertionError("must not run")

    assert launch("collect", job, ["--show", "collect.k=42"]) == 0
    assert "k: 42" in capsys.readouterr().out


def test_the_console_command_lists_every_job_and_names_the_nearest(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    listed = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [words[0] for words in listed] == list(JOBS)
    assert all(len(words) == 2 for words in listed)
    assert main(["colect", "run=x"]) == 2
    assert capsys.readouterr().err == "error: 'colect' is no job; did you mean collect?\n"
    assert main(["xyzzy"]) == 2
    assert "'xyzzy' is no job; choose one of pipeline, download, annotate" in capsys.readouterr().err
