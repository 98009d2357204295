"""A block of neurons judged: every signature against its words, the length, another neuron's signature, and chance.

The kinds of evidence of a signature overlap: a phrase brings its words, tags and tree along, and how much of their
evidence is the same differs from neuron to neuron. Added up as they are, more patterns make a worse score (72 neurons
of MiniLM on the six corpora, average precision: 0.154; without patterns of several items 0.167; weighed 0.192, without
them 0.180). So a logistic regression weighs the kinds, not the patterns: some ten numbers a neuron, fitted on one half
of the held-out sentences and used on the other, and the reverse (cross-fitting). No sentence is ranked by weights that
have seen it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from neuronsig.evaluation.classifier import LENGTH, Matches, Vote, bits_by_kind, length_bits, votes_of
from neuronsig.evaluation.ranking import judge, spearman
from neuronsig.neuron import Neuron
from neuronsig.storage.parquet import read_rows
from neuronsig.tables import PROFILES, SIGNATURES


@dataclass(frozen=True)
class Voter:
    """What a neuron's signature votes with: its patterns, strongest first, and the lengths of its sentences."""

    votes: tuple[Vote, ...]
    length_mean: float
    length_sd: float


def read_signatures(signatures: str, profiles: str, neurons: Sequence[Neuron]) -> dict[Neuron, Voter]:
    """Signatures of neurons of one site, layer and sign, from the folders of both tables.

    Raises InputError where a neuron has no profile.
    """
    first = neurons[0]
    wanted = (ds.field("site") == first.site) & (ds.field("layer") == first.layer) & (ds.field("sign") == first.sign)
    units = [neuron.unit for neuron in neurons]
    wanted &= (ds.field("unit") >= min(units)) & (ds.field("unit") <= max(units))
    rows: dict[int, list[dict[str, Any]]] = {unit: [] for unit in units}
    kept = wanted & (ds.field("lrc") > 0)
    columns = ["unit", "kind", "pattern", "lrc", "explained_by"]
    for row in read_rows(signatures, SIGNATURES, columns, kept).to_pylist():
        rows[row["unit"]].append(row)
    measures = ("length_mean", "length_sd")
    measured = read_rows(profiles, PROFILES, ["unit", *measures], wanted)
    lengths = {row["unit"]: row for row in measured.to_pylist()}
    absent = [neuron for neuron in neurons if neuron.unit not in lengths]
    if absent:
        raise InputError(f"{profiles} has no row of {absent[0]}; run neuronsig mine again")
    return {
        neuron: Voter(tuple(votes_of(rows[neuron.unit])), *(lengths[neuron.unit][name] for name in measures))
        for neuron in neurons
    }


def judge_block(
    neurons: Sequence[Neuron],
    signatures: Mapping[Neuron, Voter],
    scores: NDArray[np.float32],
    text: Text,
    mining: MiningConfig,
    positives: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of EVALUATION for neurons of one site, layer and sign; scores (sentences, neurons) of the text's sentences.

    A neuron's positives are its `positives` best sentences, of equal ones those of lower id. Raises InputError when
    these are not fewer than the sentences.
    """
    if not 0 < positives < len(text):
        raise InputError(f"{positives} positives of {len(text)} held-out sentences: both kinds are needed")
    matches = Matches((vote for neuron in neurons for vote in signatures[neuron].votes), text, mining)
    others = partners(neurons, seed)
    rows = []
    for row, neuron in enumerate(neurons):
        other = others[row]
        # Made again: those of all neurons would not fit in the memory that the scores take.
        random = None if other is None else _bits(signatures[neurons[other]], matches)
        compared = judge_neuron(scores[:, row], _bits(signatures[neuron], matches), random, positives)
        unit = None if other is None else neurons[other].unit
        key = neuron.as_row()
        rows.append({**key, "patterns": len(signatures[neuron].votes), "random_unit": unit, **compared})
    return rows


def judge_neuron(
    activations: NDArray[np.float32],
    by_kind: Mapping[str, NDArray[np.floating]],
    random: Mapping[str, NDArray[np.floating]] | None,
    positives: int,
) -> dict[str, Any]:
    """The measured columns of EVALUATION for one neuron, of activations (sentences,).

    by_kind are the bits (sentences,) that each kind of its patterns gives, random those of another neuron's: they are
    weighed for this neuron too, so that they are no worse for want of weights.
    """
    n = len(activations)
    best = np.argsort(-activations, kind="stable")[:positives]
    positive = np.zeros(n, bool)
    positive[best] = True
    score = weighed(by_kind, positive)
    whole = judge(score, positive)
    kinds = {kind: judge(found, positive) for kind, found in by_kind.items()}
    nothing = judge(np.zeros(n), positive)
    words, length = kinds.get("words", nothing), kinds[LENGTH]
    over_words, over_words_low = whole.ap.over(words.ap)
    measured: dict[str, float] = {}
    for name, measure in (("ap", whole.ap), ("auroc", whole.auroc)):
        low, high = measure.limits()
        measured |= {name: measure.value, f"{name}_low": low, f"{name}_high": high}
    for name, of in (("words", words), ("length", length)):
        measured |= {f"{name}_ap": of.ap.value, f"{name}_auroc": of.auroc.value}
    found = {
        "sentences": n,
        "positives": positives,
        "threshold": float(activations[best[-1]]),
        "chance": positives / n,
        **measured,
        "over_words": over_words,
        "over_words_low": over_words_low,
        "correlation": spearman(score, activations),
        "beats_chance": measured["ap_low"] > positives / n,
        "beats_words": over_words_low > 0,
        "kind_ap": [(kind, of.ap.value) for kind, of in sorted(kinds.items())],
    }
    if random is None:
        return found
    other = judge(weighed(random, positive), positive)
    more, low = whole.ap.over(other.ap)
    compared = {"random_ap": other.ap.value, "random_auroc": other.auroc.value}
    return found | compared | {"over_random": more, "over_random_low": low, "beats_random": low > 0}


def weighed(by_kind: Mapping[str, NDArray[np.floating]], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log odds (n,) of every sentence under the weights of the other half; by_kind: bits (n,) of each kind.

    Halves alternate within positives and within negatives, in the order given. With fewer than two of either there is
    nothing to fit, and the bits are added up.
    """
    from sklearn.linear_model import LogisticRegression

    evidence = np.stack([np.asarray(by_kind[kind], np.float64) for kind in sorted(by_kind)], axis=1)  # (n, kinds)
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < 2:
        return np.asarray(evidence.sum(axis=1))
    half = np.empty(len(positive), np.int8)
    for members in (positive, ~positive):
        half[members] = np.arange(np.count_nonzero(members)) % 2
    found = np.empty(len(positive))
    for own in (0, 1):
        fitted = LogisticRegression(solver="newton-cholesky").fit(evidence[half != own], positive[half != own])
        found[half == own] = fitted.decision_function(evidence[half == own])
    return found


def partners(neurons: Sequence[Neuron], seed: int) -> list[int | None]:
    """For each neuron the place of another one, drawn by seed; None where there is no other."""
    if len(neurons) < 2:
        return [None] * len(neurons)
    first = neurons[0]
    random = np.random.default_rng([seed, first.layer, first.unit, first.sign + 1])
    steps = random.integers(1, len(neurons), len(neurons))
    return [int(place) for place in (np.arange(len(neurons)) + steps) % len(neurons)]


def _bits(signature: Voter, matches: Matches) -> dict[str, NDArray[np.float64]]:
    """Bits (sentences,) that each kind of pattern, and the length, give each sentence."""
    bits = bits_by_kind(signature.votes, matches)
    return bits | {LENGTH: length_bits(matches.text, signature.length_mean, signature.length_sd)}
