"""Blocks of neurons judged by Ray tasks, each committed as a file of the evaluation table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import ray

from neuronsig.config import MiningConfig
from neuronsig.corpora.files import Unit
from neuronsig.encoding.counting import NODES, SOURCE
from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from neuronsig.evaluation.classifier import votes_of
from neuronsig.evaluation.held_out import Block, read_block
from neuronsig.evaluation.judging import Voter, judge_block
from neuronsig.mining.holdout import is_held_out
from neuronsig.mining.user_trees import PARSED, parsed_trees, tree_units, trees_fingerprint
from neuronsig.neuron import Neuron
from neuronsig.readers import picked_sentences, require_sentences
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.storage.location import location
from neuronsig.storage.parquet import check_table, parquet_file, read_rows, table_files
from neuronsig.tables import EVALUATION, PROFILES, SENTENCES, SIGNATURES
from neuronsig_ray.tasks import ended_tasks, map_tasks


@dataclass(frozen=True)
class Evaluation:
    """What every task knows. Folders as text, for clients of stores survive no fork."""

    signatures: str
    profiles: str
    scores: tuple[str, ...]  # files of the held-out scores, one a shard
    evaluation: str
    markers: str
    fingerprint: str
    mining: MiningConfig
    positives: int
    seed: int

    def marker(self, block: Block) -> Path:
        return location(self.markers) / f"{block.name}.json"


def held_out_table(sentences: Path, share: float, done: Callable[[int], None]) -> pa.Table:
    """The held-out sentences, of all files by Ray tasks; `done` counts files. Memory: the held-out sentences."""
    check_table(sentences, SENTENCES)
    return pa.concat_tables(map_tasks(_read_held_out, [(str(file), share) for file in table_files(sentences)], done))


def _read_held_out(file: str, share: float) -> pa.Table:
    return picked_sentences(file, lambda ids: is_held_out(ids, share), SOURCE)


def with_trees(table: pa.Table, mining: MiningConfig, share: float, done: Callable[[int], None]) -> pa.Table:
    """Held-out sentences with the bracketed trees that their signatures were mined with, in place of `heads`.

    Read by Ray tasks; `done` counts pieces of the table. Raises InputError when it is not what was mined.
    """
    words = mining.subtree_labels == "words"
    read = map_tasks(_read_trees, [(unit, words, share) for unit in tree_units(mining.trees)], done)
    trees = pa.concat_tables(read).combine_chunks()
    place = pc.index_in(table["sentence_id"], value_set=trees["sentence_id"])
    parsed = table.drop_columns(["heads"]).append_column("heads", trees["heads"].take(place))
    return parsed.append_column(NODES, trees["nodes"].take(place))


def require_same_trees(trees: str, fingerprint: str) -> None:
    """Raise InputError when the bracketed trees that were mined, of this fingerprint, are gone, or others now."""
    if trees_fingerprint(trees) != fingerprint:
        raise InputError(
            f"mining.trees={trees} is not the table that was mined: it has changed since; put the old one "
            "back, or run neuronsig mine with it and overwrite=true first"
        )


def _read_trees(unit: Unit, words: bool, share: float) -> pa.Table:
    return pa.Table.from_batches(parsed_trees(unit, words, lambda ids: is_held_out(ids, share)), PARSED)


def scored_text(table: pa.Table, scores: Sequence[str]) -> Text:
    """The held-out sentences that were scored: some are too short for the tokenizer.

    Raises InputError when a scored one is not in the table.
    """
    ids = [parquet_file(location(file)).read(columns=["sentence_id"])["sentence_id"].to_numpy() for file in scores]
    scored = np.concatenate(ids)
    text = Text.of(table.filter(pa.array(np.isin(table["sentence_id"].to_numpy(), scored))))
    require_sentences(scored, text.ids, "sentences/", "tokenized")
    return text


def judge_blocks(evaluation: Evaluation, blocks: Sequence[Block], text: Text, done: Callable[[int], None]) -> None:
    """Judge and commit the blocks that are not yet; `done` counts neurons."""
    shared = ray.put(text)
    todo = [block for block in blocks if committed(evaluation.marker(block), evaluation.fingerprint) is None]
    done(sum(len(block.neurons) for block in blocks) - sum(len(block.neurons) for block in todo))
    for place, _ in ended_tasks(_judge, ((evaluation, block, shared) for block in todo)):
        done(len(todo[place].neurons))


def _judge(evaluation: Evaluation, block: Block, text: Text) -> None:
    ids, scores = read_block([location(file) for file in evaluation.scores], block)
    assert np.array_equal(ids, text.ids)
    signatures = read_signatures(evaluation.signatures, evaluation.profiles, block.neurons)
    rows = judge_block(
        block.neurons,
        signatures,
        scores,
        text,
        evaluation.mining,
        evaluation.positives,
        evaluation.seed,
    )
    table = pa.Table.from_pylist(rows, schema=EVALUATION)

    def write(path: Path) -> dict[str, Any]:
        pq.write_table(table, path, compression="zstd")
        return {"rows": table.num_rows}

    data = location(evaluation.evaluation) / unique_name(block.name, ".parquet")
    commit(data, evaluation.marker(block), evaluation.fingerprint, write)


def read_signatures(signatures: str, profiles: str, neurons: Sequence[Neuron]) -> dict[Neuron, Voter]:
    """Signatures of neurons of one site, layer and sign, from the folders of both tables.

    Raises InputError where a neuron has no profile.
    """
    first = neurons[0]
    wanted = (ds.field("site") == first.site) & (ds.field("layer") == first.layer) & (ds.field("sign") == first.sign)
    units = [neuron.unit for neuron in neurons]
    wanted &= (ds.field("unit") >= min(units)) & (ds.field("unit") <= max(units))
    rows: dict[int, list[dict[str, Any]]] = {unit: [] for unit in units}
    kept = wanted & (ds.field("lrc") > 0)
    columns = ["unit", "kind", "pattern", "lrc", "explained_by"]
    for row in read_rows(signatures, SIGNATURES, columns, kept).to_pylist():
        rows[row["unit"]].append(row)
    measured = read_rows(profiles, PROFILES, ["unit", "length_mean", "length_sd"], wanted)
    lengths = {row["unit"]: row for row in measured.to_pylist()}
    absent = [neuron for neuron in neurons if neuron.unit not in lengths]
    if absent:
        raise InputError(f"{profiles} has no row of {absent[0]}; run neuronsig mine again")
    return {
        neuron: Voter(
            tuple(votes_of(rows[neuron.unit])),
            lengths[neuron.unit]["length_mean"],
            lengths[neuron.unit]["length_sd"],
        )
        for neuron in neurons
    }
