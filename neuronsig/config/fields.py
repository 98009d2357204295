"""What every section of the configuration is made of: a field with its sentence, and a bound."""

from __future__ import annotations

import os
from dataclasses import field
from typing import Any

from neuronsig.errors import ConfigError


def option(default: Any, help: str) -> Any:
    """A field with its default and the sentence that `--help` prints for it."""
    metadata = {"help": help}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def require(condition: bool, key: str, value: object, bound: str, remedy: str = "") -> None:
    """Raise ConfigError `key=value: must be <bound>; <remedy>` unless the condition holds."""
    if not condition:
        raise ConfigError(f"{key}={value}: must be {bound}" + (f"; {remedy}" if remedy else ""))


def environment_int(name: str, default: int) -> int:
    """An integer from the environment; ConfigError when it is something else."""
    text = os.environ.get(name, "")
    if not text:
        return default
    require(text.isdigit(), name, text, "a whole number")
    return int(text)
