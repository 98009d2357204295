"""Inner loops of `neuronsig.statements.logistic.gains`: what thousands of columns would each add to a model.

Sentences of one score make a group, so that a column costs its groups and not its sentences.
"""

import math

import numpy as np

from neuronsig.miners.compiled import compiled

STEPS, FURTHEST = 12, 2.0
"""Newton's steps at most, and how far one goes at most, in log odds."""
CLOSE = 1e-7
"""Of the cost, in nats: who gains less by a step takes no further one."""


@compiled
def count_sparse(first, column, group, listed, groups, columns):  # type: ignore[no-untyped-def]
    """(columns, groups) sentences, of the list and of the rest, that have each column: of a CSR matrix's indices."""
    inside, outside = np.zeros((columns, groups)), np.zeros((columns, groups))
    for row in range(len(group)):
        g = group[row]
        if listed[row]:
            for i in range(first[row], first[row + 1]):
                inside[column[i], g] += 1.0
        else:
            for i in range(first[row], first[row + 1]):
                outside[column[i], g] += 1.0
    return inside, outside


@compiled
def count_dense(holds, group, listed, groups):  # type: ignore[no-untyped-def]
    """The same of (n, columns) True where a sentence has a column."""
    columns = holds.shape[1]
    inside, outside = np.zeros((columns, groups)), np.zeros((columns, groups))
    for row in range(len(group)):
        g = group[row]
        for c in range(columns):
            if holds[row, c]:
                if listed[row]:
                    inside[c, g] += 1.0
                else:
                    outside[c, g] += 1.0
    return inside, outside


@compiled
def fit_each(levels, inside, outside, all_inside, all_outside, ridge):  # type: ignore[no-untyped-def]
    """(gain in nats, weight, shift) of each column by Newton's method in its weight and the intercept.

    `levels` (groups,) are the model's log odds; the masses of list and rest with a column are (columns, groups), those
    of all sentences (groups,).
    """
    columns, groups = inside.shape
    gain, weight, shift = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    odds = np.exp(levels)
    chance, every = odds / (1 + odds), all_inside + all_outside
    start = (every * np.log(1 + odds) - all_inside * levels).sum()
    for c in range(columns):
        # Where the weight is 0, what is without the column is all but what is with it.
        r1, h1 = 0.0, ridge
        r0, h0 = (chance * every - all_inside).sum(), (chance * (1 - chance) * every).sum() + 1e-12
        for g in range(groups):
            mass = inside[c, g] + outside[c, g]
            if mass > 0:
                slope, bend = chance[g] * mass - inside[c, g], chance[g] * (1 - chance[g]) * mass
                r1, h1, r0, h0 = r1 + slope, h1 + bend, r0 - slope, h0 - bend
        w, s, best = 0.0, 0.0, start
        for _ in range(STEPS):
            # The Hessian is [[h1, h1], [h1, h1 + h0]]: the intercept moves where the statement does not hold.
            down = r0 / h0
            across = min(max((r1 + ridge * w) / h1 - down, -FURTHEST), FURTHEST)
            to_w, to_s = w - across, s - min(max(down, -FURTHEST), FURTHEST)
            with_it, without = math.exp(to_s + to_w), math.exp(to_s)
            cost, r1, r0, h1, h0 = ridge * to_w * to_w / 2, 0.0, 0.0, ridge, 1e-12
            for g in range(groups):
                of_list, mass = inside[c, g], inside[c, g] + outside[c, g]
                if mass > 0:
                    x = odds[g] * with_it
                    p = x / (1 + x)
                    # Of the list a sentence costs -log p, of the rest -log(1 - p): one logarithm for both.
                    cost += mass * math.log(1 + x) - of_list * (levels[g] + to_s + to_w)
                    r1, h1 = r1 + p * mass - of_list, h1 + p * (1 - p) * mass
                of_list, mass = all_inside[g] - of_list, every[g] - mass
                x = odds[g] * without
                p = x / (1 + x)
                cost += mass * math.log(1 + x) - of_list * (levels[g] + to_s)
                r0, h0 = r0 + p * mass - of_list, h0 + p * (1 - p) * mass
            if cost >= best:
                break
            saved, w, s, best = best - cost, to_w, to_s, cost
            if saved <= CLOSE:
                break
        gain[c], weight[c], shift[c] = start - best, w, s
    return gain, weight, shift
