"""Single statements gathered into classes: any of several words that tell the same way is one statement.

What a reader can take in is a number of statements, and most words are in few sentences: a hundred single words predict
a list much worse than a hundred statements of which most are about several words each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuronsig.statements.families import BOUNDS
from neuronsig.statements.logistic import Floats
from neuronsig.statements.statement import Single

MEMBERS = 8
"""Statements of a class, at most: more are not read."""
RARE = 0.05
"""Share of the sentences that a member has, at most: of frequent ones any is nearly everywhere."""


def in_classes(singles: Sequence[Single], weights: Floats, share: Floats) -> list[NDArray[np.int64]]:
    """Places (members,) of each class, of at most MEMBERS statements of one kind whose weights have one sign.

    `weights` and `share` (singles,), of the sentences with each, are in the order in which classes are filled: of the
    first statements of a kind the first class, and so on. What is not rare, and bounds, stay alone.
    """
    found: list[list[int]] = []
    open_classes: dict[tuple[str, bool], list[int]] = {}
    for place, single in enumerate(singles):
        key = (single.kind, bool(weights[place] > 0))
        alone = single.kind in BOUNDS or share[place] > RARE
        if alone or len(open_classes.get(key, range(MEMBERS))) == MEMBERS:
            found.append([place])
            if not alone:
                open_classes[key] = found[-1]
        else:
            open_classes[key].append(place)
    return [np.array(members, np.int64) for members in found]
