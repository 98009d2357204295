"""Documents that a run leaves out, read from their corpora as tasks; and which of them have a sentence of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import UNREADABLE_FILE, Unit
from neuronsig.corpora.plan import bundle, documents_of, source_units
from neuronsig.corpora.reserve import is_reserved
from neuronsig.errors import InputError
from neuronsig.finetuning.examples import examples_of, sentence_grams
from neuronsig.progress import task
from neuronsig.ragged import flat_lists
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import parquet_file
from neuronsig_ray.session import local_cpus
from neuronsig_ray.tasks import map_tasks

Counts = Counter[str]


def reserved_examples(
    sources: Mapping[str, SourceConfig], field: str, tokenizer: TokenizerSpec
) -> tuple[pa.Table, Counts, Counts]:
    """The labelled documents that are left out of some sources (EXAMPLES), how many others of them there are by reason,
    and how many have each metadata field. Raises InputError for a source that cannot be read."""
    calls = []
    for name, source in sources.items():
        units, side, _ = source_units(source, f"corpus.sources.{name}", stretch=1 << 62)
        for part in [units] if source.max_documents else bundle(units, 2 * local_cpus()):
            calls.append((part, side, name, source, field, tokenizer))
    with task("reading documents", len(calls), "files") as bar:
        parts = map_tasks(_examples_of_units, calls, bar.advance)
    tables, others, fields = zip(*parts, strict=True)
    return pa.concat_tables(tables), sum(others, Counts()), sum(fields, Counts())


def _examples_of_units(
    units: Sequence[Unit], side: Sequence[Unit], name: str, source: SourceConfig, field: str, tokenizer: TokenizerSpec
) -> tuple[pa.Table, Counts, Counts]:
    unread = Counts()

    def reserved() -> Iterator[Document]:
        for document in documents_of(units, side, source):
            if document.skipped == UNREADABLE_FILE:
                raise InputError(
                    f"corpus.sources.{name}.path: {document.doc_id} cannot be read here; give every node the same "
                    "files, or get the corpus again"
                )
            if document.skipped:
                unread[f"skipped record, {document.skipped}"] += 1
            elif is_reserved(document, source):
                yield document

    table, others, fields = examples_of(reserved(), name, field, tokenizer)
    return table, others + unread, fields


def sentences_in(sentences: Sequence[Path], examples: pa.Table) -> NDArray[np.int64]:
    """Of the run's sentences those that documents may have, as numbers of `sentence_grams` (n, 2)."""
    wanted = ray.put(np.unique(flat_lists(examples["grams"])[0].to_numpy()))
    with task("looking for them in the run", len(sentences), "files") as bar:
        found = map_tasks(_sentences_in_file, [(absolute(file), wanted) for file in sentences], bar.advance)
    return np.unique(np.concatenate([np.zeros((0, 2), np.int64), *found]), axis=0)


def _sentences_in_file(file: str, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    batches = parquet_file(location(file)).iter_batches(columns=["text"])
    keys = [sentence_grams(filter(None, batch.column("text").to_pylist())) for batch in batches]
    every = np.concatenate([np.zeros((0, 2), np.int64), *keys])
    return every[np.isin(every, wanted).all(axis=1)]
