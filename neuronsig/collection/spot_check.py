"""A sample of a collection to be scored again: rows of the table, their texts and tokens, and what lists must hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neuronsig.collection.shards import Shard
from neuronsig.collection.topk import Keys, pack, unpack
from neuronsig.collection.verify import GroupFile, Ids, SentenceFile, places
from neuronsig.neuron import Neuron
from neuronsig.readers import sentences_by_id
from neuronsig.storage.parquet import parquet_file
from neuronsig.tables import TOKENIZED, TOPK

# Share of the typical size of a group's activations. Seen at most (MiniLM, hidden states and mlp): 6e-6 in float32,
# 0.06 in bfloat16. Of another model's scores of the same sentences 86 % lie beyond the wider one.
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2}


def read_texts(files: Sequence[SentenceFile], sentence_ids: Ids) -> dict[int, str]:
    """The texts of some sentences; those that are not there are left out."""
    texts: dict[int, str] = {}
    for file in files:
        inside = sentence_ids[(sentence_ids >= file.first) & (sentence_ids <= file.last)]
        if inside.size:
            table = sentences_by_id(file.path, inside, ["sentence_id", "text"])
            texts |= dict(zip(table["sentence_id"].to_pylist(), table["text"].to_pylist(), strict=True))
    return texts


def find_tokens(folder: Path, shards: Sequence[Shard], sentence_ids: Ids) -> dict[int, tuple[int, list[int]]]:
    """Shard and token ids of some sentences, looked for in every shard; those that are in none are left out."""
    found: dict[int, tuple[int, list[int]]] = {}
    for shard in shards:
        if len(found) == len(sentence_ids):
            break
        inside = sentences_by_id(folder / shard.file, sentence_ids, TOKENIZED.names, TOKENIZED).to_pylist()
        found |= {row["sentence_id"]: (shard.index, row["input_ids"]) for row in inside}
    return found


@dataclass(frozen=True)
class StoredRow:
    """A row of the topk table: neuron, rank, score, sentence."""

    neuron: Neuron
    rank: int
    score: np.float32
    sentence_id: int


def sample_rows(groups: Sequence[GroupFile], n: int, seed: int) -> list[StoredRow]:
    """About n random rows of the table, spread evenly over its groups and over the ranks of their lists."""
    random = np.random.default_rng(seed)
    found: list[StoredRow] = []
    for position, group in enumerate(groups):
        mine = len(range(position, n, len(groups)))
        # One rank out of each of `mine` equal parts of the list.
        ranks = ((np.arange(mine) + random.random(mine)) / max(1, mine) * group.length).astype(np.int64)
        rows = random.integers(0, group.neurons, mine) * group.length + ranks
        found += _rows_at(group, np.unique(rows))
    return found


def _rows_at(group: GroupFile, rows: Ids) -> list[StoredRow]:
    file = parquet_file(group.path)
    found: list[StoredRow] = []
    start = 0
    for index in range(file.num_row_groups):
        stop = start + file.metadata.row_group(index).num_rows
        inside = rows[(rows >= start) & (rows < stop)] - start
        if inside.size:
            table = file.read_row_group(index, columns=TOPK.names).take(pa.array(inside))
            for row, score in zip(table.to_pylist(), table["score"].to_numpy(), strict=True):
                found.append(StoredRow(Neuron.of_row(row), row["rank"], score, row["sentence_id"]))
        start = stop
    return found


def missing_entries(group: GroupFile, wanted: dict[int, Keys], same: bool) -> list[tuple[int, int]]:
    """(place of the neuron, sentence) of keys that are in no list, of those `wanted` by the place of the neuron.

    `same`: the scores must be equal too, bit by bit; otherwise it is enough that the sentence is listed.
    """
    missing: list[tuple[int, int]] = []
    for table in group.tables() if wanted else ():
        codes, _ = places(group, table)
        inside = [code for code in wanted if codes.size and codes[0] <= code <= codes[-1]]
        if not inside:
            continue
        keys = pack(table["score"].to_numpy(), table["sentence_id"].to_numpy())
        for code in inside:
            start, stop = np.searchsorted(codes, [code, code + 1])
            held, due = keys[start:stop], wanted[code]
            there = np.isin(due, held) if same else np.isin(unpack(due)[1], unpack(held)[1])
            missing += [(code, int(sentence)) for sentence in unpack(due[~there])[1]]
    return missing


def tolerance(scores: npt.NDArray[np.float32], dtype: str) -> npt.NDArray[np.float32]:
    """How far a stored score may lie from the plain float32 one: scores (units,) of one sentence and group.

    The error of a unit comes from sums over all units, so it goes with their typical size, not with its own alone.
    """
    size = np.sqrt(np.mean(np.square(scores, dtype=np.float64)))
    return (TOLERANCE[dtype] * np.maximum(size, np.abs(scores))).astype(np.float32)
