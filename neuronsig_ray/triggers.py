"""Triggers of all neurons: sentences forwarded once by replicas, then located and covered by tasks, a block each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from neuronsig.commits import commit, committed, unique_name
from neuronsig.config import TriggersConfig
from neuronsig.errors import InputError
from neuronsig.evaluation.text import COLUMNS, Text
from neuronsig.neuron import Neuron
from neuronsig.storage import location, read_parquet
from neuronsig.tables import DETECTORS, SENTENCES, TRIGGERS, check_table, table_files
from neuronsig.triggers.cover import Patterns, cover
from neuronsig.triggers.detectors import detector_row
from neuronsig.triggers.locate import Tokens, locate
from neuronsig.triggers.words import word_of_tokens, word_spans
from neuronsig_ray.evaluate import read_signatures
from neuronsig_ray.heldout import Block
from neuronsig_ray.job import Job
from neuronsig_ray.rescore import ask
from neuronsig_ray.session import Pool
from neuronsig_ray.token_activations import Pairs, TokenReplica

CHUNK = 2048
"""Sentences that a replica forwards and commits together."""
TEXTS_AT_ONCE = 1024
_FILES_AT_ONCE = 64

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Listed:
    """The sentences that some neuron lists, by id, with their tokens; rows and sentences are aligned."""

    text: Text
    words: list[list[str]]  # as the annotator wrote them
    tags: list[list[str]]
    input_ids: list[list[int]]
    tokens: list[Tokens]

    def places(self, sentence_ids: Ids) -> Ids:
        return np.searchsorted(self.text.ids, sentence_ids)


@dataclass(frozen=True)
class Plan:
    """What every task knows. Folders as text, for clients of stores survive no fork."""

    signatures: str
    profiles: str
    triggers: str
    detectors: str
    markers: str
    fingerprint: str
    mining: Mapping[str, Any]
    rules: TriggersConfig

    def marker(self, block: Block, table: str) -> Path:
        return location(self.markers) / f"{block.name}.{table}.json"


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
            "and run python -m jobs.annotate and jobs.collect again"
        )
    return table


def _read_listed(file: str, ids: Ids) -> pa.Table:
    columns = [*COLUMNS, "text"]
    table = read_parquet(location(file), columns)
    table = table.select(columns).cast(pa.schema([SENTENCES.field(name) for name in columns]))
    return table.filter(pa.array(np.isin(table["sentence_id"].to_numpy(), ids))).combine_chunks()


def tokenized(table: pa.Table, tokenizer: Any, limit: int, job: Job) -> Listed:
    """Listed sentences through the model's own fast tokenizer, their pieces set against the annotator's words."""
    cut = {"truncation": True, "max_length": limit} if limit else {}
    texts, words = table["text"].to_pylist(), table["tokens"].to_pylist()
    input_ids: list[list[int]] = []
    tokens: list[Tokens] = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        part = slice(start, start + TEXTS_AT_ONCE)
        encoded = tokenizer(texts[part], return_offsets_mapping=True, return_special_tokens_mask=True, **cut)
        parts = (encoded[name] for name in ("input_ids", "offset_mapping", "special_tokens_mask"))
        for ids, spans, mask, text, of in zip(*parts, texts[part], words[part], strict=True):
            pooled = np.zeros(len(ids), bool)
            pooled[job.skip_prefix : len(ids) - job.skip_suffix] = True
            special = np.array(mask, bool)
            word = np.where(special, -1, word_of_tokens(spans, word_spans(text, of)))
            input_ids.append(ids)
            tokens.append(Tokens(word, special, pooled, len(of)))
    return Listed(Text.of(table.drop_columns(["text"])), words, table["pos"].to_pylist(), input_ids, tokens)


def chunks_of(listed: Listed, rows: Ids, sentence_ids: Ids) -> list[Pairs]:
    """The forward passes: every listed sentence once, by length, with the pairs (rows, sentence_ids) that want it."""
    lengths = np.array([len(ids) for ids in listed.input_ids], np.int64)
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
        tokens = np.concatenate([np.array(listed.input_ids[i], np.int64) for i in part])
        found.append(Pairs(index, listed.text.ids[part], offsets, tokens, rows[mine], wanted[mine] - start))
    return found


def forward(
    job: Job, pool: Pool, folder: str, fingerprint: str, chunks: Sequence[Pairs], done: Callable[[int], None]
) -> None:
    """Have replicas commit the chunks; `done` counts sentences."""
    replica = ray.remote(num_cpus=pool.cpus, num_gpus=pool.gpus)(TokenReplica)
    actors: list[Any] = [replica.remote(job, folder, fingerprint) for _ in range(min(pool.replicas, len(chunks)))]
    todo, idle = list(chunks), list(actors)
    working: dict[Any, Any] = {}
    try:
        while todo or working:
            while todo and idle:
                actor = idle.pop()
                working[actor.chunk.remote(todo.pop(0))] = actor
            (ready, *_), _ = ray.wait(list(working), num_returns=1)
            idle.append(working.pop(ready))
            done(ask(ready))
    finally:
        for actor in actors:
            ray.kill(actor)


def locate_blocks(
    plan: Plan,
    blocks: Sequence[Block],
    listed: Listed,
    found: pa.Table,
    ranks: Mapping[Neuron, Ids],
    baselines: npt.NDArray[np.float32],
    at_once: int,
    done: Callable[[int], None],
) -> None:
    """Write the rows of TRIGGERS and DETECTORS of every block; `found` are the chunks' rows, baselines (rows,)."""
    shared, task = ray.put(listed), ray.remote(num_cpus=1)(_locate)
    found = found.sort_by("row").combine_chunks()
    bounds = np.searchsorted(found["row"].to_numpy(), [[block.start, block.stop] for block in blocks])
    waiting: dict[Any, Block] = {}
    todo = list(zip(blocks, bounds.tolist(), strict=True))
    while todo or waiting:
        while todo and len(waiting) < at_once:
            block, (start, stop) = todo.pop(0)
            # A slice would take the whole table along.
            mine = found.take(pa.array(np.arange(start, stop)))
            own = {neuron: ranks[neuron] for neuron in block.neurons}
            waiting[task.remote(plan, block, shared, mine, own, baselines[block.start : block.stop])] = block
        (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
        block = waiting.pop(ready)
        ask(ready)
        done(len(block.neurons))


def _locate(
    plan: Plan,
    block: Block,
    listed: Listed,
    found: pa.Table,
    ranks: Mapping[Neuron, Ids],
    baselines: npt.NDArray[np.float32],
) -> None:
    markers = {name: plan.marker(block, name) for name in ("triggers", "detectors")}
    if all(committed(marker, plan.fingerprint) for marker in markers.values()):
        return
    rows = located_rows(block, listed, found, ranks, baselines)
    signatures = read_signatures(plan.signatures, plan.profiles, block.neurons)
    votes = [signatures[neuron].votes for neuron in block.neurons]
    numbers = np.array([row.pop("neuron") for row in rows], np.int64)
    places = np.array([row.pop("place") for row in rows], np.int64)
    covered = cover(
        Patterns(votes, listed.text, plan.mining), listed.text, numbers, places, np.array([r["trigger"] for r in rows])
    )
    for row, number, vote, offset in zip(rows, numbers, covered.vote, covered.offset, strict=True):
        named = votes[number][vote] if vote >= 0 else None
        row |= {
            "covered": named is not None and int(offset) == 0,
            "kind": named.kind if named else None,
            "pattern": list(named.pattern) if named else None,
            "offset": int(offset) if named else None,
        }
    detectors = []
    bounds = np.searchsorted(numbers, np.arange(len(block.neurons) + 1))
    for number, neuron in enumerate(block.neurons):
        mine = range(bounds[number], bounds[number + 1])
        of = [rows[i] for i in mine]
        if not of:
            continue
        words = [_at(listed.words, places[i], rows[i]["trigger"]) for i in mine]
        tags = [_at(listed.tags, places[i], rows[i]["trigger"]) for i in mine]
        measured = detector_row(of, words, tags, plan.rules)
        chance = float(covered.words[list(mine)].mean())
        detectors.append({**_key(neuron), "baseline": float(baselines[number]), "words_covered": chance, **measured})
    for name, schema, made in (("triggers", TRIGGERS, rows), ("detectors", DETECTORS, detectors)):
        table = pa.Table.from_pylist(made, schema=schema)
        data = location(getattr(plan, name)) / unique_name(block.name, ".parquet")
        commit(data, markers[name], plan.fingerprint, _writer(table))


def _writer(table: pa.Table) -> Callable[[Path], Mapping[str, Any]]:
    def write(path: Path) -> dict[str, Any]:
        pq.write_table(table, path, compression="zstd")
        return {"rows": table.num_rows}

    return write


def located_rows(
    block: Block,
    listed: Listed,
    found: pa.Table,
    ranks: Mapping[Neuron, Ids],
    baselines: npt.NDArray[np.float32],
) -> list[dict[str, Any]]:
    """Rows of TRIGGERS up to concentration, by neuron and rank, with the places of neuron and sentence."""
    rows: list[dict[str, Any]] = []
    numbers, ids = found["row"].to_numpy() - block.start, found["sentence_id"].to_numpy()
    lists = found["activations"].chunk(0) if len(found) else pa.array([], pa.list_(pa.float32()))
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    of_pair = {pair: i for i, pair in enumerate(zip(numbers.tolist(), ids.tolist(), strict=True))}
    for number, neuron in enumerate(block.neurons):
        for rank, sentence_id in enumerate(ranks[neuron].tolist()):
            i = of_pair[number, sentence_id]
            place = int(listed.places(np.array([sentence_id]))[0])
            activations = values[offsets[i] : offsets[i + 1]][None, :]
            at = locate(activations, baselines[number : number + 1], listed.tokens[place])
            rows.append(
                {
                    **_key(neuron),
                    "neuron": number,
                    "place": place,
                    "rank": rank,
                    "sentence_id": sentence_id,
                    "activations": at.activations[0],
                    "special": _number(at.special[0]),
                    "trigger": int(at.trigger[0]),
                    "on_special": bool(at.on_special[0]),
                    "concentration": _number(at.concentration[0]),
                }
            )
    return rows


def _key(neuron: Neuron) -> dict[str, Any]:
    return {"site": neuron.site, "layer": neuron.layer, "unit": neuron.unit, "sign": neuron.sign}


def _number(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)


def _at(lists: Sequence[Sequence[str]], place: int, word: int) -> str:
    return lists[place][word] if word >= 0 else ""
