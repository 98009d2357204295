"""The sentences that neurons list: read once, cut into the model's tokens, and into chunks for its replicas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray
from tokenizers import Tokenizer

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.collection.job import Job
from neuronsig.encoding.counting import SOURCE
from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from neuronsig.storage.location import location
from neuronsig.storage.parquet import check_table, read_parquet, table_files
from neuronsig.tables import SENTENCES
from neuronsig.triggers.locate import Tokens
from neuronsig.triggers.words import word_of_tokens, word_spans
from neuronsig_ray.triggers.token_activations import Pairs
from neuronsig_ray.verify.rescore import ask

CHUNK = 2048
"""Sentences that a replica forwards and commits together."""
TEXTS_AT_ONCE = 1024
_FILES_AT_ONCE = 64

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Listed:
    """The sentences that some neuron lists, by id, and their tokens; those of place i: offsets[i] to offsets[i + 1]."""

    text: Text
    offsets: Ids  # (sentences + 1,)
    input_ids: Ids  # (tokens,)
    word: Ids  # (tokens,) place in its sentence of the word that the token is a piece of; -1: none
    special: npt.NDArray[np.bool_]  # (tokens,)
    skip_prefix: int
    skip_suffix: int

    def places(self, sentence_ids: Ids) -> Ids:
        return np.searchsorted(self.text.ids, sentence_ids)

    def tokens(self, place: int) -> Tokens:
        start, stop = self.offsets[place], self.offsets[place + 1]
        pooled = np.zeros(stop - start, bool)
        pooled[self.skip_prefix : stop - start - self.skip_suffix] = True
        return Tokens(self.word[start:stop], self.special[start:stop], pooled, int(self.text.lengths[place]))

    def trigger(self, place: int, word: int) -> tuple[str, str]:
        """A word of a sentence, lower-cased, and its tag; empty for word -1."""
        if word < 0:
            return "", ""
        at, named, coded = self.text.offsets[place] + word, self.text.vocabulary, self.text.sentences
        return named.words[coded.words[at]], named.tags[coded.tags[at]]


def listed_table(sentences: Path, ids: Ids, done: Callable[[int], None]) -> pa.Table:
    """The sentences with these ids, ascending, of all files by Ray tasks; `done` counts files.

    Raises InputError when one is not there.
    """
    check_table(sentences, SENTENCES)
    shared, read = ray.put(ids), ray.remote(num_cpus=1)(_read_listed)
    files = [str(path) for path in table_files(sentences)]
    found = []
    for start in range(0, len(files), _FILES_AT_ONCE):
        for reference in [read.remote(file, shared) for file in files[start : start + _FILES_AT_ONCE]]:
            found.append(ask(reference))
            done(1)
    table = pa.concat_tables(found).sort_by("sentence_id").combine_chunks()
    if (absent := np.setdiff1d(ids, table["sentence_id"].to_numpy())).size:
        raise InputError(
            f"{sentences} has no sentence_id {absent[0]}, which topk/ lists: one of the tables lost files; delete both "
            "and run neuronsig annotate and jobs.collect again"
        )
    return table


def _read_listed(file: str, ids: Ids) -> pa.Table:
    columns = [*SOURCE, "text"]
    table = read_parquet(location(file), columns)
    table = table.select(columns).cast(pa.schema([SENTENCES.field(name) for name in columns]))
    return table.filter(pa.array(np.isin(table["sentence_id"].to_numpy(), ids))).combine_chunks()


def tokenized(table: pa.Table, spec: TokenizerSpec, job: Job) -> Listed:
    """Listed sentences through the model's own fast tokenizer, their pieces set against the annotator's words."""
    tokenizer = Tokenizer.from_str(spec.serialized)
    if spec.max_tokens:
        tokenizer.enable_truncation(spec.max_tokens)
    texts, words = table["text"].to_pylist(), table["tokens"].to_pylist()
    found: list[tuple[Ids, Ids, npt.NDArray[np.bool_]]] = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        part = slice(start, start + TEXTS_AT_ONCE)
        for encoded, text, of in zip(tokenizer.encode_batch(texts[part]), texts[part], words[part], strict=True):
            special = np.array(encoded.special_tokens_mask, bool)
            word = np.where(special, -1, word_of_tokens(encoded.offsets, word_spans(text, of)))
            found.append((np.array(encoded.ids, np.int64), word, special))
    input_ids, word_of, special_of = (np.concatenate(column) for column in zip(*found, strict=True))
    offsets = np.cumsum([0, *(len(ids) for ids, *_ in found)]).astype(np.int64)
    text_of = Text.of(table.drop_columns(["text"]))
    return Listed(text_of, offsets, input_ids, word_of, special_of, job.skip_prefix, job.skip_suffix)


def chunks_of(listed: Listed, rows: Ids, sentence_ids: Ids) -> list[Pairs]:
    """The forward passes: every listed sentence once, by length, with the pairs (rows, sentence_ids) that want it."""
    lengths = np.diff(listed.offsets)
    order = np.argsort(lengths, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    wanted = place[listed.places(sentence_ids)]
    by_place = np.argsort(wanted, kind="stable")
    found = []
    for index, start in enumerate(range(0, len(order), CHUNK)):
        part = order[start : start + CHUNK]
        low, high = np.searchsorted(wanted[by_place], [start, start + len(part)])
        mine = by_place[low:high]
        offsets = np.concatenate(([0], np.cumsum(lengths[part]))).astype(np.int64)
        tokens = np.concatenate([listed.input_ids[listed.offsets[i] : listed.offsets[i + 1]] for i in part])
        found.append(Pairs(index, listed.text.ids[part], offsets, tokens, rows[mine], wanted[mine] - start))
    return found
