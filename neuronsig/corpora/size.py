"""How many sentences a corpus holds, told from the sizes of its files alone: good to a third or so, at no cost."""

from __future__ import annotations

import posixpath

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora.plan import source_units

# Stored bytes for each sentence that is kept (P1 4.1), measured on samples of the six corpora as published, and on
# the documentation of one Python environment.
MEASURED = {
    ("gutenberg", ""): 96.0,
    ("wikipedia_dump", ".bz2"): 80.0,
    ("wikipedia_dump", ""): 288.0,
    ("wikipedia_extracted", ""): 206.0,
    ("sentiment140", ""): 88.0,
    ("imdb", ".gz"): 45.0,
    ("imdb", ""): 105.0,
    ("newsgroups", ".gz"): 64.0,
    ("newsgroups", ""): 155.0,
    ("reuters", ".gz"): 56.0,
    ("reuters", ""): 190.0,
    ("documentation", ""): 550.0,
}
TEXT = 100.0
"""Bytes a sentence of plain text, and of the formats that hold it with little around it."""

# How much smaller text is stored; gz and bz2 measured on the same samples.
COMPRESSION = {".gz": 2.7, ".tgz": 2.7, ".zip": 2.7, ".zst": 2.7, ".parquet": 2.7, ".bz2": 3.6, ".xz": 3.6}

SENTENCES_OF_DOCUMENT = {
    "gutenberg": 5300.0,
    "wikipedia_dump": 200.0,
    "wikipedia_extracted": 120.0,
    "sentiment140": 1.7,
    "imdb": 12.0,
    "newsgroups": 12.0,
    "reuters": 7.0,
}
DOCUMENT = 25.0
"""Sentences of a document of the other formats; it matters only where max_documents is set."""


def estimated_sentences(corpus: CorpusConfig) -> int:
    """Sentences that annotation would keep, about; raises InputError when a source's path is not there."""
    return round(sum(_of_source(source, f"corpus.sources.{name}") for name, source in corpus.sources.items()))


def _of_source(source: SourceConfig, key: str) -> float:
    units, _ = source_units(source, key, stretch=1 << 62)
    files = {unit.path: unit for unit in units}.values()
    found = sum(unit.size / stored_bytes(source.format, unit.name) for unit in files)
    if source.max_documents:
        found = min(found, source.max_documents * SENTENCES_OF_DOCUMENT.get(source.format, DOCUMENT))
    return found


def stored_bytes(format: str, name: str) -> float:
    """Bytes on disk of a sentence of a format, in a file of this name."""
    ending = posixpath.splitext(name.lower())[1].replace(".tgz", ".gz")
    compression = ending if ending in COMPRESSION else ""
    if (format, compression) in MEASURED:
        return MEASURED[format, compression]
    return MEASURED.get((format, ""), TEXT) / COMPRESSION.get(compression, 1.0)
