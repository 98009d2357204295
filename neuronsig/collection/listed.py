"""The best sentences of all neurons, read from the topk and sentences tables; memory grows with neurons x sentences."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neuronsig.annotation.near_duplicates import PERMUTATIONS, signatures
from neuronsig.collection.dominance import ListedSentences
from neuronsig.neuron import Neuron
from neuronsig.storage.parquet import check_table, parquet_file, read_parquet, table_files
from neuronsig.tables import SENTENCES, TOPK

ALL = np.iinfo(np.int32).max
"""More sentences than any list has."""
_BATCH = 2048
# Half of the permutations: a list is described, not filtered.
_PLACES = PERMUTATIONS // 2


def top_sentences(topk: Path, n: int, of: Set[Neuron] = frozenset()) -> dict[Neuron, npt.NDArray[np.int64]]:
    """The ids of every neuron's n best sentences, by rank; where some neurons are named, of those alone."""
    check_table(topk, TOPK)
    lists: dict[Neuron, list[npt.NDArray[np.int64]]] = {}
    columns = ["site", "layer", "unit", "sign", "rank", "sentence_id"]
    for path in table_files(topk):
        file = parquet_file(path)
        for index in range(file.num_row_groups):
            table = file.read_row_group(index, columns=columns)
            table = table.filter(pa.array(table["rank"].to_numpy() < n))
            units, signs = table["unit"].to_numpy(), table["sign"].to_numpy()
            starts = np.flatnonzero(np.diff(units, prepend=-1).astype(bool) | np.diff(signs, prepend=0).astype(bool))
            ids = table["sentence_id"].to_numpy()
            for start, part in zip(starts.tolist(), np.split(ids, starts[1:]), strict=True):
                row = table.slice(start, 1).to_pylist()[0]
                neuron = Neuron.of_row(row)
                if not of or neuron in of:
                    lists.setdefault(neuron, []).append(part)
    return {neuron: np.concatenate(lists[neuron]) for neuron in sorted(lists)}


def read_listed(sentences: Path, ids: npt.NDArray[np.int64]) -> ListedSentences:
    """Documents, words and signatures of the sentences with these ids, ascending (n,)."""
    check_table(sentences, SENTENCES)
    codes: dict[str, int] = {}
    documents, found = np.full(len(ids), -1, np.int64), np.zeros((len(ids), _PLACES), np.uint32)
    words: list[frozenset[str]] = [frozenset()] * len(ids)
    for path in table_files(sentences):
        table = read_parquet(path, ["sentence_id", "domain", "doc_id", "text", "tokens"])
        table = table.filter(pa.array(np.isin(table["sentence_id"].to_numpy(), ids)))
        rows = np.searchsorted(ids, table["sentence_id"].to_numpy())
        for start in range(0, table.num_rows, _BATCH):
            part, at = table.slice(start, _BATCH), rows[start : start + _BATCH]
            names = [
                f"{domain} {doc}"
                for domain, doc in zip(*(part[c].to_pylist() for c in ("domain", "doc_id")), strict=True)
            ]
            documents[at] = [codes.setdefault(name, len(codes)) for name in names]
            found[at] = signatures(part["text"].to_pylist())[:, :_PLACES]
            for row, tokens in zip(at.tolist(), part["tokens"].to_pylist(), strict=True):
                words[row] = frozenset(token.lower() for token in tokens)
    return ListedSentences(ids, documents, list(codes), found, words)
