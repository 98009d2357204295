"""The lengths of real sentences, as numbers: how many of the six corpora's have how many BERT word pieces.

`lengths.csv` holds the counts of 401,241 sentences of samples of P1's six corpora, [CLS] and [SEP] included, mean 23.7.
It stands for the text where none is to be had, and where weights and words do not matter. Made by

    python -m benchmarks.lengths FOLDER     # a run's tokenized/NAME, from neuronsig tokenize
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

FILE = Path(__file__).with_name("lengths.csv")
# Ids of BERT's vocabulary that are words: those before are special tokens and unused.
_FIRST_WORD, _LAST_WORD = 1000, 28_000


def histogram() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Lengths in tokens, ascending, and the share of sentences that have each."""
    with FILE.open(newline="") as file:
        rows = [(int(row["tokens"]), int(row["sentences"])) for row in csv.DictReader(file)]
    lengths, counts = np.array(rows).T
    return lengths, counts / counts.sum()


def draw_lengths(n: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """n lengths drawn from the histogram."""
    lengths, shares = histogram()
    return np.random.default_rng(seed).choice(lengths, n, p=shares)


def draw_inputs(n: int, seed: int = 0, vocabulary: int = _LAST_WORD, first: int = _FIRST_WORD) -> pa.ListArray:
    """n inputs of real lengths and random tokens from `first` to `vocabulary` - 1: list<int32>."""
    offsets = np.concatenate([[0], np.cumsum(draw_lengths(n, seed))]).astype(np.int32)
    tokens = np.random.default_rng(seed + 1).integers(first, vocabulary, offsets[-1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens))


def count(folder: Path) -> npt.NDArray[np.int64]:
    """Sentences by length, (longest + 1,), of the shards in a folder."""
    counts = np.zeros(0, np.int64)
    for file in sorted(folder.glob("shard-*.parquet")):
        column = pq.read_table(file, columns=["input_ids"])["input_ids"]
        lengths = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in column.chunks])
        found = np.bincount(lengths, minlength=counts.size)
        found[: counts.size] += counts
        counts = found
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of tokenized shards")
    counts = count(parser.parse_args().folder)
    with FILE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["tokens", "sentences"])
        writer.writerows((length, int(counts[length])) for length in np.flatnonzero(counts))
    print(f"{FILE}: {counts.sum():,} sentences, {counts @ np.arange(counts.size) / counts.sum():.1f} tokens on average")
    return 0


if __name__ == "__main__":
    sys.exit(main())
