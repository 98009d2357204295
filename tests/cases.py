"""Inputs that once failed (../shared/cases), beside the corpora."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CORPORA = os.environ.get("NEURONSIG_DATA") or Path(__file__).parents[2] / "shared" / "data"
_CASES = Path(_CORPORA).parent / "cases"


def case_folder(case: str) -> Path:
    """The folder of a case; the test is skipped where it is absent."""
    if not (_CASES / case).is_dir():
        pytest.skip(f"{_CASES / case} is not there")
    return _CASES / case
