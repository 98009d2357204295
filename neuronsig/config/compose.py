"""From `conf/`, the schema and the command line's words to one checked Config, and the schema in words for `--help`."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import pickle
import re
import types
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf, errors, open_dict

from neuronsig.config import Config, CorpusConfig, SourceConfig
from neuronsig.errors import ConfigError

ConfigStore.instance().store(name="schema", node=Config)
CONF = "neuronsig.conf"
SOURCES = "corpus.sources."


def compose(overrides: Sequence[str] = ()) -> Config:
    """Merge `neuronsig/conf/`, the schema and the command line's `key=value` words into one checked Config.

    Raises ConfigError (one line: key, bound, value, remedy) for an unknown key or group, a wrong type, a
    value out of bounds or a mandatory value that is missing.
    """
    for word in overrides:
        if word.startswith("+"):
            raise ConfigError(f"{word!r}: a key cannot begin with '+', no key needs it; write {word.lstrip('+')}")
        key, equals, value = word.partition("=")
        if not (key and equals) and not word.startswith("~"):
            raise ConfigError(f"{word!r} is not of the form key=value; --help lists the keys")
        _require_choice(key, value)
    words = [_readable(word) for word in overrides]
    try:
        merged = _merged([word for word in words if not word.startswith(SOURCES)])
        _set_sources(merged, [word for word in words if word.startswith(SOURCES)])
        _require_reader(merged)
        config = OmegaConf.to_object(merged)
    except errors.MissingMandatoryValue as error:
        raise ConfigError(
            f"{error.full_key}: a value is missing; set {error.full_key}=... on the command line"
        ) from None
    except (HydraException, errors.OmegaConfBaseException) as error:
        raise ConfigError(_explain(error, overrides)) from None
    assert isinstance(config, Config)
    config.check()
    return config


def _merged(words: Sequence[str]) -> DictConfig:
    """`by_hydra(words)`, in a tenth of its time where the process has merged the same choices before.

    Values are set in a copy of what the choices make. Hydra itself sees what it refuses, whose error is explained.
    """
    overrides = OverridesParser.create().parse_overrides(list(words))
    if not all(map(_is_plain, overrides)):
        return by_hydra(words)
    choices = [word for word, override in zip(words, overrides, strict=True) if override.key_or_group in groups()]
    merged: DictConfig = pickle.loads(_choices_merged(*choices))
    try:
        for override in overrides:
            if override.key_or_group not in groups():
                OmegaConf.update(merged, override.key_or_group, override.value())
    except errors.OmegaConfBaseException:
        return by_hydra(words)
    return merged


def _is_plain(override: Override) -> bool:
    """Whether an override chooses one of conf/'s groups or sets a key, and does nothing else."""
    plain = override.type is OverrideType.CHANGE and override.package is None and not override.is_sweep_override()
    return plain and re.match(r"hydra\b|.*/", override.key_or_group) is None


@functools.cache
def _choices_merged(*choices: str) -> bytes:
    return pickle.dumps(by_hydra(choices))  # read five times as fast as a config is copied


def by_hydra(words: Sequence[str]) -> DictConfig:
    """`conf/`, the schema and the words, merged."""
    GlobalHydra.instance().clear()
    with initialize_config_module(CONF, version_base="1.3"):
        return hydra_compose("config", list(words))


def _require_choice(key: str, value: str) -> None:
    """Raise ConfigError for a choice that a group has not; Hydra ends in a traceback where it looks like a number."""
    choices = groups().get(key.partition("@")[0])
    chosen = value.strip("[]").split(",") if value.startswith("[") else [value]
    if choices and not {choice.strip(" '\"") for choice in chosen} <= set(choices):
        raise ConfigError(f"{key}={value}: no such choice; choose one of {', '.join(choices)}")


def _set_sources(merged: DictConfig, words: Sequence[str]) -> None:
    """Apply the words `corpus.sources.NAME.FIELD=value`; a name that is not there yet is a further source.

    Hydra refuses a new name in a mapping of dataclasses, with `+` as without.
    """
    sources = merged.corpus.sources
    for override in OverridesParser.create().parse_overrides(list(words)):
        name = override.key_or_group.removeprefix(SOURCES).partition(".")[0]
        if name not in sources:
            with open_dict(sources):
                sources[name] = OmegaConf.structured(SourceConfig)
        OmegaConf.update(merged, override.key_or_group, override.value())


def _require_reader(merged: DictConfig) -> None:
    """Raise ConfigError for a value of corpus.path, corpus.text_column, ... that none of the sources chosen refers to.

    It would be ignored, and another text read than the one that is named.
    """
    given: Any = OmegaConf.to_container(merged.corpus)
    default = dataclasses.asdict(CorpusConfig())
    sources = given.pop("sources")
    for name, value in given.items():
        reference = f"${{corpus.{name}}}"
        if value == default[name] or any(reference in source.values() for source in sources.values()):
            continue
        readers = " or ".join(f"corpus={choice}" for choice, text in _corpus_texts().items() if reference in text)
        source = next(iter(sources)) if len(sources) == 1 else "NAME"
        raise ConfigError(
            f"corpus.{name}={value}: the corpus chosen ({', '.join(sources) or 'no source'}) does not read it; give it "
            f"with {readers}, or set {SOURCES}{source}.{name}=..."
        )


def _readable(word: str) -> str:
    """`key=value` as Hydra's grammar takes it: text literally, and quoted what the grammar would trip over.

    Unquoted, Hydra would read the text 1.10 as a number, 1e3 as 1000.0 and a,b as a sweep.
    """
    key, _, value = word.partition("=")
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    if _type_of(key) == "str" and value and not quoted:
        return f"{key}={_quoted(value)}"
    if key.startswith("download.homes."):
        return f"++{word}"  # a mapping without a schema: any name may be new
    try:
        OverridesParser.create().parse_override(word)
    except (HydraException, ValueError):  # Python reads no number of thousands of digits
        listed = _type_of(key) == "list[str]" and re.fullmatch(r"\[[^'\"]*\]", value)
        texts = [_quoted(text.strip()) for text in value[1:-1].split(",")]
        return f"{key}=[{','.join(texts)}]" if listed else f"{key}={_quoted(value)}"
    return word


def _quoted(value: str) -> str:
    # Hydra takes a backslash as it is unless a quote follows it.
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + "\\" * bool(found[2]) + found[2], value)
    return f"'{escaped}'"


def is_setting(word: str) -> bool:
    """Whether a word of the command line sets, deletes or chooses what there is: the rest may be a job's own."""
    key, equals, _ = word.partition("=")
    if not (equals or word.startswith("~")) or not re.fullmatch(r"[+~]*[\w.@/]+", key):
        return False
    section = key.lstrip("+~").partition(".")[0]
    return section in {f.name for f in dataclasses.fields(Config)} or section in groups()


def nearest_key(key: str, alike: float = 0.6) -> str:
    """The key or group that is spelled most like `key`, `alike` from 0 to 1; empty where none is."""
    keys = [known for known, _, _ in describe([f.name for f in dataclasses.fields(Config)])] + list(groups())
    if key.startswith(SOURCES):  # a source's key under the source's own name
        name = key.removeprefix(SOURCES).partition(".")[0]
        keys = [known.replace(f"{SOURCES}NAME.", f"{SOURCES}{name}.") for known in keys]
    name = key.rpartition(".")[2]
    elsewhere = [known for known in keys if known != name and known.rpartition(".")[2] == name]
    if "." in key and len(elsewhere) == 1:
        return elsewhere[0]
    return next(iter(difflib.get_close_matches(key, keys, n=1, cutoff=alike)), "")


def _type_of(key: str) -> str:
    """The type of a key's field, as the schema writes it; empty for a group, a section and an unknown key."""
    node: Any = Config
    names = key.removeprefix(SOURCES).split(".")
    if key.startswith(SOURCES):
        node, names = SourceConfig, names[1:]
    for name in names:
        fields = {field.name: field for field in dataclasses.fields(node)} if dataclasses.is_dataclass(node) else {}
        if name not in fields:
            return ""
        found = fields[name]
        node = found.default_factory if dataclasses.is_dataclass(found.default_factory) else found.type
    return node if isinstance(node, str) else ""


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
            if nested is CorpusConfig:
                rows += [
                    (f"{SOURCES}NAME.{f.name}", _show(f), f.metadata["help"]) for f in dataclasses.fields(SourceConfig)
                ]
    return rows


@functools.cache
def groups() -> dict[str, list[str]]:
    """Hydra groups and their choices, read off `neuronsig/conf/`."""
    files = {place.name: sorted(file.name for file in place.iterdir()) for place in _conf().iterdir() if place.is_dir()}
    choices = {group: [name[:-5] for name in files[group] if name.endswith(".yaml")] for group in sorted(files)}
    return {group: found for group, found in choices.items() if found}


def corpus_choices() -> dict[str, set[str]]:
    """The corpora of conf/, and the names of the sources that each has."""
    return {choice: set(yaml.safe_load(text)["sources"]) for choice, text in _corpus_texts().items()}


def _corpus_texts() -> dict[str, str]:
    folder = _conf() / "corpus"
    return {choice: (folder / f"{choice}.yaml").read_text(encoding="utf-8") for choice in groups()["corpus"]}


def _conf() -> Traversable:
    """The YAML files, which may lie in a zip archive."""
    return resources.files(CONF)


def _show(entry: Any) -> str:
    if entry.default is not dataclasses.MISSING:
        return "" if entry.default in ("", MISSING) else str(entry.default)
    if isinstance(entry.default_factory, types.FunctionType):
        value = entry.default_factory()
        return "" if not value or len(str(value)) > 40 else str(value)
    return ""


def _unknown(key: str) -> str:
    close = nearest_key(key)
    return f"unknown key {key!r}" + (f"; did you mean {close}?" if close else "; --help lists the keys")


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """One line for Hydra's and OmegaConf's many-line messages."""
    text, cause = str(error), error.__cause__ or error
    named = re.search(r"Could not (?:override|append to config) '?([^'\s]+)'?", text)
    unknown = isinstance(cause, (errors.ConfigKeyError, errors.ConfigAttributeError)) or "not in struct" in text
    if unknown or "not in 'Config'" in text:
        key = (named.group(1).rstrip(".") if named else getattr(cause, "full_key", None)) or "?"
        return _unknown(key)
    if isinstance(cause, errors.ValidationError):
        key = getattr(cause, "full_key", None) or next((w.split("=")[0] for w in overrides), "?")
        if "is not a ListConfig" in str(cause):
            value = next((w.partition("=")[2] for w in overrides if w.startswith(f"{key}=")), "")
            if value.startswith("["):
                # A shell takes quotes away that stand outside of others.
                return f"{key}={value}: cannot be read; quote the word and what is in the list: \"{key}=['...','...']\""
            return f"{key}={value}: must be a list, as in {key}=[{value}]"
        return f"{key}: {str(cause).splitlines()[0]}; --help gives its meaning"
    override = re.search(r"Could not override '([^']+)'", text)
    if override:
        return _unknown(override.group(1))
    return " ".join(line.strip() for line in text.splitlines() if line.strip())[:400]
