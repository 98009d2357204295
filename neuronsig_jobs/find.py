"""Which neurons respond to a pattern: ranked, by layer, with how much more frequent it is than in the reference.

The pattern is one quoted word on the command line:

  neuronsig find run=runs/demo "not only but"          words in this order, others between them or not
  neuronsig find run=runs/demo please                  one word
  neuronsig find run=runs/demo "JJ NN"                 tags (Penn Treebank), in capitals as the run has them
  neuronsig find run=runs/demo "not JJ"                words and tags mixed
  neuronsig find run=runs/demo sentiment=negative      a metadata field and value
  neuronsig find run=runs/demo "(VB (RB))"             a subtree of the syntax tree
  neuronsig find run=runs/demo "set: good NN"          together in a sentence, in any order (itemsets)

A prefix says what all words after it are, where that is not plain: "word: IN", "pos: JJ NN", "meta: corpus=imdb"
(without meta: a word such as corpus=... sets the job's own key), "tree: (VB (RB))", "set: ...". Quotes hold together
what has spaces: 'domain="social media"'.

Neurons whose signature has the pattern itself come first, then those with one that contains it (in order, with gaps),
each by LRC; only what stands out beyond chance counts. A signature keeps the mining.patterns_kept strongest patterns of
a kind (and as many that these explain, and the most frequent), so that a neuron that is not listed may respond to a
pattern more weakly. Where no signature holds the whole, the neurons with every part of it beyond chance are named.

The first search after mine makes an index of the signatures (RUN/work/find, or the user's cache folder for a run
on a store); every other one takes under a second. --json prints the answer as JSON, and nothing else.
"""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neuronsig.config import Config
from neuronsig.config.compose import is_setting, nearest_key
from neuronsig.errors import ConfigError, NeuronsigError
from neuronsig.find.index_location import identity, index_file, local_record
from neuronsig.find.query import shown
from neuronsig.find.search import Answer, metadata_fields, search
from neuronsig.kinds import kind_of
from neuronsig.progress import say, show_table
from neuronsig.run.rules import earlier_rules
from neuronsig.signature.numbers import percent
from neuronsig_jobs.launch import OPTIONS as LAUNCH_OPTIONS
from neuronsig_jobs.launch import Summary, launch


def run(config: Config) -> Summary:
    """Answer `config.find.pattern` on the terminal."""
    answer = find(config)
    layers = [layer for layer in answer.layers if layer.responding]
    for exact, what in ((True, "Neurons that respond to"), (False, "Neurons that respond to a pattern that contains")):
        if rows := [_row(hit) for hit in answer.hits if hit.exact == exact]:
            show_table(f"{what} {answer.query.text!r}", COLUMNS, rows)
    if answer.parts:
        parts = list(dict.fromkeys(map(shown, answer.query.items)))
        show_table(
            f"No signature holds {answer.query.text!r} as a whole; neurons with every part of it, of their sentences",
            ("neuron", *parts, "LRC, summed"),
            [(str(hit.neuron), *map(percent, hit.shares), f"{hit.lrc:.2f}") for hit in answer.parts],
        )
    if answer.hits:
        show_table(
            "By layer",
            ("layer", "respond", "to exactly this", "of"),
            [(_layer(c.site, c.layer), c.responding, c.exact, c.neurons) for c in layers],
        )
    of_words = any(kind_of(hit.kind).per_token for hit in answer.hits)
    for note in (*(["shares of a single tag are of words, not of sentences"] * of_words), *answer.notes):
        say(f"note: {note}")
    return {
        "neurons that respond": f"{answer.neurons:,} of {sum(layer.neurons for layer in answer.layers):,}",
        "to exactly this": answer.exact,
        **({"to every part by itself": answer.with_parts} if answer.with_parts else {}),
        "shown": len(answer.hits) or len(answer.parts),
    }


def run_as_json(config: Config) -> Summary:
    """Print the answer as one JSON object."""
    answer = find(config)
    hits = []
    for hit in answer.hits:
        row = {"neuron": str(hit.neuron), **dataclasses.asdict(hit.neuron), **dataclasses.asdict(hit)}
        hits.append({**row, "neuron": str(hit.neuron), "share": hit.share, "reference": hit.reference})
    layers = [dataclasses.asdict(layer) for layer in answer.layers]
    totals = {"pattern": answer.query.text, "neurons": answer.neurons, "exact": answer.exact}
    parts = [{**dataclasses.asdict(hit), "neuron": str(hit.neuron)} for hit in answer.parts]
    found = {**totals, "notes": answer.notes, "layers": layers, "hits": hits, "parts": parts}
    print(json.dumps(found, indent=1))  # noqa: T201
    return {}


def find(config: Config) -> Answer:
    """Search the run's index, which is made first where it is not there."""
    if not config.find.pattern.strip():
        raise ConfigError('no pattern is given; write one as in neuronsig find run=... "not only but"')
    answer = search(_index(config.run, config.model.name), config.find.pattern, config.find.show)
    stages = local_record(config.run) or _record_elsewhere(config.run)
    earlier = earlier_rules(config.run, stages, [f"mine/{config.model.name}"])
    again = {what: f", {command} makes it again" if command else "" for what, command in earlier.items()}
    said = [f"{what}; it is searched as it was made{how}" for what, how in again.items()]
    return dataclasses.replace(answer, notes=(*answer.notes, *said))


def _record_elsewhere(run: str) -> Mapping[str, Any]:
    """The stages of a run on a store."""
    from neuronsig.run.directory import RunDirectory

    return RunDirectory(run).record()["stages"]  # type: ignore[no-any-return]


def _index(run: str, model: str) -> Path:
    name = identity(local_record(run), model)
    if name is not None and (file := index_file(run, model, name)).exists():
        return file
    # Only here are the tables' readers imported: they take longer than the search.
    from neuronsig.find.index import ensure_index

    return ensure_index(run, model)


OPTIONS = ("--json", *LAUNCH_OPTIONS)
ALIKE = 0.75
"""Likeness of spelling, from 0 to 1, from which a word may be a mistyped key."""
COLUMNS = ("neuron", "pattern", "kind", "of its sentences", "reference", "ratio", "LRC")


def _row(hit: Any) -> tuple[object, ...]:
    reference = hit.reference
    ratio = f"×{hit.share / reference:,.1f}" if reference else "only" if reference == 0 else ""
    return (
        str(hit.neuron),
        hit.pattern,
        kind_of(hit.kind).short,
        f"{percent(hit.share)} ({hit.f1:,}/{hit.n1:,})",
        "" if reference is None else percent(reference),
        ratio,
        f"{hit.lrc:.2f}",
    )


def _layer(site: str, layer: int) -> str:
    return ("" if site == "hidden" else f"{site}:") + f"L{layer}"


def mistyped(words: Sequence[str]) -> dict[str, str]:
    """The words that set no key but look like it, or like an option, and what they may have been meant for."""
    found = {}
    for word in words:
        name, equals, _ = word.partition("=")
        if equals and not re.search(r"[\s:\"(]", name):
            near = nearest_key(name, ALIKE)
        else:
            near = next(iter(get_close_matches(word, OPTIONS, n=1, cutoff=ALIKE)), "") if word[:2] == "--" else ""
        if near:
            found[word] = near + (f"={word.partition('=')[2]}" if equals else "")
    return found


def require_no_mistyped(config: Config, suspected: Mapping[str, str]) -> None:
    """Raise ConfigError for the first of `mistyped` that is no metadata field of the run either."""
    known: list[str] = []
    if suspected:
        with suppress(NeuronsigError):
            known = metadata_fields(_index(config.run, config.model.name))
    for word, meant in suspected.items():
        name, equals, _ = word.partition("=")
        if not equals or name.casefold() not in map(str.casefold, known):
            no_field = f" nor, in run={config.run}, a metadata field that tells a neuron" if equals else ""
            raise ConfigError(
                f"{word} is no {'key' if equals else 'option'} of the job{no_field}; did you mean {meant}? "
                f"(word:{word} looks for it as a word)"
            )


def main(given: Sequence[str]) -> int:
    """Entry point: words that set no key are the pattern."""
    words = [word for word in given if word != "--json"]
    settings = [word for word in words if word in OPTIONS or is_setting(word)]
    free = [word for word in words if word not in settings]
    if free:
        settings.append(f"find.pattern={' '.join(free)}")
    as_json = len(words) < len(given)

    def answered(config: Config) -> Summary:
        require_no_mistyped(config, mistyped(free))
        return run_as_json(config) if as_json else run(config)

    return launch("find", answered, [*settings, *["--brief"] * as_json])
