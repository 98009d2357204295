"""Corpora in their native formats, one file a format, with no engine in it: bytes to documents, each with a verdict."""

from neuronsig.corpora.check import check_sources
from neuronsig.corpora.document import Document
from neuronsig.corpora.plan import read_units, source_units

__all__ = ["Document", "check_sources", "read_units", "source_units"]
