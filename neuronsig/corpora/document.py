"""What every parser yields: a document, or the reason why a record is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from neuronsig.corpora.plain import clean

Metadata = dict[str, list[str]]
Notes = dict[str, int]


@dataclass(frozen=True)
class Document:
    """One document of a corpus, or a record that was skipped.

    `text` holds paragraphs separated by one blank line, each on one line; no sentence spans two of them.
    `doc_id` is the publisher's own id, unique in the source and the same in every run. `metadata` maps a
    field (author, entity, sentiment, topic, category, ...; P1 Table 1) to its values. `skipped` is the reason
    why the record yields no text, else None. `notes` counts what was replaced or left out on the way.
    """

    doc_id: str
    text: str
    metadata: Metadata = field(default_factory=dict)
    skipped: str | None = None
    notes: Notes = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        doc_id: str,
        paragraphs: Iterable[str],
        metadata: Mapping[str, str | Iterable[str] | None],
        notes: Notes | None = None,
        empty: str = "empty",
    ) -> Document:
        """A document of the paragraphs that have any text; skipped for the reason `empty` when none has."""
        notes = {} if notes is None else notes
        kept = [one for one in (clean(paragraph, notes) for paragraph in paragraphs) if one]
        if not any(character.isalnum() for one in kept for character in one):
            return cls.skip(doc_id, empty, notes)
        return cls(doc_id, "\n\n".join(kept), tidy_metadata(metadata), None, without_zeros(notes))

    @classmethod
    def skip(cls, doc_id: str, reason: str, notes: Notes | None = None) -> Document:
        """A record that is counted under `reason` and yields no text."""
        return cls(doc_id, "", {}, reason, without_zeros(notes or {}))


def tidy_metadata(metadata: Mapping[str, str | Iterable[str] | None]) -> Metadata:
    """Fields with their distinct non-empty values, in the order they came in."""
    tidy: Metadata = {}
    for name, given in metadata.items():
        values = [given] if isinstance(given, str) else list(given or ())
        kept = list(dict.fromkeys(one for one in (clean(value, {}) for value in values) if one))
        if kept:
            tidy[name] = kept
    return tidy


def without_zeros(notes: Notes) -> Notes:
    return {name: count for name, count in notes.items() if count}


def count(notes: Notes, name: str, amount: int = 1) -> None:
    """Add to one of a document's counts."""
    if amount:
        notes[name] = notes.get(name, 0) + amount
