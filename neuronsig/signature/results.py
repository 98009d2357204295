"""What jobs after mining found of neurons, read where it is there and of the run's present signatures.

neuronsig cluster   facets: what a neuron's sentences fall into
neuronsig describe  what predicts its list: the statements that are told of it
neuronsig triggers  which token of a top sentence carries the activation, and what kind of detector the neuron is
neuronsig evaluate  how well the signature tells unseen sentences
neuronsig stability how far signatures of two halves of the corpus agree
neuronsig outliers  whether one thing dominates the top sentences

And what neuronsig corpus_table found of the corpora: what the neurons are compared with.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from neuronsig.collection.dominance import DOCUMENT, NEAR_DUPLICATES, OUTLIERS, TOKEN, WORD
from neuronsig.errors import InputError, reason
from neuronsig.neuron import NEURON_COLUMNS, Neuron
from neuronsig.readers import rows_of
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.view import DominanceView, ScoreView, StabilityView, TriggerView
from neuronsig.statements.rows import of_row
from neuronsig.statements.wording import ToldStatement, aspect, said
from neuronsig.storage.parquet import check_table, read_parquet, read_rows
from neuronsig.tables import DETECTORS, EVALUATION, STATEMENTS, TRIGGERS

STEPS = (0.3, 0.5, 0.7, 0.85)
"""Where the shades of a token's activation begin, between the baseline and the strongest token."""
SHADES = len(STEPS)
STABILITY_FILE = "stability.parquet"
OUTLIERS_FILE = "outliers.parquet"
CORPORA_COLUMNS = ("domain", "sentences", "words", "length_mean", "noun_share", "verb_share", "adj_share", "metadata")
TOTAL = "total"
"""The row of all domains in the table of the corpora."""


@dataclass(frozen=True)
class Activations:
    """Of one top sentence: shade of each token (0 to SHADES), place of the trigger or -1, and what the trigger is."""

    shades: tuple[int, ...]
    trigger: int
    note: str


class StageResults:
    """The optional tables of one model; `made` are the jobs whose results are there and current."""

    def __init__(self, run: RunDirectory, model: str, made: Collection[str]) -> None:
        self.run, self.model, self.made = run, model, made
        self.scores = self._scores() if "evaluate" in self.made else {}
        self.triggers, self._baselines = self._detectors() if "triggers" in self.made else ({}, {})
        self.told = self._told() if "describe" in self.made else None
        self.stability = self._stability() if "stability" in self.made else {}
        self.dominance = self._dominance() if "outliers" in self.made else {}

    def activations(self, neurons: Sequence[Neuron], condition: ds.Expression) -> dict[Neuron, dict[int, Activations]]:
        """By neuron and sentence_id, for `neurons`, which `condition` holds of."""
        if "triggers" not in self.made:
            return {}
        names = (*NEURON_COLUMNS, "sentence_id", "activations", "trigger", "on_special", "covered", "pattern", "offset")
        found: dict[Neuron, list[dict[str, Any]]] = {}
        wanted = set(neurons)
        for row in read_rows(self.run.triggers(self.model), TRIGGERS, names, condition).to_pylist():
            if (neuron := Neuron.of_row(row)) in wanted:
                found.setdefault(neuron, []).append(row)
        # Where no word carries the activation, how far a pattern is from the strongest one tells nothing.
        diffuse = {neuron for neuron, view in self.triggers.items() if view.detector == "diffuse"}
        return {n: shaded(rows, self._baselines.get(n, 0.0), n not in diffuse) for n, rows in found.items()}

    def _scores(self) -> dict[Neuron, ScoreView]:
        rows = rows_of(self.run.evaluation(self.model), EVALUATION)
        names = [field.name for field in fields(ScoreView)]
        # A neuron without a signature, or without a positive sentence, has no score.
        return {n: ScoreView(**{name: row[name] for name in names}) for n, row in rows.items() if row["ap"] is not None}

    def _told(self) -> dict[Neuron, tuple[ToldStatement, ...]]:
        """What is told of every neuron that something is told of, strongest first."""
        found: dict[Neuron, list[ToldStatement]] = {}
        check_table(self.run.statements(self.model), STATEMENTS)
        rows = read_rows(self.run.statements(self.model), STATEMENTS, STATEMENTS.names, ds.field("told").is_valid())
        for row in rows.sort_by("rank").to_pylist():
            one = of_row(row)
            holds = row["told"] > 0
            n1, n2 = row["n1"], row["n2"]
            f1, f2 = (row["f1"], row["f2"]) if holds else (n1 - row["f1"], n2 - row["f2"])
            told = ToldStatement(
                said(one.statement, holds), f1 / n1, f2 / n2, row["bits"], row["covered"], aspect(one.statement)
            )
            found.setdefault(Neuron.of_row(row), []).append(told)
        return {neuron: tuple(told) for neuron, told in found.items()}

    def _detectors(self) -> tuple[dict[Neuron, TriggerView], dict[Neuron, float]]:
        check_table(self.run.triggers(self.model), TRIGGERS)
        rows, names = rows_of(self.run.detectors(self.model), DETECTORS), [field.name for field in fields(TriggerView)]
        views = {n: TriggerView(**{k: row[k] for k in names if row[k] is not None}) for n, row in rows.items()}
        return views, {neuron: row["baseline"] or 0.0 for neuron, row in rows.items()}

    def _stability(self) -> dict[Neuron, StabilityView]:
        rows = read_parquet(self.run.analysis(self.model, STABILITY_FILE)).to_pylist()
        found: dict[Neuron, StabilityView] = {}
        for row in sorted(rows, key=lambda row: row["k"]):
            neuron = Neuron.of_row(row)
            kinds = dict(found[neuron].overlap) if neuron in found and found[neuron].k == row["k"] else {}
            found[neuron] = StabilityView(row["k"], {**kinds, row["kind"]: row["overlap"]})
        return found

    def _dominance(self) -> dict[Neuron, DominanceView]:
        file = self.run.analysis(self.model, OUTLIERS_FILE)
        try:
            rows = read_parquet(file, OUTLIERS.names).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{file} cannot be read ({reason(error)}); delete it and run neuronsig outliers again"
            ) from error
        settings = (self.run.stage_record(f"outliers/{self.model}") or {})["plan"]["outliers"]
        return {Neuron.of_row(row): dominance_view(row, settings) for row in rows}


def dominance_view(row: Mapping[str, Any], settings: Mapping[str, Any]) -> DominanceView:
    """A row of OUTLIERS made with these `outliers` settings."""
    names = {DOCUMENT: "document_share", NEAR_DUPLICATES: "near_duplicate_share", WORD: "word_share"}
    names[TOKEN] = "concentration"
    named = ("sentences", "token_sentences", "document", "document_elsewhere", "word", "word_elsewhere")
    return DominanceView(
        flags=tuple(row["flags"].split()),
        threshold=settings["share"],
        shares={flag: row[name] for flag, name in names.items()},
        token=row["token"] or "",
        token_place=row["token_place"] or "",
        **{name: row[name] for name in named},
    )


def shaded(rows: Sequence[Mapping[str, Any]], baseline: float, with_notes: bool = True) -> dict[int, Activations]:
    """Shades by sentence_id: how far a token is from the baseline (0) to the strongest token of all the rows (1).

    Most tokens are a little above the baseline; they have no shade, so that what carries the activation is seen.
    """
    values = [value for row in rows for value in row["activations"] or () if math.isfinite(value)]
    room = max(values, default=0.0) - baseline
    found = {}
    for row in rows:
        shades = tuple(
            bisect_right(STEPS, (value - baseline) / room) if room > 0 and math.isfinite(value) else 0
            for value in row["activations"] or ()
        )
        trigger = row["trigger"] if row["trigger"] is not None else -1
        note = _note(row) if with_notes else ""
        found[row["sentence_id"]] = Activations(shades, -1 if row["on_special"] else trigger, note)
    return found


def _note(row: Mapping[str, Any]) -> str:
    if row["on_special"]:
        return "strongest on a special token, not on a word"
    if row["covered"] or not row["pattern"] or not row["offset"]:
        return ""
    words, side = abs(row["offset"]), "before" if row["offset"] > 0 else "after"
    return f"trigger {words} {'word' if words == 1 else 'words'} {side} “{plain(row['pattern'])}”"


def plain(pattern: Sequence[str]) -> str:
    """A pattern's items as a reader writes them."""
    return " ".join(item.removeprefix("word=").removeprefix("pos=") for item in pattern)


def read_corpora(run: RunDirectory) -> list[dict[str, Any]]:
    """P1 Table 1 as neuronsig corpus_table made it, a row a domain and `total` last; empty when it was not made."""
    file = run.analysis("corpora.parquet")
    if not file.exists():
        return []
    try:
        return read_parquet(file, CORPORA_COLUMNS).to_pylist()
    except (pa.ArrowException, OSError) as error:
        line = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(f"{file} cannot be read ({line}); delete it and run neuronsig corpus_table again") from error
