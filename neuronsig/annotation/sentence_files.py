"""Annotated sentences to files of the `sentences/` table: how many, which sentence is in which, and their writing.

A file is written by the task that has its sentences, under a name that no other attempt uses; the driver then publishes
all files of a batch by one manifest (neuronsig.storage.manifests).
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import pyarrow as pa

from neuronsig.run.commits import unique_name
from neuronsig.storage.location import location
from neuronsig.storage.parquet import write_parquet
from neuronsig.tables import SENTENCES

FILE_SENTENCES = 25_000
"""Sentences of a file, at least, in a batch that has so many."""

FILE = "file"
"""The column, beside those of SENTENCES, that says which of a batch's files a sentence goes to."""

WRITTEN = pa.schema([("name", pa.string()), ("rows", pa.int64())])


def batch_size(cores: int) -> int:
    """Sentences of a batch: minutes of work for all cores, which is what a killed job loses."""
    return FILE_SENTENCES * max(4, cores)


def file_count(sentences: int) -> int:
    """Files of a batch, of equal size."""
    return max(sentences // FILE_SENTENCES, 1)


def write_sentences(table: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write rows of SENTENCES, ascending in `sentence_id`, to the files that FILE names; yields rows of WRITTEN.

    A file's name begins with its first id, so that names and ids have one order. A file's rows are held until written.
    """
    for _, pieces in groupby(_by_file(batches), key=itemgetter(0)):
        rows = pa.Table.from_batches([piece for _, piece in pieces]).select(SENTENCES.names).cast(SENTENCES)
        name = unique_name(f"part-{rows['sentence_id'][0].as_py():012d}", ".parquet")
        write_parquet(rows, location(table) / name)
        yield pa.RecordBatch.from_pylist([{"name": name, "rows": rows.num_rows}], schema=WRITTEN)


def _by_file(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Stretches of rows of one file, with its number."""
    for batch in batches:
        numbers = batch[FILE].to_numpy()
        bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), batch.num_rows]
        for start, stop in pairwise(bounds):
            if stop > start:
                yield int(numbers[start]), batch.slice(start, stop - start)
