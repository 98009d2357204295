"""How many tokens a batch should hold on this CPU: tokens a second of the forward pass for budgets from 2K to 64K.

    python -m benchmarks.batch_tokens          # MiniLM, bfloat16 and float32: about 5 minutes on 2 cores

A shard of 131,072 sentences of the real length histogram is cut into rectangles under each budget. The histogram's
tokens are divided into --bins equal parts by length; the rectangle of each part's middle length, as large as the shard
has it, stands for the part. Tokens a second are those of all parts together; weights and words do not matter. The
budgets take turns --repeats times, the best of each rectangle counts. "Of best" compares with the best budget of the
dtype: the default of neuronsig.collection.shards.batch_tokens is the smallest budget beyond which nothing is gained.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from benchmarks.collection import hidden_states
from benchmarks.common import alone, machine, options, peak_mib, table
from benchmarks.lengths import histogram
from benchmarks.texts import MINILM
from neuronsig.checkpoint import model_config
from neuronsig.config import ModelConfig
from neuronsig_ray.model.inference import InspectedModel

SHARD = 131_072


def rectangle_shapes(budget: int, bins: int) -> list[tuple[int, int]]:
    """(sentences, length) of the rectangles that stand for the parts of a shard's tokens."""
    lengths, shares = histogram()
    mass = np.cumsum(lengths * shares) / (lengths * shares).sum()
    middles = np.searchsorted(mass, (np.arange(bins) + 0.5) / bins)
    shapes = []
    for middle in middles.tolist():
        length, sentences = int(lengths[middle]), max(1, round(float(shares[middle]) * SHARD))
        step = max(1, budget // length)
        # As many as each of the batches has that the shard's sentences of this length fill.
        shapes.append((max(1, sentences // -(-sentences // step)), length))
    return shapes


def sweep(model: str, dtype: str, budgets: list[int], bins: int, repeats: int, threads: int) -> list[dict[str, float]]:
    """Seconds for each token and the peak of memory so far, budget by budget in ascending order."""
    torch.set_num_threads(threads)
    network = InspectedModel(model, dtype, "cpu", hidden_states(model), (1, -1), "mean")
    vocabulary = network.model.config.vocab_size
    shapes = {budget: rectangle_shapes(budget, bins) for budget in budgets}
    best: dict[tuple[int, int], float] = {}
    peaks: dict[int, float] = {}
    for _ in range(repeats):
        for budget in sorted(budgets):
            for sentences, length in shapes[budget]:
                ids = torch.randint(vocabulary, (sentences, length))  # (sentences, length)
                clock = time.perf_counter()
                network.scores(ids, 0, 0)
                spent = time.perf_counter() - clock
                best[sentences, length] = min(spent, best.get((sentences, length), spent))
            peaks.setdefault(budget, peak_mib())
    return [
        {
            "seconds": sum(best[shape] / (shape[0] * shape[1]) for shape in shapes[budget]) / bins,
            "peak_mib": peaks[budget],
        }
        for budget in budgets
    ]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--model", default=MINILM, help="folder, or package:NAME/folder")
    parser.add_argument("--budgets", nargs="+", type=int, default=[2048, 4096, 8192, 16_384, 32_768, 65_536])
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--bins", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    head = machine()
    folder, _ = model_config(ModelConfig(name="benchmark", path=chosen.model))
    budgets = sorted(chosen.budgets)
    columns, cells = ["tokens a batch"], [[f"{budget:,}"] for budget in budgets]
    for dtype in chosen.dtypes:
        found = alone(sweep, str(folder), dtype, budgets, chosen.bins, chosen.repeats, chosen.threads)
        columns += [f"{dtype}: tokens/s", "of best", "peak MiB"]
        fastest = min(one["seconds"] for one in found)
        for row, one in zip(cells, found, strict=True):
            row += [1 / one["seconds"], f"{fastest / one['seconds']:.0%}", one["peak_mib"]]
    print(f"{head}\n\n{chosen.model}, {chosen.threads} threads, best of {chosen.repeats}.\n")
    print(table(columns, cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
