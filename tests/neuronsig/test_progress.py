import time

import pytest

from neuronsig import progress


def test_off_a_terminal_progress_is_plain_lines_with_pace_and_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    with progress.task("scoring", 4, "shards") as bar:
        bar.advance(1, "replica 0")
        bar.update(2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("  scoring: 1 of 4 shards, ")
    assert lines[1].endswith("replica 0")
    assert "left" in lines[1]
    assert lines[-1].startswith("  scoring: done, 2 shards in ")


def test_what_cannot_report_by_itself_is_polled_until_it_ends():
    looks: list[float] = []
    with progress.polled(lambda: looks.append(time.monotonic()), seconds=0.01):
        while len(looks) < 3:
            time.sleep(0.005)
    seen = len(looks)
    time.sleep(0.05)
    assert len(looks) == seen
