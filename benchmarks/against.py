"""One benchmark in two checkouts by turns: is this one slower than another, of before a change?

Runs `python -m benchmarks.NAME WORDS` in the other checkout and in this one, --repeats times each, with this
environment's Python, and reads the tables that it prints. Of every cell that counts seconds it prints both medians, and
the median of the ratios taken pair by pair, which a machine whose speed drifts does not move. Rows and columns that one
side alone prints are named.

    git worktree add ../before COMMIT
    python -m benchmarks.against ../before mining --run $PWD/runs/six --neurons 32
    python -m benchmarks.against ../before collect_cpu --sentences 20000 --dtypes float32
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.common import machine, table

HERE = Path(__file__).resolve().parent.parent
Cell = tuple[str, str]
"""A row's first column, and a column's heading."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side")
    parser.add_argument(
        "--columns", default="^(?!.*ratio).*(seconds|CPU|wall)", help="pattern of the headings that are compared"
    )
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("name", help="the benchmark")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="its own words, with whole paths")
    given = parser.parse_args()
    if not (given.other / "benchmarks" / f"{given.name}.py").is_file():
        parser.error(f"{given.other} has no benchmarks/{given.name}.py")
    print(machine())
    pairs: list[tuple[Mapping[Cell, float], Mapping[Cell, float]]] = []
    for turn in range(given.repeats):
        one, two = (seconds(given.name, given.words, place, given.columns) for place in (given.other.resolve(), HERE))
        pairs.append((one, two))
        print(f"turn {turn + 1} of {given.repeats}: {len(one)} and {len(two)} figures", file=sys.stderr)
    print(f"\n{given.name} {' '.join(given.words)}, {given.repeats} runs of each side by turns\n")
    print(table(("", "of", "before", "now", "ratio"), compared(pairs)))
    alone = {cell for pair in pairs for cell in pair[0].keys() ^ pair[1].keys()}
    for row, column in sorted(alone):
        print(f"printed by one side alone: {row}, {column}")


def seconds(name: str, words: Sequence[str], checkout: Path, columns: str) -> dict[Cell, float]:
    """The cells of one run under headings that hold `columns`; the run's errors end this one."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", f"benchmarks.{name}", *words]
    # Workers of Spark look into the folder that they are started in first.
    ended = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"benchmarks.{name} in {checkout} ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    return {cell: value for cell, value in cells(ended.stdout).items() if re.search(columns, cell[1])}


def cells(printed: str) -> dict[Cell, float]:
    """The numbers of all Markdown tables in a text; of a row and heading that come twice, the first."""
    found: dict[Cell, float] = {}
    heading: list[str] = []
    for line in printed.splitlines():
        row = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not row or set(row[0]) == {"-"}:
            heading = heading if row else []
        elif not heading:
            heading = row
        else:
            for column, value in zip(heading[1:], row[1:], strict=True):
                if re.fullmatch(r"-?[\d,]+(\.\d*)?(e[-+]?\d+)?", value):
                    found.setdefault((row[0], column), float(value.replace(",", "")))
    return found


def compared(pairs: Sequence[tuple[Mapping[Cell, float], Mapping[Cell, float]]]) -> list[tuple[object, ...]]:
    """(row, column, median before, median now, median of now / before) of the cells that every run printed."""
    both = [cell for cell in pairs[0][0] if all(cell in run for pair in pairs for run in pair)]
    return [
        (
            *cell,
            median(one[cell] for one, _ in pairs),
            median(two[cell] for _, two in pairs),
            median(two[cell] / one[cell] if one[cell] else float("nan") for one, two in pairs),
        )
        for cell in both
    ]


if __name__ == "__main__":
    main()
