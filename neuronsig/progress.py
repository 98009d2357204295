"""Progress and tables for people: rich bars on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table


class _Console(Console):
    """A console that draws with ASCII where the stream has nothing else: rich asks a stream only that it was given."""

    @property
    def encoding(self) -> str:
        return (getattr(self.file, "encoding", None) or "utf-8").lower()


console = _Console(soft_wrap=True, highlight=False)
PLAIN_SECONDS = 10.0

Done = Callable[[int], None]
"""What counts units of work as they end, such as `Task.advance`."""


def uncounted(units: int) -> None:
    """The Done of work that nobody watches."""


class Task:
    """One piece of long work; `advance` may be called as often as you like."""

    def __init__(self, what: str, total: float | None, unit: str, bar: bars.Progress | None) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.completed, self.note = 0.0, ""
        self._bar = bar
        self._id = bar.add_task(what, total=total, unit=unit) if bar else None
        self._started = self._printed = time.monotonic()

    def advance(self, amount: float = 1, note: str | None = None) -> None:
        """Count `amount` more units as done; `note` is shown beside the count until there is another."""
        self.update(self.completed + amount, note)

    def update(self, completed: float, note: str | None = None) -> None:
        """Set the number of units done."""
        self.completed = completed
        if note is not None:
            self.note = note
        if self._bar is not None and self._id is not None:
            self._bar.update(self._id, completed=completed, description=f"{self.what} {self.note}".rstrip())
        elif time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            self._line()

    def _line(self) -> None:
        spent = time.monotonic() - self._started
        rate = self.completed / spent if spent else 0.0
        of = f" of {self.total:,.0f}" if self.total else ""
        left = f", about {_duration((self.total - self.completed) / rate)} left" if self.total and rate else ""
        extra = f", {self.note}" if self.note else ""
        pace = f"{rate:,.1f}/s" if rate >= 1 else f"{rate * 60:,.1f}/min"
        say(f"  {self.what}: {self.completed:,.0f}{of} {self.unit}, {pace}{left}{extra}")


@contextmanager
def task(what: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
    """Show the progress of a block of work: `with task("annotating", n, "sentences") as t: t.advance(k)`."""
    if not console.is_terminal:
        plain = Task(what, total, unit, None)
        yield plain
        say(f"  {what}: done, {plain.completed:,.0f} {unit} in {_duration(time.monotonic() - plain._started)}")
        return
    before = (bars.SpinnerColumn(), bars.TextColumn("{task.description}"), bars.BarColumn())
    count = (bars.MofNCompleteColumn(), bars.TextColumn("{task.fields[unit]}"))
    with bars.Progress(*before, *count, bars.TimeElapsedColumn(), bars.TimeRemainingColumn(), console=console) as bar:
        yield Task(what, total, unit, bar)


@contextmanager
def polled(look: Callable[[], None], seconds: float = 1.0) -> Iterator[None]:
    """Call `look` every `seconds` from another thread while a block works that cannot report by itself."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(seconds):
            with suppress(Exception):  # what cannot be seen now may be seen the next time
                look()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def say(text: str) -> None:
    """One plain line to the terminal."""
    console.print(text, markup=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on the terminal: first column to the left, numbers to the right."""
    table = Table(title=escape(title), title_justify="left", header_style="bold")
    for index, name in enumerate(columns):
        table.add_column(escape(name), justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return escape(str(value))


def _duration(seconds: float) -> str:
    seconds = int(seconds)
    if seconds < 90:
        return f"{seconds} s"
    if seconds < 5400:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
