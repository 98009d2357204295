from pathlib import Path

import pytest

from neuronsig.run import heartbeat
from neuronsig.run.heartbeat import Heartbeat, beats
from neuronsig.storage.whole_files import atomic_write


def test_heartbeats_of_units_under_way_add_up_and_a_finished_one_falls_silent(
    monkeypatch: pytest.MonkeyPatch, folder: Path
):
    monkeypatch.setattr(heartbeat, "SECONDS", 0.0)
    monkeypatch.setattr(heartbeat, "STORE_SECONDS", 0.0)
    one, two = Heartbeat(folder, "00000"), Heartbeat(folder, "00001")
    one.beat({"sentences": 10})
    one.beat({"sentences": 30, "tokens": 90})
    two.beat({"sentences": 5})
    assert beats(folder) == {"sentences": 35, "tokens": 90}
    one.stop()
    assert beats(folder) == {"sentences": 5}
    atomic_write(folder / ".progress-00002", b"torn")
    assert beats(folder) == {"sentences": 5}
