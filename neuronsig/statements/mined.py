"""The patterns that were mined of neurons, as columns beside those of the families."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.kinds import SEQUENCE, SUBTREE, Kind, kind_of
from neuronsig.miners.brackets import bracket_label
from neuronsig.miners.counting import Postings, find_sequences, find_subtrees
from neuronsig.miners.frequent import subtree_items
from neuronsig.miners.trie import CountingTrie
from neuronsig.mining.kinds import limits_of
from neuronsig.statements.columns import Columns
from neuronsig.statements.statement import Single


def with_mined(
    columns: Columns,
    table: pa.Table,
    patterns: Iterable[Single],
    mining: MiningConfig,
    least: int,
    counted: NDArray[np.bool_] | None = None,
) -> Columns:
    """The columns, and one for each mined pattern that `least` of the `counted` rows hold (all where it is None).

    `table` has the sentences of the columns' rows, ascending in sentence_id. A pattern holds within the limits that it
    was mined with. Subtrees of a user's bracketed trees are left out: the table has none.
    """
    wanted = sorted(set(patterns) - set(columns.singles))
    kinds = [kind for kind in dict.fromkeys(single.kind for single in wanted) if _is_there(kind_of(kind), mining)]
    if not kinds:
        return columns
    text = Text.of(table)
    parts, singles = [columns.matrix], list(columns.singles)
    for name in kinds:
        of_kind = [single for single in wanted if single.kind == name]
        postings = find_patterns(text, kind_of(name), [single.pattern for single in of_kind], mining)
        lengths = np.array([len(found) for found in postings])
        rows = np.concatenate([np.zeros(0, np.int64), *postings])
        place = np.repeat(np.arange(len(of_kind)), lengths)
        found = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, place)), (len(columns), len(of_kind)))
        often = np.asarray((found if counted is None else found[counted]).sum(axis=0)).ravel() >= least
        parts.append(found[:, np.flatnonzero(often)])
        singles += [single for single, kept in zip(of_kind, often, strict=True) if kept]
    return Columns(sparse.hstack(parts, format="csr"), singles)


def _is_there(kind: Kind, mining: MiningConfig) -> bool:
    return kind.mined and not (kind.shape == SUBTREE and mining.trees)


def find_patterns(
    text: Text, kind: Kind, patterns: Sequence[tuple[str, ...]], mining: MiningConfig
) -> list[NDArray[np.int32]]:
    """Of each pattern, the places in the text of the sentences that hold it, ascending.

    Raises InputError for a malformed subtree.
    """
    sentences, vocabulary = text.sentences, text.vocabulary
    if kind.shape == SUBTREE:
        names = [bracket_label(name) for name in vocabulary.node_names(mining.subtree_labels)]
        label = {name: code for code, name in enumerate(names)}
        coded = [tuple(subtree_items(pattern[0], label, len(names))) for pattern in patterns]
    else:
        coded = [tuple(text.code(name, layer) for layer, name in kind.read(pattern)) for pattern in patterns]
        if kind.shape != SEQUENCE:
            coded = [tuple(sorted(set(codes))) for codes in coded]
    distinct = {codes: i for i, codes in enumerate(dict.fromkeys(c for c in coded if c and min(c) >= 0))}
    trie = CountingTrie(list(distinct))
    if kind.shape == SUBTREE:
        postings: Postings = find_subtrees(trie, sentences.forest(vocabulary, mining.subtree_labels))
    elif kind.shape == SEQUENCE:
        items, offsets, positions = sentences.stacked(vocabulary)
        postings = find_sequences(trie, items, offsets, limits_of(kind, mining), positions)
    else:
        postings = find_sequences(trie, *sentences.transactions(vocabulary))
    nowhere = np.zeros(0, np.int32)
    return [postings.of(distinct[codes]) if codes in distinct else nowhere for codes in coded]
