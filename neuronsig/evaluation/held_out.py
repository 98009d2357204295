"""How many of the held-out sentences are scored, and how many of those are a neuron's positives."""

from __future__ import annotations

from neuronsig.config import Config, MiningConfig
from neuronsig.errors import InputError, TooLittleTextError

SENTENCES_AT_LEAST = 100
LARGEST_FRACTION = 0.5


def held_out_share(config: Config, mining: MiningConfig, sentences: int) -> float:
    """Share of the collected `sentences` that are scored: those held out, at most evaluation.max_sentences of them.

    Raises TooLittleTextError when mining has held out none, or too few.
    """
    held = mining.holdout
    if not held:
        raise TooLittleTextError(
            f"mine/{config.model.name} in run={config.run} was made from all sentences, and none is left to judge its "
            "signatures on; run neuronsig mine mining.holdout=0.05 overwrite=true first"
        )
    if held * sentences < SENTENCES_AT_LEAST:
        raise TooLittleTextError(
            f"mining.holdout={held} of {sentences:,} sentences leaves {held * sentences:.0f} to judge signatures on, "
            f"{SENTENCES_AT_LEAST} are needed; mine with a larger mining.holdout, or more text"
        )
    return min(held, config.evaluation.max_sentences / sentences)


def positive_fraction(config: Config, k: int, kept: int, sentences: int) -> float:
    """Share of the held-out sentences that are a neuron's positives: as large as its list, `kept` of `sentences`.

    Raises TooLittleTextError when lists hold too much of the text.
    """
    fraction = config.evaluation.fraction or kept / sentences
    if fraction > LARGEST_FRACTION:
        raise TooLittleTextError(
            f"collect.k={k} keeps {fraction:.0%} of {sentences:,} sentences in every list, "
            f"which tells little; set evaluation.fraction, at most {LARGEST_FRACTION}"
        )
    return fraction


def require_positives(least: int, held_out: float) -> None:
    """Raise InputError when about so many held-out sentences are too few for a neuron's least positives."""
    if least > LARGEST_FRACTION * held_out:
        raise InputError(
            f"evaluation.least_positives={least}: must be at most {LARGEST_FRACTION:.0%} of the held-out sentences, "
            f"which are about {held_out:.0f}; set it to {LARGEST_FRACTION * held_out:.0f} or less"
        )
