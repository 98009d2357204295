"""Tables made by Ray tasks, a block of neurons each, and committed as a file of each table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.evaluation.held_out import Block
from neuronsig.progress import Done
from neuronsig.run.commits import all_committed, commit, sweep, unique_name
from neuronsig.storage.location import location
from neuronsig_ray.tasks import ended_tasks


@dataclass(frozen=True)
class BlockTables:
    """Tables of one stage. Folders as text, for clients of stores survive no fork."""

    schemas: Mapping[str, pa.Schema]  # by the table's folder
    markers: str
    fingerprint: str

    def marker(self, block: Block, number: int) -> Path:
        """The record of a block's commit to the table of this number."""
        return location(self.markers) / f"{block.name}.{number}.json"

    def make(
        self,
        rows_of: Callable[..., Sequence[Sequence[Mapping[str, Any]]]],
        blocks: Sequence[Block],
        arguments: Callable[[Block], tuple[Any, ...]],
        done: Done,
    ) -> None:
        """Commit the rows of each table that `rows_of(block, *arguments(block))` gives, of blocks that are not yet.

        `done` counts neurons. In the end the tables hold no other file.
        """
        numbers = range(len(self.schemas))
        valid = [all_committed([self.marker(block, n) for block in blocks], self.fingerprint) for n in numbers]
        todo = [block for block, *markers in zip(blocks, *valid, strict=True) if None in markers]
        done(sum(len(block.neurons) for block in blocks) - sum(len(block.neurons) for block in todo))
        for place, _ in ended_tasks(_make, ((self, rows_of, block, *arguments(block)) for block in todo)):
            done(len(todo[place].neurons))
        for number, folder in enumerate(self.schemas):
            markers = all_committed([self.marker(block, number) for block in blocks], self.fingerprint)
            sweep(location(folder), [marker["file"].split("/")[-1] for marker in markers if marker])


def _make(tables: BlockTables, rows_of: Callable[..., Any], block: Block, *arguments: Any) -> None:
    made = rows_of(block, *arguments)
    for number, ((folder, schema), rows) in enumerate(zip(tables.schemas.items(), made, strict=True)):
        table = pa.Table.from_pylist(rows, schema=schema)

        def write(path: Path, table: pa.Table = table) -> dict[str, Any]:
            pq.write_table(table, path, compression="zstd")
            return {"rows": table.num_rows}

        data = location(folder) / unique_name(block.name, ".parquet")
        commit(data, tables.marker(block, number), tables.fingerprint, write)
