"""Write tiny corpora and read them back without an engine."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document
from neuronsig.corpora.plan import read_units, source_units


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def read(format: str, path: Path, **settings: object) -> list[Document]:
    """What is passed over, then the records of the files."""
    source = SourceConfig(format=format, path=str(path), domain="test", **settings)  # type: ignore[arg-type]
    return list(read_units(*source_units(source, "corpus.sources.test"), source))


def zstd(data: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(data)
    return packed.getvalue().to_pybytes()
