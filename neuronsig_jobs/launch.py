"""What all entry points share: parse, show the merged config, call, sum up."""

import json
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rich.markup import escape

from neuronsig.config import Config
from neuronsig.config.compose import compose, describe, groups, to_yaml
from neuronsig.errors import ConfigError
from neuronsig.progress import console, say, show_table
from neuronsig.run.stages import JOBS, sections_of
from neuronsig_jobs.endings import tell

Summary = Mapping[str, Any]
OPTIONS = ("--help", "-h", "--show", "--brief")
ERROR_FILE = "--error-file="
"""A file of the run that gets what the job could not do: a cluster hands on neuronsig's exit codes to nobody."""
USAGE = """Usage: neuronsig {name} [preset=demo|paper] [group=choice ...] [key=value ...]
       --help   this text     --show   print the merged config and stop     --brief   do not print it
       In a checkout, python -m jobs.{name} is the same."""


def launch(name: str, job: Callable[[Config], Summary], words: Sequence[str]) -> int:
    """Run one job from the command line and return its exit code.

    The config groups that the job `name` reads are shown, and recorded. Exit codes: 0 done, 2 an error
    the user can mend (one line on stderr), 3 the text is too little to judge signatures on (likewise), 130 and 143
    interrupted (neuronsig_jobs.endings). Anything else raises with its traceback. `--error-file=PLACE` gets the error
    of codes 2 and 3, too.
    """
    sections = sections_of(name)
    if "--help" in words or "-h" in words:
        _help(name, sys.modules[job.__module__].__doc__ or "", sections)
        return 0
    show_only, brief = "--show" in words, "--brief" in words
    error_file = next((word.removeprefix(ERROR_FILE) for word in words if word.startswith(ERROR_FILE)), "")
    words = [word for word in words if word not in ("--show", "--brief") and not word.startswith(ERROR_FILE)]
    started = time.monotonic()
    try:
        config = compose(words)
        _refuse_foreign(words, name)
        if not brief:
            say(f"── neuronsig {name} " + "─" * max(3, 65 - len(name)))
            console.print(escape(to_yaml(config, sections)), style="dim")
        if show_only:
            return 0
        summary = job(config)
    except BaseException as error:
        line, code = tell(error)
        if error_file and code in (2, 3):
            _leave(line.removeprefix("error: "), code, error_file)
        return code
    rows = [(key, value) for key, value in summary.items() if not isinstance(value, Mapping)]
    for key, value in summary.items():
        if isinstance(value, Mapping):
            rows += [(f"{key}: {reason}", number) for reason, number in value.items()]
    if rows:  # a job that prints its result for another program says nothing else
        show_table(f"neuronsig {name}: done in {time.monotonic() - started:.1f} s", ("", ""), rows)
    return 0


def _leave(line: str, code: int, place: str) -> None:
    """Write an error to a file of the run, if it can be: the error may be that nothing is written there."""
    # Imported for it alone: a search in the terminal has no time for what opens stores.
    from neuronsig.storage.location import location
    from neuronsig.storage.whole_files import atomic_write

    with suppress(Exception):
        atomic_write(location(place), json.dumps({"exit_code": code, "error": line}).encode())


def for_job(words: Sequence[str], name: str) -> list[str]:
    """The words of a command without those that `launch` refuses to the job `name`."""
    return [word for word in words if _section(word) not in _refused(name)]


def _refused(name: str) -> dict[str, str]:
    """Sections that the job would ignore without a word, and the job that each belongs to."""
    owners = {section: job.name for job in JOBS.values() if job.owns_sections for section in job.own_sections}
    return {section: owner for section, owner in owners.items() if section not in sections_of(name)}


def _refuse_foreign(words: Sequence[str], name: str) -> None:
    for word in words:
        if owner := _refused(name).get(_section(word)):
            raise ConfigError(
                f"{word}: neuronsig {name} takes what neuronsig {owner} has made as it is; give it to neuronsig {owner}"
            )


def _section(word: str) -> str:
    return word.lstrip("~").partition(".")[0]


def _help(name: str, doc: str, sections: Sequence[str]) -> None:
    say(doc.strip() + "\n")
    say(USAGE.format(name=name) + "\n")
    say("Keys, with their defaults:")
    for key, default, meaning in describe(sections):
        say(_entry(f"{key}={default}", meaning))
    say("\nGroups, and their choices (neuronsig/conf/):")
    for group, choices in groups().items():
        if group in (*sections, "preset"):
            say(_entry(f"{group}=", ", ".join(choices)))


def _entry(term: str, text: str, column: int = 38, width: int = 100) -> str:
    """A term and its explanation in two columns; the explanation starts on its own line after a long term."""
    indent = " " * column
    wrapped = textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)
    return f"  {term}\n{wrapped}" if len(term) > column - 4 else f"  {term:<{column - 2}}{wrapped[column:]}"
