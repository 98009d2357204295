"""Is a topk table what it says it is? Checks of its files, order and content, from the table alone (design section 4).

A group's file is read one row group at a time, so memory does not grow with K, the neurons or the corpus.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neuronsig.collection.topk import MAX_ID, Keys, pack
from neuronsig.errors import InputError, reason
from neuronsig.neuron import Neuron
from neuronsig.storage.files import concurrently
from neuronsig.storage.parquet import parquet_file, table_files
from neuronsig.tables import TOPK

Ids = npt.NDArray[np.int64]

DENSE = "sentence ids run from 0 without a gap"


@dataclass
class Check:
    """One thing that was checked: how much of it, how much was wrong, the worst difference, the first failure."""

    name: str
    checked: int = 0
    wrong: int = 0
    worst: str = ""
    first: str = ""

    def count(self, checked: int, wrong: int = 0, first: str = "") -> None:
        self.checked += checked
        self.wrong += wrong
        if wrong and not self.first:
            self.first = first


@dataclass(frozen=True)
class GroupFile:
    """One group's file of the topk table, and what must be in it."""

    path: Path
    site: str
    layer: int
    units: int
    signs: tuple[int, ...]  # ascending, as the file is sorted
    length: int  # rows of every list

    @property
    def neurons(self) -> int:
        return self.units * len(self.signs)

    def neuron(self, code: int) -> Neuron:
        """The neuron at a place of the file's order, unit then sign."""
        unit, sign = divmod(code, len(self.signs))
        return Neuron(self.site, self.layer, unit, self.signs[sign])

    def tables(self) -> Iterator[pa.Table]:
        """The file's rows in tables that end where a neuron ends."""
        try:
            file = parquet_file(self.path)
            rest = TOPK.empty_table()
            for index in range(file.num_row_groups):
                table = pa.concat_tables([rest, file.read_row_group(index).select(TOPK.names).cast(TOPK)])
                cut = table.num_rows if index == file.num_row_groups - 1 else _last_start(table)
                yield table.slice(0, cut)
                rest = table.slice(cut)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise InputError(f"{self.path} cannot be read as the topk table ({reason(error)})") from None


class ListChecks:
    """Checks of whole lists, counted over all groups; `sentences` is the size of sentences/."""

    def __init__(self, sentences: int) -> None:
        self.sentences = sentences
        self.lists = Check("every neuron has its list, in order")
        self.ranks = Check("ranks run from 0 without a gap")
        self.order = Check("score descending, then sentence_id ascending")
        self.unique = Check("no sentence twice in a list")
        self.numbers = Check("no score is NaN")
        self.known = Check("listed sentences are in sentences/")
        self.all = [self.lists, self.ranks, self.order, self.unique, self.numbers, self.known]

    def group(self, group: GroupFile) -> Keys | None:
        """Check one file; return the last key of every list, (neurons,) in file order, None if a list is not whole."""
        before = self.lists.wrong
        last = np.zeros(group.neurons, np.uint64)
        lengths = np.zeros(group.neurons, np.int64)
        previous = -1
        for table in group.tables():
            if table.num_rows:
                previous = self._table(group, table, previous, lengths, last)
        short = np.flatnonzero(lengths != group.length)
        named = f"{group.neuron(int(short[0]))} has {lengths[short[0]]} rows of {group.length}" if short.size else ""
        self.lists.count(group.neurons, short.size, named)
        return last if self.lists.wrong == before else None

    def _table(self, group: GroupFile, table: pa.Table, previous: int, lengths: Ids, last: Keys) -> int:
        codes, strange = places(group, table)
        if strange.any():
            row = table.slice(int(np.flatnonzero(strange)[0]), 1).to_pylist()[0]
            named = "{site} layer {layer} unit {unit} sign {sign}".format(**row)
            self.lists.count(0, int(strange.sum()), f"{group.path.name} holds a row of {named}")
            table = table.filter(pa.array(~strange))
            codes = codes[~strange]
            if not codes.size:
                return previous
        starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        first_codes = codes[starts]
        steps = np.diff(first_codes, prepend=previous)
        self.lists.count(0, int((steps <= 0).sum()), f"{group.path.name}: neurons are not in order of unit and sign")
        counts = np.diff(starts, append=codes.size)
        np.add.at(lengths, first_codes, counts)

        def rows(check: Check, wrong: npt.NDArray[np.bool_], say: Callable[[int], str]) -> None:
            places = np.flatnonzero(wrong)
            named = f"{group.neuron(int(codes[places[0]]))} {say(places[0])}" if places.size else ""
            check.count(wrong.size, places.size, named)

        ranks = table["rank"].to_numpy()
        expected = np.arange(codes.size) - np.repeat(starts, counts)
        rows(self.ranks, ranks != expected, lambda i: f"has rank {ranks[i]} at place {expected[i]}")

        scores = table["score"].to_numpy()
        nan = np.isnan(scores)
        rows(self.numbers, nan, lambda i: f"has a NaN at rank {expected[i]}")

        ids = table["sentence_id"].to_numpy()
        rows(self.known, (ids < 0) | (ids >= self.sentences), lambda i: f"lists sentence {ids[i]}, which is none")

        keys = pack(np.where(nan, np.float32(-np.inf), scores), np.clip(ids, 0, MAX_ID))
        unordered = np.concatenate([[False], (keys[1:] >= keys[:-1]) & (codes[1:] == codes[:-1])])
        rows(self.order, unordered, lambda i: f"has {scores[i]:.6g} below {scores[i - 1]:.6g}")

        by_id = np.lexsort((ids, codes))
        same = (np.diff(codes[by_id]) == 0) & (np.diff(ids[by_id]) == 0)
        repeated = np.zeros(codes.size, bool)
        repeated[by_id[1:][same]] = True
        rows(self.unique, repeated, lambda i: f"lists sentence {ids[i]} twice")

        last[first_codes] = keys[starts + counts - 1]
        return int(codes[-1])


def check_files(folder: Path, named: Sequence[Path | None], groups: Sequence[str]) -> Check:
    """Every group has a valid commit (its file or None), and the table has no other file."""
    check = Check("files are those the markers name")
    for path, group in zip(named, groups, strict=True):
        check.count(1, path is None, f"{group}: no file in {folder} is the one that its marker names")
    for path in sorted(set(table_files(folder)) - {path for path in named if path is not None}):
        check.count(1, 1, f"{path} is of no group that the plan names")
    return check


@dataclass(frozen=True)
class SentenceFile:
    """A file of sentences/ and the ids in it, from `first` to `last`."""

    path: Path
    first: int
    last: int


def sentence_files(folder: Path) -> tuple[Check, list[SentenceFile]]:
    """Check that ids run from 0 without a gap, each file's own too; return the files in order of id."""
    check, files = Check(DENSE), []
    for own, file in concurrently(_ids_of, table_files(folder)):
        check.count(own.checked, own.wrong, own.first)
        files += [] if file is None else [file]
    found = sorted(files, key=lambda file: file.first)
    due = 0
    for entry in found:
        check.count(0, entry.first != due, f"{entry.path.name} begins with {entry.first}, {due} was due")
        due = entry.last + 1
    return check, found


def _ids_of(path: Path) -> tuple[Check, SentenceFile | None]:
    """Check that a file's ids ascend without a gap; the file, where it has any."""
    check, first, last = Check(DENSE), None, None
    file = parquet_file(path)
    for index in range(file.num_row_groups):
        ids = file.read_row_group(index, columns=["sentence_id"])["sentence_id"].to_numpy()
        if not ids.size:
            continue
        expected = np.arange(ids.size) + (ids[0] if last is None else last + 1)
        wrong = np.flatnonzero(ids != expected)
        named = f"{path.name}: {ids[wrong[0]]} stands where {expected[wrong[0]]} was due" if wrong.size else ""
        check.count(ids.size, wrong.size, named)
        first, last = int(ids[0]) if first is None else first, int(ids[-1])
    return check, None if first is None or last is None else SentenceFile(path, first, last)


def places(group: GroupFile, table: pa.Table) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Place of every row's neuron in the file's order, and which rows are of none of the group's neurons."""
    units, signs = table["unit"].to_numpy(), table["sign"].to_numpy()
    place = np.searchsorted(group.signs, signs).clip(0, len(group.signs) - 1)
    strange = (units < 0) | (units >= group.units) | (np.array(group.signs)[place] != signs)
    strange |= table["layer"].to_numpy() != group.layer
    strange |= np.asarray(table["site"].to_numpy() != group.site, bool)
    return units.astype(np.int64) * len(group.signs) + place, strange


def _last_start(table: pa.Table) -> int:
    """The row where the last neuron of a table begins."""
    units, signs = table["unit"].to_numpy(), table["sign"].to_numpy()
    same = (units == units[-1]) & (signs == signs[-1])
    others = np.flatnonzero(~same)
    return int(others[-1]) + 1 if others.size else 0
