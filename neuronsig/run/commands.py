"""The command that makes a stage again, as the run's record has it; complete, so that it can be copied and run."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.errors import ConfigError
from neuronsig.run.plan import additions
from neuronsig.run.stages import JOBS

UNREAD = ("model.name", "model.shape")
"""Keys that are written anyway, or that no job after mining reads."""


def remake(root: object, stages: Mapping[str, Any], stage: str) -> str:
    """`neuronsig JOB run=... model.name=...` with the model of the collection and the settings of the last time.

    `stages` are those of run.json, in which the stage need not be. Only what differs from the defaults is written out.
    A job after mining may load the model, and refuses another than the one that was collected with. Where a corpus
    cannot be told by words, because it was not recorded or has grown, `corpus=...` is left to be filled in.
    """
    name, _, model = stage.partition("/")
    words, known, entry = [f"run={root}"], JOBS[name], stages.get(stage)
    if name == "tokenize":  # its stage is called by the tokenizer
        model = _config(entry, "model").get("name", model)
    if known.per_model:
        words.append(f"model.name={model}")
        words += _recorded(stages.get(JOBS["collect"].stage(model)) or entry, "model")
    for section in known.own_sections:
        words += _corpus_words(entry) if section == "corpus" else _recorded(entry, section)
    if entry is not None and known.refuses:
        words.append("overwrite=true")
    return shlex.join(["neuronsig", name, *words])


def words_of(section: str, recorded: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    """`section.key=value` for the recorded settings that are not the defaults, in the order of the defaults.

    Keys that are no longer known have none.

    >>> words_of("mining", {"alpha": 0.01, "layers": [1, 2], "gone": 3}, {"layers": [], "alpha": 0.05})
    ['mining.layers=[1,2]', 'mining.alpha=0.01']
    """
    differing = [key for key, value in default.items() if recorded.get(key, value) != value]
    return [f"{section}.{key}={_written(recorded[key])}" for key in differing]


def _config(entry: Mapping[str, Any] | None, section: str) -> dict[str, Any]:
    return dict((entry or {}).get("config", {}).get(section, {}))


def _recorded(entry: Mapping[str, Any] | None, section: str) -> list[str]:
    """The words that give a section the values that a stage's record has of it."""
    default = _default(section)
    read = {key: value for key, value in default.items() if f"{section}.{key}" not in UNREAD}
    return words_of(section, _config(entry, section), read)


def _corpus_words(entry: Mapping[str, Any] | None) -> list[str]:
    """The words that choose the corpus of a stage's record: the group most like it, and what differs from that."""
    from neuronsig.config.compose import compose, corpus_choices

    corpus = _config(entry, "corpus")
    sources = corpus.get("sources", {})
    if entry is not None and (not sources or additions(entry["plan"])):
        return ["corpus=..."]
    if entry is None or corpus == _default("corpus"):
        return []
    shared = {choice: (len(names & sources.keys()), -len(names)) for choice, names in corpus_choices().items()}
    words = [f"corpus={max(shared, key=lambda choice: shared[choice])}"]
    try:
        plain, further = dataclasses.asdict(CorpusConfig()), dataclasses.asdict(SourceConfig())
        words += words_of("corpus", corpus, {key: plain[key] for key in plain if key != "sources"})
        chosen = dataclasses.asdict(compose(words).corpus)["sources"]
        words += [f"~corpus.sources.{name}" for name in chosen if name not in sources]
        for name, source in sources.items():
            words += words_of(f"corpus.sources.{name}", source, chosen.get(name, further))
        same = dataclasses.asdict(compose(words).corpus) == corpus
    except ConfigError:
        same = False
    return words if same else ["corpus=..."]


@cache
def _default(section: str) -> dict[str, Any]:
    from neuronsig.config.compose import compose

    return dataclasses.asdict(getattr(compose(), section))


def _written(value: Any) -> str:
    """A value in Hydra's grammar: lists of names and numbers without blanks and quotes."""
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
