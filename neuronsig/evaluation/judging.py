"""A block of neurons judged: every signature as a classifier of sentences that it was not fitted on, beside baselines.

Nothing is fitted on the sentences that are judged: weights of signature and baselines alike come from the mined list
against its reference (neuronsig.statements.training).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.errors import InputError
from neuronsig.evaluation.baselines import CEILING, PENALTY, Baselines
from neuronsig.evaluation.ranking import Judged, best, judge, spearman
from neuronsig.neuron import Neuron
from neuronsig.statements.columns import Columns
from neuronsig.statements.families import FAMILIES
from neuronsig.statements.logistic import Floats
from neuronsig.statements.rows import Weighed
from neuronsig.statements.signature import HUNDRED, TOLD
from neuronsig.statements.training import Ids, Training, TrainingText

CURVE = (1, 2, 3, 5, TOLD)
"""Numbers of told statements at which the ranking is judged; after them the first HUNDRED and all."""

RULES = {"version": 3, "curve": list(CURVE), "penalty": PENALTY, "ceiling": list(CEILING)}
"""What determines the table beside statements and scores. Later changes than `version` counts neuronsig.run.stages."""


@dataclass(frozen=True)
class JudgedText:
    """The sentences that are judged, and those that signatures and baselines were fitted on, by the same columns."""

    text: TrainingText
    judged: Ids  # places of the sentences judged, by ascending sentence_id

    @cached_property
    def columns(self) -> Columns:
        """Of the judged sentences alone."""
        return Columns(self.text.columns.matrix[self.judged], self.text.columns.singles)

    @cached_property
    def baselines(self) -> Baselines:
        return Baselines(self.text, self.judged)


def judge_block(
    lists: Mapping[Neuron, Ids],
    signatures: Mapping[Neuron, Sequence[Weighed]],
    scores: NDArray[np.float32],
    text: JudgedText,
    positives: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of EVALUATION, but for what shuffled words tell, for neurons of one site, layer and sign.

    `scores` are (judged sentences, neurons). A neuron's positives are its `positives` best sentences, of equal ones
    those of lower id. `lists` are the mined lists, best sentence first. Raises InputError when the positives are not
    fewer than the sentences.
    """
    neurons = list(lists)
    if not 0 < positives < len(text.judged):
        raise InputError(f"{positives} positives of {len(text.judged)} held-out sentences: both kinds are needed")
    holds = {neuron: _holds(signatures[neuron], text.columns) for neuron in neurons}
    others = partners(neurons, seed)
    rows = []
    for row, neuron in enumerate(neurons):
        place = others[row]
        other = None if place is None else neurons[place]
        training = Training.of(text.text, lists[neuron])
        rankings = text.baselines.scores(training) if training.listed.any() else {}
        rankings |= {"whole": _ranked(signatures[neuron], holds[neuron], "whole")}
        if other is not None:
            rankings |= {"random": _ranked(signatures[other], holds[other], "whole")}
        steps = curve(signatures[neuron], holds[neuron])
        kinds = by_kind(signatures[neuron], holds[neuron])
        found = judge_neuron(scores[:, row], rankings, steps, kinds, positives)
        unit = None if other is None else other.unit
        patterns = sum(one.whole is not None for one in signatures[neuron])
        told = sum(one.told is not None for one in signatures[neuron])
        rows.append({**neuron.as_row(), "patterns": patterns, "told": told, "random_unit": unit, **found})
    return rows


def _holds(statements: Sequence[Weighed], columns: Columns) -> NDArray[np.bool_]:
    """(sentences, statements) whether each holds."""
    if not statements:
        return np.zeros((len(columns), 0), bool)
    parts = list(dict.fromkeys(part for one in statements for part in one.statement.parts))
    place = {part: i for i, part in enumerate(parts)}
    dense = columns.dense(parts)
    return np.stack([one.statement.joined([dense[:, place[p]] for p in one.statement.parts]) for one in statements], 1)


def _ranked(statements: Sequence[Weighed], holds: NDArray[np.bool_], model: str, first: int | None = None) -> Floats:
    """Log odds (sentences,), but for a constant, by the first statements in one of the models."""
    weights = np.array([getattr(one, model) or 0.0 for one in statements[:first]])
    return np.asarray(holds[:, : len(weights)] @ weights, np.float64)


def curve(statements: Sequence[Weighed], holds: NDArray[np.bool_]) -> dict[int, Floats]:
    """Log odds (sentences,) by the first statements, at the numbers of CURVE, HUNDRED, and all as -1."""
    found = {number: _ranked(statements, holds, "told", number) for number in CURVE}
    return found | {HUNDRED: _ranked(statements, holds, "hundred"), -1: _ranked(statements, holds, "whole")}


def by_kind(statements: Sequence[Weighed], holds: NDArray[np.bool_]) -> dict[str, Floats]:
    """Log odds (sentences,) by the words, the length and one further kind of the whole signature."""
    kinds = [one.statement.parts[0].kind for one in statements]
    weights = np.array([one.whole or 0.0 for one in statements])
    plain = np.isin(kinds, ["word", "length"])
    base = holds[:, plain] @ weights[plain]
    further = [kind for kind in FAMILIES if kind in kinds and kind not in ("word", "length")]
    found = {"words and length": np.asarray(base, np.float64)}
    for kind in further:
        of = np.array([name == kind for name in kinds])
        found[kind] = np.asarray(base + holds[:, of] @ weights[of], np.float64)
    return found


def judge_neuron(
    activations: NDArray[np.float32],
    rankings: Mapping[str, Floats],
    steps: Mapping[int, Floats],
    kinds: Mapping[str, Floats],
    positives: int,
) -> dict[str, Any]:
    """The measured columns of EVALUATION for one neuron, of activations (sentences,).

    `rankings` are log odds (sentences,) by the whole signature, the baselines and another neuron's signature, `steps`
    by its first statements, `kinds` by its words and length with one further kind.
    """
    n = len(activations)
    top = best(activations, positives)
    positive = np.zeros(n, bool)
    positive[top] = True
    nothing = np.zeros(n)
    judged = {name: judge(rankings.get(name, nothing), positive) for name in ("whole", *BASELINES)}
    whole = judged["whole"]
    ap_low, ap_high = whole.ap.limits()
    auroc_low, auroc_high = whole.auroc.limits()
    at = {number: judge(found, positive) for number, found in steps.items()}
    told = at[TOLD].ap
    told_low, told_high = told.limits()
    found = {
        "sentences": n,
        "positives": positives,
        "threshold": float(activations[top[-1]]),
        "chance": positives / n,
        "ap": whole.ap.value,
        "ap_low": ap_low,
        "ap_high": ap_high,
        "auroc": whole.auroc.value,
        "auroc_low": auroc_low,
        "auroc_high": auroc_high,
        "told_ap": told.value,
        "told_low": told_low,
        "told_high": told_high,
        "hundred_ap": at[HUNDRED].ap.value,
        **{f"{name}_ap": judged[name].ap.value for name in BASELINES},
        "of_ceiling": whole.ap.value / judged["ceiling"].ap.value,
        "correlation": spearman(rankings["whole"], activations),
        "beats_chance": ap_low > positives / n,
        "told_beats_chance": told_low > positives / n,
        "curve": [(number, one.ap.value) for number, one in at.items()],
        **_gains(kinds, positive),
    }
    for name in ("words", "bayes", "random"):
        found |= _compared(name, whole, judged[name])
    if "random" not in rankings:
        found |= dict.fromkeys(("random_ap", "over_random", "over_random_low", "beats_random"))
    return found


BASELINES = ("length", "words", "bayes", "ceiling", "random")


def _compared(name: str, whole: Judged, other: Judged) -> dict[str, Any]:
    more, low = whole.ap.over(other.ap)
    return {f"over_{name}": more, f"over_{name}_low": low, f"beats_{name}": low > 0}


def _gains(kinds: Mapping[str, Floats], positive: NDArray[np.bool_]) -> dict[str, list[tuple[str, float]]]:
    """What each kind adds to the average precision of words and length, and the lower 95 % limit of that."""
    found = {kind: judge(scores, positive).ap for kind, scores in kinds.items()}
    base = found.pop("words and length", None)
    more = {kind: ap.over(base) for kind, ap in sorted(found.items())} if base else {}
    return {
        "kind_gain": [(kind, gain) for kind, (gain, _) in more.items()],
        "kind_gain_low": [(kind, low) for kind, (_, low) in more.items()],
    }


def partners(neurons: Sequence[Neuron], seed: int) -> list[int | None]:
    """For each neuron the place of another one, drawn by seed; None where there is no other."""
    if len(neurons) < 2:
        return [None] * len(neurons)
    first = neurons[0]
    random = np.random.default_rng([seed, first.layer, first.unit, first.sign + 1])
    steps = random.integers(1, len(neurons), len(neurons))
    return [int(place) for place in (np.arange(len(neurons)) + steps) % len(neurons)]
