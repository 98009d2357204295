"""A run.json that another neuronsig wrote: what it holds besides does no harm, what it lacks is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuronsig.errors import InputError
from neuronsig.find.index_location import local_record
from neuronsig.run.directory import RunDirectory

ENTRY = {"plan": {"inputs": {}}, "fingerprint": "f", "status": "complete"}


def test_stages_and_keys_of_a_later_version_do_no_harm(tmp_path: Path) -> None:
    later = {**ENTRY, "plan": {"unheard_of": [1]}, "parts": {"unheard": "of"}, "status": "half done"}
    record = {"neuronsig": "9.0", "stages": {"a": ENTRY, "dream/m": later}, "machines": ["a"]}
    (tmp_path / "run.json").write_text(json.dumps(record))
    run = RunDirectory.existing(tmp_path)
    assert run.fingerprint("a", "t") == "f"
    with pytest.raises(InputError, match="stage dream/m is not finished"):
        run.fingerprint("dream/m", "t")
    with run.stage("a", {"inputs": {}}, [], {}, overwrite=True) as stage:
        assert not stage.done
    assert run.record()["machines"] == ["a"]
    assert run.record()["stages"]["dream/m"] == later


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([], "'stages' is no object; restore it"),
        ({"neuronsig": "9.0"}, r"'stages' is no object; neuronsig 9\.0 wrote it, this is .*; use that one or another"),
        ({"neuronsig": "9.0", "stages": [ENTRY]}, "'stages' is no object"),
        ({"stages": {"annotate": "complete"}}, "stage annotate has no 'plan'; restore it or another run="),
        *(
            ({"stages": {"annotate": {k: v for k, v in ENTRY.items() if k != key}}}, f"stage annotate has no '{key}'")
            for key in ENTRY
        ),
        ({"stages": {"annotate": {**ENTRY, "plan": [1]}}}, "stage annotate has no 'plan'"),
        ({"stages": {"annotate": {**ENTRY, "plan": {"inputs": ["a"]}}}}, "the inputs of stage annotate are no object"),
    ],
)
def test_a_record_of_another_shape_is_one_line(tmp_path: Path, record: object, said: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=said) as caught:
        RunDirectory.existing(tmp_path).fingerprint("annotate", "t")
    assert "\n" not in str(caught.value)
    assert local_record(str(tmp_path)) == {}


def test_a_record_nested_too_deep_to_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"stages": ' + "[" * 100_000)
    with pytest.raises(InputError, match="is not JSON"):
        RunDirectory(tmp_path).record()
    assert local_record(str(tmp_path)) == {}
