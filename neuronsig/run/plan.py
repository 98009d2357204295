"""What a stage's plan is made of and known by: fingerprints, versions, and the difference of two plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from neuronsig import __version__

LIBRARIES = (
    "numpy",
    "pyarrow",
    "pyspark",
    "spark-nlp",
    "ray",
    "torch",
    "transformers",
    "tokenizers",
    "faiss-cpu",
    "gensim",
)


def fingerprint_of(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_files(paths: Sequence[Path] | Sequence[Traversable]) -> str:
    """The first 16 hex digits of the SHA-256 over names and contents, for files of moderate size."""
    digest = hashlib.sha256()
    for path in sorted(paths):  # type: ignore[type-var]
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:16]


def plan_difference(old: Mapping[str, Any], new: Mapping[str, Any], shown: int = 3) -> str:
    """`collect.k was 500, now 1000; ...` for the first differing leaves of two plans."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    keys = [k for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)]
    said = [f"{k} was {before.get(k, 'absent')}, now {after.get(k, 'absent')}" for k in keys[:shown]]
    more = f" and {len(keys) - shown} more" if len(keys) > shown else ""
    return "; ".join(said) + more


def library_versions() -> dict[str, str]:
    """Versions of the libraries that results depend on, those installed here."""
    versions = {"neuronsig": __version__}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, json.dumps(value, default=str) if isinstance(value, (list, tuple)) else value
