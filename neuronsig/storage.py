"""Where tables live: a local path, or a URI that fsspec opens (s3://, hdfs://, gs://, ...)."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from upath import UPath


def location(place: Path | str) -> Path:
    """A path object for a local path or a URI; both have pathlib's interface, and local ones are pathlib's own."""
    return cast(Path, UPath(place))
