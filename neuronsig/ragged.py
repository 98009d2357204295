"""Lists of unlike lengths, end to end: as flat arrays with offsets, and as Arrow's list and binary columns.

Of a flat array list i is `values[offsets[i]:offsets[i + 1]]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

Codes = NDArray[np.int64]
Integers = NDArray[np.integer]


def offsets_of(lengths: ArrayLike) -> Codes:
    """Where each list begins, and the last one ends: int64 (lists + 1,)."""
    lengths = np.asarray(lengths, np.int64)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def rows_of(offsets: NDArray[np.integer]) -> Codes:
    """The list that each value is in: int64 (values,)."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column's values in one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def list_lengths(column: pa.Array | pa.ChunkedArray) -> Codes:
    """Values in each row of a list column, int64 (rows,); 0 for null."""
    return pc.fill_null(pc.list_value_length(one_array(column)), 0).to_numpy(zero_copy_only=False).astype(np.int64)


def flat_lists(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    """All values of a list column, and their offsets."""
    return one_array(column).flatten(), offsets_of(list_lengths(column))


def flat_words(column: pa.Array | pa.ChunkedArray, lower: bool = False) -> tuple[pa.Array, Codes]:
    """All strings of a column of string lists, and their offsets; a null is the empty string."""
    values, offsets = flat_lists(column)
    values = values.cast(pa.string()).fill_null("")
    return (pc.utf8_lower(values) if lower else values), offsets


def lowered_lists(column: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    """String lists in lower case; a null list is empty."""
    values, offsets = flat_words(column, lower=True)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def coded(values: pa.Array) -> tuple[pa.Array, Codes]:
    """The distinct values in the order in which they first occur, and each value's place among them: int64."""
    encoded = values.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def binary_column(values: NDArray[Any], lengths: NDArray[np.integer]) -> pa.Array:
    """A binary column whose row i holds the bytes of the next `lengths[i]` values."""
    offsets = offsets_of(lengths * values.dtype.itemsize).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.binary(), len(lengths), buffers)


def fixed_binary_column(values: NDArray[Any]) -> pa.Array:
    """A matrix (rows, n) as a column of fixed-size binary, one row each."""
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.binary(values.shape[1] * values.dtype.itemsize), len(values), [None, data])


def read_binary(column: pa.Array | pa.ChunkedArray, dtype: Any) -> tuple[NDArray[Any], Codes]:
    """The inverse of `binary_column`: all rows' values in one flat array, and their offsets (rows + 1,)."""
    column = one_array(column)
    if pa.types.is_large_binary(column.type):
        column = column.cast(pa.binary())
    _, buffer, data = column.buffers()
    size = np.dtype(dtype).itemsize
    offsets = np.frombuffer(buffer, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64) // size
    flat = np.frombuffer(data, dtype)[offsets[0] : offsets[-1]] if data else np.zeros(0, dtype)
    return flat, offsets - offsets[0]
