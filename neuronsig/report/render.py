"""The templates' environment: everything escaped, numbers as a reader wants them."""

import re
from collections.abc import Sequence
from functools import lru_cache

import jinja2

from neuronsig.miners.brackets import drawn_tree
from neuronsig.signature.entries import Entry
from neuronsig.signature.highlight import cut_segments
from neuronsig.signature.numbers import percent, times
from neuronsig.signature.view import Segment, SentenceView
from neuronsig.signature.wording import DOMINATING, dominance_text

CHARACTERS = 600
FORBIDDEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufdd0-\\ufdef\\ufffe\\uffff]")


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Jinja environment over the package's templates; autoescape is on for all of them."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("neuronsig.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {one.__name__: one for one in (clean, clean_lines, percent, pieces, times, duration)}
    env.globals |= {one.__name__: one for one in (scale, drawn_tree, dominance_text)} | {"dominating": DOMINATING}
    return env


def clean(text: str) -> str:
    """Text without the control characters that HTML forbids; each becomes a space."""
    return FORBIDDEN.sub(" ", text)


def clean_lines(text: str) -> str:
    """Each line cleaned."""
    return "\n".join(clean(line) for line in text.split("\n"))


def pieces(sentence: SentenceView, characters: int = CHARACTERS) -> tuple[list[Segment], int]:
    """The segments that are shown of a sentence, cleaned, and the number of characters left out."""
    kept, left_out = cut_segments(sentence.segments, characters)
    return [segment._replace(text=clean(segment.text)) for segment in kept], left_out


def scale(entries: Sequence[Entry]) -> float:
    """The share that the longest bar of a table stands for, at least 5 %."""
    rows = [entry.row for entry in entries]
    return max([0.05, *(row.share for row in rows), *(row.reference or 0.0 for row in rows)])


def duration(seconds: float) -> str:
    """`41 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
