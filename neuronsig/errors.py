"""Errors, named by their consequence: what a user must change before the job can be done.

A message is one line that gives the parameter or file, the bound, the value found and the remedy.
Every other exception is a defect of neuronsig and shows its traceback.
"""


class NeuronsigError(Exception):
    """Base of all errors a user can mend; printed as one line without a traceback.

    What it quotes of names, values and text may hold line breaks, control characters and bytes that were no UTF-8:
    they are written as escapes, so that it is one line and can be printed.
    """

    exit_code = 2

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigError(NeuronsigError):
    """A parameter is unknown, of the wrong type or out of its bounds: nothing can start."""


class InputError(NeuronsigError):
    """A corpus, table, model or file is missing, empty, broken or of another format."""


class TooLittleTextError(InputError):
    """The run's text is too little to judge signatures on; all else of the run is as good as with more."""

    exit_code = 3


class PlanMismatchError(NeuronsigError):
    """The run directory holds results of another plan (config, model, corpus); nothing was touched."""


class MachineError(NeuronsigError):
    """The machine lacks what the job needs (Java, disk space, write permission)."""


def printable(text: str) -> str:
    """The text with escapes for line breaks, control characters and what is no character."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def first_line(error: BaseException) -> str:
    """The first line of what an error says that is not blank, with the next where it ends in a colon; else its kind."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[: 1 + lines[0].endswith(":")])


def reason(error: BaseException) -> str:
    """What a failed read or write says of itself, in one line."""
    return getattr(error, "strerror", None) or first_line(error)
