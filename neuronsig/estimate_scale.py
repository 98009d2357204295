"""What grows with a run beside its bytes and hours: ids, files, requests to a store, shuffles, memory of the drivers.

Counts of files and requests are calculated by the rules that make them; bytes are measured ones times the sentences.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuronsig.annotation.sentence_files import batch_size, file_count
from neuronsig.collection.topk import MAX_ID
from neuronsig.config import Config
from neuronsig.encoding.vocabulary import MAX_WORDS
from neuronsig.storage.manifests import missing_ranges

IDS = MAX_ID + 1
"""Sentences that a run may have: lists keep 32 bits of an id."""

# Measured on 1,589 sentences of English web text (Spark's event log): bytes a sentence that Spark shuffles in all. More
# than half of the first are annotated sentences on their way to the files of their batch.
ANNOTATE_SHUFFLED = 695.0
TOKENIZE_SHUFFLED = 60.0
# A word in a task's dictionary; a file's path and size in a driver; a place in a list, for a moment twice.
WORD_BYTES = 200.0
PATH_BYTES = 500.0
LISTED_BYTES = 24.0
# A store lists so many names in one request.
_PAGE = 1000


@dataclass(frozen=True)
class Scale:
    """Files that stay, by table, their manifests and markers included; requests by step; bytes by stage and driver."""

    sentences: int
    files: dict[str, int]
    requests: dict[str, int]
    shuffled: dict[str, float]
    driver: dict[str, float]

    @property
    def ids(self) -> str:
        """Whether all sentences have an id."""
        if self.sentences <= IDS:
            return f"{self.sentences:,} of {IDS:,}"
        return (
            f"{self.sentences:,}, at most {IDS:,} fit in the lists: refused by neuronsig annotate; divide the corpus "
            f"among {-(-self.sentences // IDS)} runs"
        )


def scale(
    config: Config, sentences: int, shards: int, groups: int, neurons: int, encoded: float, words: float
) -> Scale:
    """Of a run of `sentences` in `shards`, whose `neurons` are in `groups` (a site's layer) of the topk table.

    `encoded` are the bytes of the encoded sentences, `words` those that a dictionary without bound would have.
    """
    size = config.annotator.batch_sentences or batch_size(config.hardware.spark_cores)
    batches = missing_ranges([], 0, sentences, size)
    data = sum(file_count(stop - start) for start, stop in batches)
    # Two records: whose table it is, and that it is whole.
    table = data + len(batches) + 2
    listed = neurons * min(config.collect.k, sentences)
    return Scale(
        sentences,
        # A shard has a file and a marker, and so has a group; plan.json names the shards.
        files={"sentences": table, "tokenized": 2 * shards + 1, "topk": 2 * groups},
        requests={
            # Sent and looked at; then one manifest.
            "annotate: files of sentences/, by the tasks": 2 * data + len(batches),
            # Pages of the listing; of every manifest and file its size, then its content or footer.
            "each check of sentences/, by the driver": -(-table // _PAGE) + 2 * (len(batches) + data),
            # Sent, looked at, its tag taken; then its marker.
            "tokenize: shards and markers, by the tasks": 4 * shards,
            "collect: commits of shards, by the replicas": 4 * shards,
        },
        shuffled={
            "annotate": sentences * ANNOTATE_SHUFFLED,
            "tokenize": sentences * TOKENIZE_SHUFFLED,
            # Profiles and patterns are gathered by neuron; the corpus meets the lists for both.
            "mine": 2 * (encoded + encoded / max(sentences, 1) * listed),
        },
        driver={
            "annotate, tokenize": (table + 2 * shards) * PATH_BYTES,
            "mine": min(words, MAX_WORDS) * WORD_BYTES,
            "cluster": listed * LISTED_BYTES,
        },
    )
