import time
from pathlib import Path

import pytest

from neuronsig import progress
from neuronsig.run import heartbeat
from neuronsig.run.heartbeat import Heartbeat, beats


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


def test_heartbeats_of_units_under_way_add_up_and_a_finished_one_falls_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(heartbeat, "SECONDS", 0.0)
    one, two = Heartbeat(tmp_path, "00000"), Heartbeat(tmp_path, "00001")
    one.beat({"sentences": 10})
    one.beat({"sentences": 30, "tokens": 90})
    two.beat({"sentences": 5})
    assert beats(tmp_path) == {"sentences": 35, "tokens": 90}
    one.stop()
    assert beats(tmp_path) == {"sentences": 5}
    (tmp_path / ".progress-00002").write_text("torn")
    assert beats(tmp_path) == {"sentences": 5}
