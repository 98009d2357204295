"""What every section of the configuration is made of: a field with its sentence, and a bound."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import field, fields
from typing import Any

from neuronsig.errors import ConfigError


def option(default: Any, help: str, least: int | None = None, unit: str = "") -> Any:
    """A field with its default, the sentence that `--help` prints for it, and the `least` it may be, in units."""
    metadata = {"help": help, "least": least, "unit": unit}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def require(condition: bool, key: str, value: object, bound: str, remedy: str = "") -> None:
    """Raise ConfigError `key=value: must be <bound>; <remedy>` unless the condition holds."""
    if not condition:
        raise ConfigError(f"{key}={value}: must be {bound}" + (f"; {remedy}" if remedy else ""))


MOST = (1 << 63) - 1
"""The largest whole number that arrays and tables hold."""


def check_section(section: Any, key: str) -> None:
    """Check that the fields of a section are numbers that can be reckoned with, that they are not below their least,
    and all else that its `check` says of them."""
    for entry in fields(section):
        value, least = getattr(section, entry.name), entry.metadata["least"]
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float):
                require(math.isfinite(number), f"{key}.{entry.name}", value, "a finite number")
            elif isinstance(number, int):
                require(abs(number) <= MOST, f"{key}.{entry.name}", value, f"{MOST:,} at most")
        if least is not None:
            require(value >= least, f"{key}.{entry.name}", value, f"{least} or more {entry.metadata['unit']}".rstrip())
    if hasattr(section, "check"):
        section.check(key)


def require_each(section: Any, key: str, names: Sequence[str], holds: Callable[[Any], bool], *bound: str) -> None:
    """`require` of the fields `names` of a section; `bound`, and the remedy where there is one, are theirs all."""
    for name in names:
        value = getattr(section, name)
        require(holds(value), f"{key}.{name}", value, *bound)


def some_of(values: Collection[Any], known: Collection[Any]) -> bool:
    """Whether all values are known ones, and none is there twice."""
    return set(values) <= set(known) and len(set(values)) == len(values)


def environment_int(name: str, default: int) -> int:
    """An integer from the environment; ConfigError when it is something else."""
    text = os.environ.get(name, "")
    if not text:
        return default
    require(text.isdigit(), name, text, "a whole number")
    return int(text)
