"""What has a code: words, metadata values, tags, and labels of trees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neuronsig.encoding.counting import NODES, has_users_trees, metadata_values
from neuronsig.encoding.strata import Strata
from neuronsig.kinds import METADATA, TAGS, WORDS
from neuronsig.ragged import flat_words

OTHER = "(other)"
"""The metadata value that stands for all values of a field that are too rare to be items."""


@dataclass(kw_only=True)
class Vocabulary:
    """What sentences are encoded with. Codes are places in the lists.

    Item codes: word w is w; metadata m is n_words + m; tag t is n_words + n_metadata + t.
    """

    words: list[str]  # lower-cased
    metadata: list[tuple[str, str]]  # (field, value); value OTHER stands for the rare ones
    tags: list[str]
    labels: list[str] | None = None
    """Labels of the nodes of a user's bracketed trees; None: dependency trees, whose nodes are the words."""
    strata: Strata = field(default_factory=lambda: Strata(np.zeros(0, np.int64)))
    domains: list[str] = field(default_factory=list)  # by their number in strata

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Vocabulary:
        """All that occurs in a batch with the columns SOURCE (and NODES), in the order in which it first does."""

        def distinct(column: str, lower: bool = False) -> list[str]:
            names: list[str] = pc.unique(flat_words(batch.column(column), lower)[0]).to_pylist()
            return names

        values = pc.unique(metadata_values(batch, ())[0]).to_pylist()
        return cls(
            words=distinct("tokens", lower=True),
            metadata=[tuple(value.split("\t", 1)) for value in values],
            tags=distinct("pos"),
            labels=distinct(NODES) if has_users_trees(batch) else None,
        )

    @property
    def n_items(self) -> int:
        """Words and metadata together: the codes that a sentence's item list may hold."""
        return len(self.words) + len(self.metadata)

    @property
    def n_codes(self) -> int:
        """Words, metadata and tags together."""
        return self.n_items + len(self.tags)

    def item(self, code: int) -> tuple[str, str]:
        """The layer of an item (neuronsig.kinds) and its name: a word, a tag, or `domain=book`."""
        if code < len(self.words):
            return WORDS, self.words[code]
        if code < self.n_items:
            return METADATA, "=".join(self.metadata[code - len(self.words)])
        return TAGS, self.tags[code - self.n_items]

    def node_names(self, labels: str) -> list[str]:
        """The labels that a subtree's node may have, by their codes; `labels` of dependency trees: pos or words."""
        if self.labels is not None:
            return self.labels
        return self.tags if labels == "pos" else self.words

    def n_labels(self, labels: str) -> int:
        """How many those are, 1 at least."""
        return max(len(self.node_names(labels)), 1)
