"""From `conf/`, the schema and the command line's words to one checked Config, and the schema in words for `--help`."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException, ValidationError

from neuronsig.config import Config
from neuronsig.errors import ConfigError

CONF_DIR = Path(__file__).resolve().parent.parent / "conf"


def compose(overrides: Sequence[str] = ()) -> Config:
    """Merge `conf/`, the schema and the command line's `key=value` words into one checked Config.

    Raises ConfigError (one line: key, bound, value, remedy) for an unknown key or group, a wrong type, a
    value out of bounds or a mandatory value that is missing.
    """
    for word in overrides:
        if "=" not in word and not word.startswith("~"):
            raise ConfigError(f"{word!r} is not of the form key=value; --help lists the keys")
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            merged = hydra_compose(config_name="config", overrides=[_readable(word) for word in overrides])
        config = OmegaConf.to_object(merged)
    except MissingMandatoryValue as error:
        raise ConfigError(
            f"{error.full_key}: a value is missing; set {error.full_key}=... on the command line"
        ) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_explain(error, overrides)) from None
    assert isinstance(config, Config)
    config.check()
    return config


def _readable(word: str) -> str:
    """`key=value` with the value quoted where Hydra's grammar would trip over it (local[2], a path with blanks)."""
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        key, _, value = word.partition("=")
        # Hydra takes a backslash as it is unless a quote follows it.
        escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + "\\" * bool(found[2]) + found[2], value)
        return f"{key}='{escaped}'"
    return word


def to_yaml(config: Config, sections: Sequence[str] = ()) -> str:
    """The merged config as compact YAML: the top-level values and the named sections, a source a line."""
    tree = dataclasses.asdict(config)
    shown = {key: value for key, value in tree.items() if not isinstance(value, dict) or key in sections}
    if "corpus" in shown:
        sources = {name: {k: v for k, v in s.items() if v} for name, s in shown["corpus"]["sources"].items()}
        shown["corpus"] = {**{k: v for k, v in shown["corpus"].items() if v}, "sources": sources}
    return yaml.safe_dump(shown, default_flow_style=None, sort_keys=False, width=116, allow_unicode=True).rstrip()


def describe(sections: Sequence[str]) -> list[tuple[str, str, str]]:
    """(key, default, meaning) of the top-level values and of every field in the named sections."""
    rows = []
    for entry in dataclasses.fields(Config):
        if not dataclasses.is_dataclass(entry.default_factory):
            rows.append((entry.name, _show(entry), entry.metadata["help"]))
    for entry in dataclasses.fields(Config):
        nested = entry.default_factory
        if entry.name in sections and dataclasses.is_dataclass(nested):
            rows += [(f"{entry.name}.{f.name}", _show(f), f.metadata["help"]) for f in dataclasses.fields(nested)]
    return rows


def groups() -> dict[str, list[str]]:
    """Hydra groups and their choices, read off `conf/`."""
    folders = sorted(p for p in CONF_DIR.iterdir() if p.is_dir() and not p.name.startswith("_"))
    return {p.name: sorted(f.stem for f in p.glob("*.yaml")) for p in folders if any(p.glob("*.yaml"))}


def _show(entry: Any) -> str:
    if entry.default is not dataclasses.MISSING:
        return "" if entry.default in ("", MISSING) else str(entry.default)
    if isinstance(entry.default_factory, types.FunctionType):
        value = entry.default_factory()
        return "" if not value or len(str(value)) > 40 else str(value)
    return ""


def _known_keys() -> list[str]:
    keys = [key for key, _, _ in describe([f.name for f in dataclasses.fields(Config)])]
    return keys + list(groups())


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """One line for Hydra's and OmegaConf's many-line messages."""
    text = str(error)
    cause = error.__cause__ or error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if isinstance(cause, ConfigKeyError) or "not in struct" in text or "not in 'Config'" in text:
        key = getattr(cause, "full_key", None) or ""
        named = re.search(r"Could not (?:override|append to config) '?([^'\s]+)'?", text)
        key = (named.group(1).rstrip(".") if named else key) or "?"
        close = difflib.get_close_matches(key, _known_keys(), n=1)
        hint = f"; did you mean {close[0]}?" if close else "; --help lists the keys"
        return f"unknown key {key!r}{hint}"
    if isinstance(cause, ValidationError):
        key = getattr(cause, "full_key", None) or next((w.split("=")[0] for w in overrides), "?")
        return f"{key}: {str(cause).splitlines()[0]}; --help gives its meaning"
    missing = re.search(r"Could not find '([^']+)'", text)
    if missing:
        group, _, choice = missing.group(1).rpartition("/")
        choices = ", ".join(groups().get(group, [])) or "see conf/"
        return f"{group}={choice}: no such choice; choose one of {choices}"
    override = re.search(r"Could not override '([^']+)'", text)
    if override:
        key = override.group(1)
        close = difflib.get_close_matches(key, _known_keys(), n=1)
        return f"unknown key {key!r}" + (f"; did you mean {close[0]}?" if close else "; --help lists the keys")
    return " ".join(lines)[:400]
