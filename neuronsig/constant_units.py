"""Constant ("dead") units: those whose activation is the same for every sentence, up to float noise.

What a list of such a unit ranks makes no difference to the model: its signature would be one of nothing. A collection
knows each neuron's highest and lowest score over all sentences: the first of its list, and the lowest that its shards
have seen. Neurons that these tell to be constant stand in the markers of the topk table, whose rows are whole; readers
of lists (neuronsig.readers, spark_jobs.mining.batches) leave them out.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.storage.files import concurrently, list_files, read_bytes

MARKERS = "_commits"
"""The folder of a topk table with the markers of its files."""

Scores = npt.NDArray[np.float32]

# Seen at most, beside a constant's own size: 9 steps of float32 (means over up to 8,192 tokens), one step of bfloat16
# (a constant between two of its values). Beside the typical size in a layer a float32 pass errs by 6e-6
# (neuronsig.collection.spot_check). In MiniLM's last layer norm three weights have decayed to 1e-9 and less: their
# units differ by 3e-8 of that at most (two of them by 1e-31), none of its 11,901 others by less than 0.05.
_NOISE = {"float32": 1e-5, "bfloat16": 2.0**-7}


def constant_rows(lowest: Scores, highest: Scores, dtype: str) -> npt.NDArray[np.bool_]:
    """Which neurons of a group are constant, (neurons,), of their lowest and highest scores over all sentences.

    One is where its scores differ by no more than what `dtype` errs by beside their own size, or float32 beside the
    typical size (the median) in its group: a sum over units, which is all that reads them, does not tell them apart.
    """
    low, high = lowest.astype(np.float64), highest.astype(np.float64)
    size = np.maximum(np.abs(low), np.abs(high))
    with np.errstate(invalid="ignore"):  # infinity less itself
        spread = high - low
        noise = np.maximum(_NOISE[dtype] * size, _NOISE["float32"] * np.median(size))
        return np.asarray((low == high) | (spread <= noise) & np.isfinite(noise))


def constant_neurons(topk: Path) -> dict[Neuron, float]:
    """The constant neurons of a topk table, sorted, each with its activation."""
    markers = concurrently(read_bytes, (file for file in list_files(topk / MARKERS) if file.suffix == ".json"))
    found: dict[Neuron, float] = {}
    for marker in map(json.loads, markers):
        for unit, sign, score in marker.get("constant", ()):
            found[Neuron(marker["site"], marker["layer"], unit, sign)] = sign * score
    return dict(sorted(found.items()))


def without_constant(neurons: Iterable[Neuron], topk: Path) -> list[Neuron]:
    """Of neurons that a topk table lists, those that are not constant, in their order.

    Raises InputError when all of them are.
    """
    listed, constant = list(neurons), constant_neurons(topk)
    kept = [neuron for neuron in listed if neuron not in constant]
    if listed and not kept:
        raise InputError(
            f"{topk}: each of its {count_units(listed):,} units has the same activation for every sentence, and its "
            "lists say nothing; collect other layers (collect.layers), or from a corpus of different sentences"
        )
    return kept


def told(activation: float) -> str:
    """What is said of a constant neuron."""
    return f"its activation is the same for every sentence ({activation:.3g})"


def count_units(neurons: Iterable[Neuron]) -> int:
    """The units that these are, each once in whatever directions."""
    return len({(neuron.site, neuron.layer, neuron.unit) for neuron in neurons})


def left_out(topk: Path) -> dict[str, Any]:
    """What a job that reads the lists of a topk table says of those that it leaves out; nothing where there is none."""
    units = count_units(constant_neurons(topk))
    return {"constant units left out": units} if units else {}
