"""The tree reduce: committed shard files to the exact global top-K, as tasks over files (design section 2).

Every inner node is a committed file like a shard's, every final file one group of the `topk/` table; a killed reduce
goes on with the nodes that are missing. A task holds one group of `fan_in` files at a time.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.collection.job import Group, Job
from neuronsig.collection.memory import reduce_task_bytes
from neuronsig.collection.shard_files import keys_table, keys_writer, read_keys, read_lowest
from neuronsig.collection.shards import FAN_IN
from neuronsig.collection.thresholds import in_job_order, scores_at_ranks
from neuronsig.collection.topk import EMPTY, Keys, pack, ragged, union, unpack
from neuronsig.constant_units import MARKERS, Scores, constant_rows
from neuronsig.errors import InputError
from neuronsig.neuron import NEURON_COLUMNS
from neuronsig.progress import Done, uncounted
from neuronsig.run.commits import committed, committed_once, unique_name
from neuronsig.storage.location import absolute, join, location
from neuronsig.storage.parquet import parquet_file
from neuronsig.tables import TOPK

# A row group of the final table holds whole neurons, about this many rows, so that reading one neuron reads little.
_GROUP_ROWS = 1 << 17
# Lists of a neuron that are held before they are merged: one sort of several costs less than one for each.
_LISTS_HELD = 4

Runner = Callable[..., list[Any]]
"""What runs a function for the arguments of each call: neuronsig_ray.tasks.map_tasks, or a loop."""


def tree_reduce(
    job: Job,
    files: Sequence[Path],
    folder: Path,
    run: Runner,
    done: Done = uncounted,
    left_out: Mapping[str, Any] | None = None,
    fan_in: int = FAN_IN,
) -> list[dict[str, Any]]:
    """Reduce valid shard files to one file a group in `folder`; return the final markers, one a group.

    `done` counts nodes; `run` runs those of one level.
    """
    nodes = [absolute(path) for path in files]
    level = 0
    work = location(job.commits) / "reduce"
    while len(nodes) > fan_in:
        level += 1
        inner = [
            (job, nodes[first : first + fan_in], str(work), f"fan{fan_in}-level{level}-{place:05d}")
            for place, first in enumerate(range(0, len(nodes), fan_in))
        ]
        nodes = [str(work / marker["file"]) for marker in run(write_inner, inner, done, memory=task_bound(job))]
    final = [(job, nodes, absolute(folder), position, dict(left_out or {})) for position in range(len(job.groups))]
    return run(write_final, final, done, memory=task_bound(job))


def node_count(shards: int, groups: int, fan_in: int = FAN_IN) -> int:
    """Tasks of the tree over `shards` files."""
    count = groups
    while shards > fan_in:
        shards = -(-shards // fan_in)
        count += shards
    return count


def task_bound(job: Job) -> int:
    """Bytes of host memory that the process of one node of the tree, or of one group's convergence, takes at most."""
    return reduce_task_bytes(len(job.signs) * max(group.units for group in job.groups), job.kept)


def final_marker(folder: Path, group: Group) -> Path:
    return folder / MARKERS / f"{group.name}.json"


def merged_group(job: Job, files: Sequence[str], position: int) -> Keys:
    """Top-K of one group over shard or node files: (rows of the group, at most k), sorted descending."""
    parts = [np.zeros((len(job.signs) * job.groups[position].units, 0), np.uint64)]
    for file in files:
        parts.append(read_keys(file, position))
        # Arrow keeps what it has freed, as much as the lists again.
        pa.default_memory_pool().release_unused()
        if sum(part.shape[1] for part in parts) > _LISTS_HELD * job.k:
            parts = [union(parts, job.k)]
    return union(parts, job.k)


def merged_lowest(job: Job, files: Sequence[str], position: int) -> Scores:
    """The lowest score of each neuron of one group over shard or node files, (rows of the group,)."""
    none = np.full(len(job.signs) * job.groups[position].units, np.inf, np.float32)
    return np.asarray(np.minimum.reduce([none, *(read_lowest(file, position) for file in files)]))


def require_base(job: Job, folder: Path) -> None:
    """Raise InputError unless every group has the lists that `job` adds to, or those that it makes of them."""
    for group in job.groups if job.base else ():
        marker = final_marker(folder, group)
        if committed(marker, job.fingerprint) is None and committed(marker, job.base) is None:
            raise InputError(_lost(folder, group))


def base_group(job: Job, folder: Path, position: int) -> Keys:
    """The lists of one group in the finished table that `job.base` names: (rows of the group, n), sorted descending.

    Raises InputError when they are not there as they were committed.
    """
    group = job.groups[position]
    marker = _base_marker(job, folder, group)
    table = parquet_file(join(final_marker(folder, group).parent, marker["file"])).read(["score", "sentence_id"])
    n = min(job.k, job.base_sentences)
    scores = table["score"].to_numpy().reshape(-1, n)
    sentence_ids = table["sentence_id"].to_numpy().reshape(-1, n)
    keys = np.stack([pack(row, ids) for row, ids in zip(scores, sentence_ids, strict=True)])  # (units * signs, n)
    order = np.argsort(_table_order(job, group))
    return keys[order]


def base_lowest(job: Job, folder: Path, position: int) -> Scores:
    """Of the same table the lowest score of each neuron, (rows of the group,); NaN where it was made without them."""
    group = job.groups[position]
    lowest = _base_marker(job, folder, group).get("lowest")
    if lowest is None:
        return np.full(len(job.signs) * group.units, np.nan, np.float32)
    return np.frombuffer(base64.b64decode(lowest), "<f4").astype(np.float32)


def _base_marker(job: Job, folder: Path, group: Group) -> dict[str, Any]:
    marker = committed(final_marker(folder, group), job.base)
    if marker is None:
        raise InputError(_lost(folder, group))
    return marker


def _lost(folder: Path, group: Group) -> str:
    return (
        f"{folder}: the lists of {group.name} are not those of the finished run any more; "
        "run neuronsig collect with overwrite=true"
    )


# Ids in the order of scores are random: packed to the bits they need they are small, and nothing compresses them.
_ENCODING: dict[str, Any] = {
    "use_dictionary": list(NEURON_COLUMNS),
    "column_encoding": {"rank": "DELTA_BINARY_PACKED", "sentence_id": "DELTA_BINARY_PACKED"},
    "compression": {name: "none" if name == "sentence_id" else "zstd" for name in TOPK.names},
}


def base_quantiles(job: Job, folder: Path) -> npt.NDArray[np.float32]:
    """What the lists of the finished table say of thresholds (collection.score_quantiles), (rows, ranks) float32."""
    groups = [scores_at_ranks(*ragged(base_group(job, folder, position)), job.k) for position in range(len(job.groups))]
    return in_job_order(job, groups)


def write_inner(job: Job, files: Sequence[str], folder: str, name: str) -> dict[str, Any]:
    """Merge files into one node file, group by group, unless it is there already."""

    def write(path: Path) -> dict[str, Any]:
        with keys_writer(path) as writer:
            for position, group in enumerate(job.groups):
                keys, offsets = ragged(merged_group(job, files, position))
                table = keys_table(group, keys, offsets, merged_lowest(job, files, position))
                writer.write_table(table, row_group_size=len(offsets) - 1)
        return {}

    data, marker = (location(folder) / file for file in (unique_name(name, ".parquet"), f"{name}.json"))
    return committed_once(data, marker, job.fingerprint, write)


def write_final(
    job: Job, files: Sequence[str], folder: str, position: int, left_out: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One group of the topk table, sorted by unit, sign, rank, unless it is there already.

    The file is named by the plan: of an appended run's old and new file only the one that the marker names counts.
    """
    group = job.groups[position]

    def write(path: Path) -> dict[str, Any]:
        keys, lowest = merged_group(job, files, position), merged_lowest(job, files, position)
        if job.base:
            keys = union([base_group(job, location(folder), position), keys], job.k)
            lowest = np.minimum(lowest, base_lowest(job, location(folder), position))
        rows = 0
        with pq.ParquetWriter(path, TOPK, **_ENCODING) as writer:
            for table in topk_tables(job, group, keys):
                writer.write_table(table, row_group_size=max(1, table.num_rows))
                rows += table.num_rows
        return {
            "site": group.site,
            "layer": group.layer,
            "rows": rows,
            "left_out": dict(left_out or {}),
            "constant": _constant(job, group, keys, lowest),
            "lowest": base64.b64encode(lowest.astype("<f4").tobytes()).decode(),
        }

    data = location(folder) / f"{group.name}-{job.fingerprint[:8]}.parquet"
    return committed_once(data, final_marker(location(folder), group), job.fingerprint, write)


def _constant(job: Job, group: Group, keys: Keys, lowest: Scores) -> list[tuple[int, int, float]]:
    """(unit, sign, score) of the neurons of a group that are constant; none of one sentence, beside which is no other.

    keys (rows, k) and lowest (rows,) are of all sentences.
    """
    if job.base_sentences + job.sentences < 2:
        return []
    highest, _ = unpack(keys[:, 0])
    found = np.flatnonzero(constant_rows(lowest, highest, job.dtype))
    scores = (lowest.astype(np.float64) + highest) / 2
    places = [divmod(row, group.units) for row in found.tolist()]
    return [(unit, job.signs[sign], float(scores[row])) for row, (sign, unit) in zip(found, places, strict=True)]


def topk_tables(job: Job, group: Group, keys: Keys) -> Iterator[pa.Table]:
    """TOPK tables of whole neurons in order of unit, sign, rank, from keys in order of sign, unit."""
    units = np.tile(np.arange(group.units, dtype=np.int32), len(job.signs))
    signs = np.repeat(np.array(job.signs, np.int8), group.units)
    order = _table_order(job, group)
    step = max(1, _GROUP_ROWS // max(1, keys.shape[1]))
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        block = keys[rows]  # (rows, k)
        # Rows end in EMPTY where they are shorter.
        counts = block.shape[1] - np.count_nonzero(block == EMPTY, axis=1)
        ranks = np.broadcast_to(np.arange(block.shape[1], dtype=np.int32), block.shape)
        if counts.min(initial=block.shape[1]) == block.shape[1]:
            flat, ranks = block.ravel(), ranks.ravel()
        else:
            held = block != EMPTY
            flat, ranks = block[held], ranks[held]
        scores, sentence_ids = unpack(flat)
        n = scores.size
        columns = [
            pa.repeat(group.site, n),
            pa.array(np.full(n, group.layer, np.int16)),
            pa.array(np.repeat(units[rows], counts)),
            pa.array(np.repeat(signs[rows], counts)),
            pa.array(ranks),
            pa.array(scores),
            pa.array(sentence_ids),
        ]
        yield pa.table(columns, schema=TOPK)


def _table_order(job: Job, group: Group) -> npt.NDArray[np.int64]:
    """Rows of a group (by sign, unit) in the order of the table: unit, then sign ascending."""
    units = np.tile(np.arange(group.units), len(job.signs))
    signs = np.repeat(np.array(job.signs), group.units)
    return np.lexsort((signs, units))
