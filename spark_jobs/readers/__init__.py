"""Corpora as DataFrames: the parsers of `neuronsig.corpora` carried to the files by Spark."""

from neuronsig.corpora.check import check_sources
from neuronsig.corpora.plan import corpus_fingerprint
from spark_jobs.readers.corpus import RECORDS, Documents, read_documents

__all__ = ["RECORDS", "Documents", "check_sources", "corpus_fingerprint", "read_documents"]
