"""Spark's schemas, made of Arrow's: the tables' own (neuronsig.tables), and those of what lies between two steps."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType


def spark_schema(fields: Iterable[pa.Field | tuple[str, pa.DataType]]) -> StructType:
    """What Spark calls the columns of an Arrow schema, or of (name, Arrow type) pairs."""
    return from_arrow_schema(pa.schema(fields))
