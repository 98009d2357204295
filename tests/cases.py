"""Where the real corpora are, and beside them inputs that once failed (../shared/cases)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPORA = Path(os.environ.get("NEURONSIG_DATA") or Path(__file__).parents[2] / "shared" / "data")
_CASES = CORPORA.parent / "cases"


def case_folder(case: str) -> Path:
    """The folder of a case; the test is skipped where it is absent."""
    if not (_CASES / case).is_dir():
        pytest.skip(f"{_CASES / case} is not there")
    return _CASES / case
