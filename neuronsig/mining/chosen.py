"""Which neurons are mined, which of them a reader would find most striking, and whether what mining needs is there."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from neuronsig.config import MiningConfig
from neuronsig.constant_units import constant_neurons, told
from neuronsig.errors import ConfigError, InputError
from neuronsig.neuron import Neuron
from neuronsig.storage.parquet import parquet_file, table_files


def require_trees(sentences: Path) -> None:
    """Raise InputError when no sentence has dependency heads; reads no further than to the first that has."""
    files = (parquet_file(file) for file in table_files(sentences))
    heads = (batch.column(0) for file in files for batch in file.iter_batches(columns=["heads"]))
    if not any(pc.sum(pc.list_value_length(column)).as_py() for column in heads):
        raise InputError(
            f"{sentences} column 'heads' is empty, and mining.kinds asks for subtrees; annotate with a dependency "
            "parser (annotator.parser_model), bring trees (mining.trees), or leave subtree out of mining.kinds"
        )


def require_not_constant(mining: MiningConfig, topk: Path) -> dict[Neuron, float]:
    """Raise ConfigError when a neuron that is named to be mined is constant; all that are, with their activation."""
    constant = constant_neurons(topk)
    for name in mining.neurons:
        if (neuron := Neuron.parse(name)) in constant:
            raise ConfigError(f"mining.neurons={name}: {told(constant[neuron])}, nothing is to be mined; leave it out")
    return constant


def require_neurons(mining: MiningConfig, codes: Sequence[int], topk: Path) -> None:
    """Raise ConfigError when a neuron or layer to mine is not among those collected, saying which are.

    `codes` are those of all neurons of the table that are not constant.
    """
    neurons = [*map(Neuron.of_code, codes), *require_not_constant(mining, topk)]
    known = set(neurons)
    layers = sorted({neuron.layer for neuron in neurons})
    signs = sorted({neuron.sign for neuron in neurons}, reverse=True)
    for sign in mining.signs:
        if sign not in signs:
            raise ConfigError(
                f"mining.signs={mining.signs}: {topk} holds signs {signs}; choose of those, or collect both"
            )
    for layer in mining.layers:
        if layer not in layers:
            raise ConfigError(
                f"mining.layers={layer}: not collected; {topk} holds layers {', '.join(map(str, layers))}; "
                "choose one of them, or collect it"
            )
    for name in mining.neurons:
        neuron = Neuron.parse(name)
        if mining.signs and neuron.sign not in mining.signs:
            raise ConfigError(
                f"mining.neurons={name}: its sign is not in mining.signs={mining.signs}; change one of both"
            )
        if neuron in known:
            continue
        same_site = [n for n in neurons if n.site == neuron.site]
        if not same_site:
            bound = f"sites {', '.join(sorted({n.site for n in neurons}))}"
        elif neuron.layer not in {n.layer for n in same_site}:
            bound = f"layers {', '.join(map(str, sorted({n.layer for n in same_site})))}"
        else:
            here = [n for n in same_site if n.layer == neuron.layer]
            signs = sorted({n.sign for n in here}, reverse=True)
            bound = f"units 0 to {max(n.unit for n in here)} of layer {neuron.layer}, signs {signs}"
        raise ConfigError(f"mining.neurons={name}: not in {topk}, which holds {bound}; choose one of those")


def choose(rows: Sequence[Mapping[str, Any]], mining: MiningConfig) -> list[Neuron]:
    """The neurons to mine of rows of PROFILES, sorted: all, or those named, of layers named, and the most selective.

    Of either only those of `mining.signs`.
    """
    rows = [row for row in rows if row["sign"] in mining.signs or not mining.signs]
    found = [Neuron.of_row(r) for r in rows]
    chosen = set(found)
    if mining.neurons or mining.layers or mining.selective:
        named = {Neuron.parse(name) for name in mining.neurons}
        selective = set(most_selective(dict(zip(found, rows, strict=True)), mining.selective))
        chosen = {neuron for neuron in found if neuron in named or neuron.layer in mining.layers or neuron in selective}
    return sorted(chosen, key=lambda neuron: neuron.code)


def most_selective(profiles: Mapping[Neuron, Mapping[str, Any]], n: int) -> list[Neuron]:
    """The `n` neurons that a reader would find most striking, best first; of rows of PROFILES.

    A neuron's score is the information of its leading item (`keyness.information`): one word, tag or metadata
    value that covers much of its sentences, little of the corpus, and beyond chance. Neurons that share a leading
    item are mostly copies of one finding, so the second one with the same item counts half, the third a third.
    Neurons with no item beyond chance come last, in their own order.
    """
    heap = [(-float(row["lead_bits"]), neuron) for neuron, row in profiles.items()]
    heapify(heap)
    taken: dict[str, int] = {}
    chosen: list[Neuron] = []
    while heap and len(chosen) < n:
        score, neuron = heappop(heap)
        lead = profiles[neuron]["lead_item"]
        current = -float(profiles[neuron]["lead_bits"]) / (1 + taken.get(lead, 0))
        if current > score:
            heappush(heap, (current, neuron))
            continue
        chosen.append(neuron)
        taken[lead] = taken.get(lead, 0) + 1
    return chosen
