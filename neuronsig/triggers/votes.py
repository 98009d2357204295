"""The patterns of signatures that a trigger may stand in: beyond chance, and not explained by a part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.dataset as ds

from neuronsig.encoding.text import Text
from neuronsig.kinds import ITEM, SUBTREE, TAGS, WORDS, Kind, kind_of
from neuronsig.miners.brackets import bracket_label
from neuronsig.neuron import Neuron
from neuronsig.readers import rows_by_neuron
from neuronsig.tables import SIGNATURES


@dataclass(frozen=True)
class Vote:
    """A pattern of a signature and its bits."""

    kind: str
    pattern: tuple[str, ...]
    bits: float


def votes_of(rows: Iterable[Mapping[str, Any]]) -> list[Vote]:
    """The votes of a neuron's rows of SIGNATURES (kind, pattern, lrc, explained_by), strongest first.

    A single item votes in its own kind alone: words, pos or metadata.
    """
    found = {
        (row["kind"], tuple(row["pattern"])): float(row["lrc"])
        for row in rows
        if row["lrc"] > 0
        and not row["explained_by"]
        and (len(row["pattern"]) > 1 or kind_of(row["kind"]).shape in (ITEM, SUBTREE))
    }
    votes = [Vote(kind, pattern, bits) for (kind, pattern), bits in found.items()]
    return sorted(votes, key=lambda vote: (-vote.bits, vote.kind, vote.pattern))


def codes_of(kind: Kind, pattern: Sequence[str], text: Text) -> list[int]:
    """A pattern's codes in a text, -1 for an item that no sentence has."""
    return [text.code(name, layer) for layer, name in kind.read(pattern)]


def labels_of(text: Text, layer: str) -> dict[str, int]:
    """The code of every label that a node can have: a tag, a word (layer words), or what a user's trees have."""
    if text.vocabulary.labels is not None:
        return {label: code for code, label in enumerate(text.vocabulary.labels)}
    return {bracket_label(name): code for name, code in text.codes[WORDS if layer == "words" else TAGS].items()}


def read_votes(signatures: str, neurons: Sequence[Neuron]) -> dict[Neuron, tuple[Vote, ...]]:
    """The votes of neurons, from the folder of SIGNATURES."""
    columns = ("kind", "pattern", "lrc", "explained_by")
    rows = rows_by_neuron(signatures, SIGNATURES, columns, neurons, ds.field("lrc") > 0)
    return {neuron: tuple(votes_of(of)) for neuron, of in rows.items()}
