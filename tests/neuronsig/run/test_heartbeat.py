from pathlib import Path

import pytest

from neuronsig.run import heartbeat
from neuronsig.run.heartbeat import Heartbeat, beats


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
