"""What the triggers of a neuron's top sentences have in common: one word, one part of speech, or what stands around.

    special   in `special` or more of the sentences the strongest token is a special one, such as [CLS]
    diffuse   else the strongest token holds less than `diffuse` of what the tokens have above the baseline, on average
    token     else in `same_word` or more the trigger is the same word, lower-cased
    tag       else in `same_tag` or more the trigger has the same part of speech
    context   else: one token stands out of a sentence, but different ones

The shares are those of RULES. Of a flat activation the strongest word says nothing, however often it is the
same one, so `diffuse` comes first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.neuron import SITES

SPECIAL, DIFFUSE, TOKEN, TAG, CONTEXT = DETECTORS = ("special", "diffuse", "token", "tag", "context")
"""In the order in which they are looked for."""

RULES = {"special": 0.5, "diffuse": 0.2, "same_word": 0.5, "same_tag": 0.8}
"""Half of the sentences make it for one word, or for special tokens; for a tag, of which there are few, four fifths."""

COVERED = {"of triggers": "covered_share", "of all words": "words_covered"}
"""Columns that say how much of the sentences some pattern of the signature holds."""


def detector_row(rows: Sequence[Mapping[str, Any]], words: Sequence[str], tags: Sequence[str]) -> dict[str, Any]:
    """The measured columns of DETECTORS of one neuron, from its rows of TRIGGERS and their triggers' words and tags.

    Sentences without a word that has a token have no trigger, and count in the shares all the same.
    """
    n = len(rows)
    there = [place for place, row in enumerate(rows) if row["trigger"] >= 0]
    word, same_word = _most_common([words[place].lower() for place in there])
    tag, same_tag = _most_common([tags[place] for place in there])
    shares = np.array([row["concentration"] for row in rows if row["concentration"] is not None], np.float64)
    offsets = [abs(row["offset"]) for row in rows if row["offset"]]
    found = {
        "sentences": n,
        "word": word,
        "word_share": same_word / n,
        "tag": tag,
        "tag_share": same_tag / n,
        "special_share": sum(row["on_special"] for row in rows) / n,
        "concentration": float(shares.mean()) if shares.size else None,
        "covered_share": sum(row["covered"] for row in rows) / n,
        "near_offset": float(np.median(offsets)) if offsets else None,
    }
    return found | {"detector": _detector(found)}


def _detector(found: Mapping[str, Any]) -> str:
    """What a row of DETECTORS is of."""
    if found["special_share"] >= RULES["special"]:
        return SPECIAL
    if (found["concentration"] or 0.0) < RULES["diffuse"]:
        return DIFFUSE
    if found["word_share"] >= RULES["same_word"]:
        return TOKEN
    return TAG if found["tag_share"] >= RULES["same_tag"] else CONTEXT


def detector_counts(table: pa.Table) -> dict[str, Any]:
    """Of all neurons in a table of DETECTORS: how many there are of each kind, and the mean of each of COVERED."""
    kinds = Counter(table["detector"].to_pylist())
    covered = {title: round(float(np.mean(table[name].to_numpy())), 4) for title, name in COVERED.items()}
    return {"detectors": {kind: kinds[kind] for kind in DETECTORS}, "share that a pattern holds": covered}


def detectors_by_layer(table: pa.Table) -> list[list[str]]:
    """By site and layer, of a table of DETECTORS: the share of each kind, and the mean of each of COVERED."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in table.select(["site", "layer", "detector", *COVERED.values()]).to_pylist():
        found.setdefault((SITES.index(row["site"]), row["layer"]), []).append(row)
    shown = []
    for (site, layer), rows in sorted(found.items()):
        kinds = Counter(row["detector"] for row in rows)
        shares = [f"{kinds[kind] / len(rows):.1%}" for kind in DETECTORS]
        covered = [f"{np.mean([row[name] for row in rows]):.1%}" for name in COVERED.values()]
        shown.append([f"{SITES[site]} L{layer}", *shares, *covered])
    return shown


def _most_common(names: Sequence[str]) -> tuple[str | None, int]:
    """The most common name, of equals the first in the alphabet, and how often it comes."""
    counted = Counter(names)
    return min(counted.items(), key=lambda entry: (-entry[1], entry[0]), default=(None, 0))
