"""Sentences written as `word/TAG/head` and the table they would be in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from neuronsig.tables import SENTENCES


def table_of(
    sentences: Sequence[str], metadata: Sequence[Mapping[str, list[str]]] = (), domain: str = "news"
) -> pa.Table:
    """The sentences table of `The/DT/2 cat/NN/3 sat/VBD/0 ...`; ids count from 0."""
    rows = []
    for number, sentence in enumerate(sentences):
        parts = [token.rsplit("/", 2) for token in sentence.split()]
        rows.append(
            {
                "sentence_id": number,
                "domain": domain,
                "doc_id": "d",
                "position": number,
                "text": " ".join(part[0] for part in parts),
                "tokens": [part[0] for part in parts],
                "pos": [part[1] for part in parts],
                "heads": [int(part[2]) for part in parts],
                "metadata": list((metadata[number] if metadata else {}).items()),
            }
        )
    return pa.Table.from_pylist(rows, schema=SENTENCES)


ANIMALS = (
    "The/DT/2 cat/NN/3 sat/VBD/0 on/IN/6 the/DT/6 mat/NN/3 ././3",
    "Not/RB/3 a/DT/3 dog/NN/0 ././3",
    "The/DT/4 big/JJ/4 black/JJ/4 cat/NN/5 ran/VBD/0 ././5",
    "Cats/NNS/2 ran/VBD/0 ././2",
)
