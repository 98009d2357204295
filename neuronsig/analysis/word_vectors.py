"""Where words get their vectors from: a fastText file that is looked at, or the run's own sentences, for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from neuronsig.config import AnalysisConfig
from neuronsig.errors import ConfigError, InputError
from neuronsig.ragged import lowered_lists
from neuronsig.storage.parquet import parquet_file

TRAIN = "train"
_BATCH = 4096


def check_vectors(config: AnalysisConfig) -> None:
    """What can be known before any work: the file is there and says that it is .bin or .vec of the right size.

    Raises ConfigError (name, dimension) or InputError (missing, broken).
    """
    if config.vectors == TRAIN:
        return
    path = Path(config.vectors)
    if not path.is_file():
        raise InputError(
            f"analysis.vectors={path}: no such file; give a fastText .bin or .vec file, or analysis.vectors=train"
        )
    if path.suffix == ".bin":
        with open(path, "rb") as stream:
            header = np.frombuffer(stream.read(12), dtype="<i4")
        if len(header) < 3 or header[0] != 793712314:
            raise InputError(f"analysis.vectors={path} is not a fastText .bin file (its first bytes say otherwise)")
        dimension = int(header[2])
    elif path.suffix == ".vec":
        with open(path, "rb") as stream:
            fields = stream.readline(200).split()
        if len(fields) != 2 or not all(f.isdigit() for f in fields):
            raise InputError(f"analysis.vectors={path} is not a .vec file: its first line must be 'words dimensions'")
        dimension = int(fields[1])
    else:
        raise ConfigError(f"analysis.vectors={path}: must be train, or a file that ends in .bin or .vec")
    if dimension != config.dimension:
        raise ConfigError(
            f"analysis.vectors={path} has {dimension} dimensions, analysis.dimension={config.dimension}; "
            f"set analysis.dimension={dimension}"
        )


class LowerCased:
    """Sentences for training, read file by file in every epoch: lists of lower-cased tokens, `keep` of `total`.

    When fewer than all are kept they are spread evenly over the table.
    """

    def __init__(self, files: Sequence[Path], total: int, keep: int, seen: Callable[[int], None] | None) -> None:
        self.files, self.total, self.keep, self.seen = files, total, min(keep, total), seen

    def __iter__(self) -> Iterator[list[str]]:
        row = 0
        for file in self.files:
            for batch in parquet_file(file).iter_batches(_BATCH, columns=["tokens"]):
                for sentence in lowered_lists(batch.column(0)).to_pylist():
                    if (row + 1) * self.keep // self.total > row * self.keep // self.total:
                        yield sentence
                    row += 1
                if self.seen:
                    self.seen(len(batch))
