"""Spark's daemon of Python workers, without archives on the path that it and its workers import from.

Spark puts its own jar and its Python sources, zipped, before the installed ones, and a worker lists every archive anew
before each task: 75 ms of processor time (measured: two fifths of what the workers of a small mining did).
"""

import re
import sys
from importlib import import_module
from importlib.util import find_spec

before = list(sys.path)
sys.path[:] = [entry for entry in before if not re.search(r"/(pyspark\.zip|py4j-[^/]*\.zip|[^/]*\.jar)$", entry)]
if find_spec("pyspark") is None:  # there is no other
    sys.path[:] = before
else:
    sys.path_importer_cache.clear()

if __name__ == "__main__":
    from pyspark.daemon import manager

    # Workers are forked from here; each of them would import these anew.
    for name in ("pandas", "pyarrow.dataset", "neuronsig.readers"):
        import_module(name)
    manager()
