"""What is tried on whatever takes a user's words: anything at all, and things much like what is meant.

Seeded and bounded. `NEURONSIG_FUZZ=20000 pytest FILE -k any` tries as many inputs a test as that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from neuronsig.errors import NeuronsigError

Made = TypeVar("Made")

fuzzed = settings(
    max_examples=int(os.environ.get("NEURONSIG_FUZZ", "100")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

ANY = st.text(st.characters(exclude_categories=()), max_size=12)
"""Any characters, lone surrogates too: so Python reads a word of the command line that is not UTF-8."""

ODD = (
    "", " ", "\n", "\t", "\x00", "\x1b[31m", "\x1f", "\ud800", "\udcff", "\ufeff", "\u0301", "\u200b", "\u2028", "é",
    "日本", "🎻", "İ", "ß", "9" * 30, "9" * 5000, "x" * 3000, "-1", "-0.0", "1e400", "0x10", "1_000", "nan", "inf",
    "NaN", "0", "٣", "null", "None", "true", "True", "${", "--", "==", "..", "::", *"'\"`\\/*?%$}{[]()<>|&;#@!~+-=,.:",
)  # fmt: skip


def tried(make: Callable[[], Made]) -> Made | None:
    """What it gives; None where that is refused in one line that can be printed anywhere."""
    try:
        return make()
    except NeuronsigError as error:
        said = str(error)
    assert said.strip()
    assert said.isprintable(), repr(said)
    return None


def like(pieces: Sequence[str], most: int = 8) -> st.SearchStrategy[str]:
    """Texts put together of what is meant to stand there, odd things and anything."""
    piece = st.sampled_from(pieces)
    return st.lists(st.one_of(piece, piece, st.sampled_from(ODD), ANY), max_size=most).map("".join)
