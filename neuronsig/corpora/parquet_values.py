"""Values of Parquet columns, one by one where a column holds some that Python has no value for."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.corpora.characters import Notes, count, decode

ROWS_AT_ONCE = 1024
_NO_VALUE = (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, TypeError, ImportError)
"""What pyarrow raises for dates and zones that Python does not know, for bytes that are no UTF-8, for broken pages."""

Value = tuple[Any, Notes]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text: strings or bytes, as they are or by a dictionary; or nothing at all."""
    if isinstance(kind, pa.DictionaryType):
        return is_text(kind.value_type)
    kinds = pa.types
    strings = (kinds.is_string, kinds.is_large_string, kinds.is_string_view)
    data = (kinds.is_binary, kinds.is_large_binary, kinds.is_binary_view)
    return any(fits(kind) for fits in (*strings, *data, kinds.is_null))


def column_values(
    table: pq.ParquetFile, groups: Sequence[int], name: str, encoding: str, needed: bool
) -> Iterator[Value]:
    """A column's value in each row of some row groups, each with the counts of what was lost in it.

    Without end where not `needed`: rows that cannot be read have no value. Raises what pyarrow raises where it is.
    """
    try:
        for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=list(groups), columns=[name]):
            yield from values(batch.column(batch.schema.names.index(name)), encoding)
    except _NO_VALUE:
        if needed:
            raise
    if not needed:
        yield from itertools.repeat((None, {"unreadable_values": 1}))


def values(column: pa.Array, encoding: str) -> Iterator[Value]:
    """The values of an array, and of each the counts of what was lost in it."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    try:
        found = column.to_pylist()
    except _NO_VALUE:
        for scalar in column:
            notes: Notes = {}
            yield _value(scalar, encoding, notes), notes
    else:
        yield from ((value, {}) for value in found)


def _value(scalar: pa.Scalar, encoding: str, notes: Notes) -> Any:
    """A value as Python has it, else as text, else its parts; None where it cannot be said, counted."""
    try:
        return scalar.as_py()
    except _NO_VALUE:
        pass
    kind = scalar.type
    try:
        if isinstance(scalar, pa.ExtensionScalar | pa.DictionaryScalar):
            return _value(scalar.value, encoding, notes)
        if isinstance(scalar, pa.StructScalar):
            return {kind.field(i).name: _value(scalar[i], encoding, notes) for i in range(kind.num_fields)}
        if pa.types.is_map(kind):
            return [tuple(_value(one[i], encoding, notes) for i in range(2)) for one in scalar.values]
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            return [_value(one, encoding, notes) for one in scalar.values]
        if is_text(kind):
            return decode(scalar.as_buffer().to_pybytes(), encoding, notes)
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        if zone not in (None, "UTC"):
            count(notes, "unknown_time_zone", not _is_known(zone))
            return _value(scalar.cast(pa.timestamp(kind.unit, "UTC")), encoding, notes)
        # With its zone Arrow writes the wrong year of one that it cannot write.
        plain = scalar.cast(pa.timestamp(kind.unit)) if zone else scalar
        text = f"{plain.cast(pa.string()).as_py()}{'+00:00' if zone else ''}"
    except _NO_VALUE:
        text = _BEYOND
    if text.startswith(_BEYOND):
        count(notes, "unreadable_values")
        return None
    return text


def _is_known(zone: str) -> bool:
    try:
        pa.lib.string_to_tzinfo(zone)
    except _NO_VALUE:
        return False
    return True


_BEYOND = "<value out of range"
"""How Arrow writes what it cannot write."""
