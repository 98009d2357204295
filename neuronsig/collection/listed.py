"""The best sentences of all neurons, read from the topk and sentences tables; memory grows with neurons x sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from neuronsig.annotation.near_duplicates import PERMUTATIONS, signatures
from neuronsig.collection.dominance import ListedSentences
from neuronsig.readers import sentences_by_id
from neuronsig.storage.parquet import check_table, table_files
from neuronsig.tables import SENTENCES

_BATCH = 2048
# Half of the permutations: a list is described, not filtered.
_PLACES = PERMUTATIONS // 2


def read_listed(sentences: Path, ids: npt.NDArray[np.int64]) -> ListedSentences:
    """Documents, words and signatures of the sentences with these ids, ascending (n,)."""
    check_table(sentences, SENTENCES)
    codes: dict[str, int] = {}
    documents, found = np.full(len(ids), -1, np.int64), np.zeros((len(ids), _PLACES), np.uint32)
    words: list[frozenset[str]] = [frozenset()] * len(ids)
    for path in table_files(sentences):
        table = sentences_by_id(path, ids, ["sentence_id", "domain", "doc_id", "text", "tokens"])
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
