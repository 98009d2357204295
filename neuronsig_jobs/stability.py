"""How stable are signatures: do two disjoint halves of the corpus give the same ones, and from how many sentences on?

Reads RUN/topk/<model>, RUN/sentences and how RUN/signatures/<model> was mined. Every sentence belongs to one of two
halves by a hash of its id, so each neuron's list falls into the exact top lists of both. From the first stability.k
sentences of each, words and word sequences are mined and judged as mine does it, and the strongest stability.top
compared by rank-biased overlap and Jaccard index, for stability.neurons neurons. Writes
RUN/analysis/<model>/stability.parquet (one row a neuron, kind and k), stability.csv (by layer) and stability.png, and
says how many sentences are enough: the fewest with 95 % of the agreement of the most, or that it still rises there. An
interrupted run goes on where it stopped.

Example:  neuronsig stability run=runs/six model=minilm
          neuronsig stability run=runs/six stability.neurons=0 stability.k=[500,2000,4000]
"""

from typing import Any

import pandas as pd
import pyarrow as pa

from neuronsig.config import Config, as_plan
from neuronsig.constant_units import left_out
from neuronsig.figures.curves import stability_figure
from neuronsig.figures.style import save
from neuronsig.mining.halves import KINDS, Settings, read_halves
from neuronsig.mining.stability import enough, enough_text, usable_sizes
from neuronsig.progress import show_table, task
from neuronsig.readers import held_out_ids
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.results import STABILITY_FILE
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import check_table, read_parquet, table_files, write_parquet
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter_on_ray, inputs_of
from neuronsig_ray.evaluate.stability import measure

ENOUGH = 0.95
"""Share of the agreement at the largest k from which fewer sentences are enough, as usual as 95 % limits."""


def run(config: Config) -> Summary:
    """Measure the agreement of both halves, unless it is there, and return how many sentences are enough."""
    directory, name, rules = RunDirectory.existing(config.run), config.model.name, config.stability
    plan = {"inputs": inputs_of(config, "stability"), "stability": as_plan(rules) | {"enough": ENOUGH}}
    with enter_on_ray(config, "stability", plan) as (stage, start_ray):
        if not stage.done:
            check_table(directory.sentences, SENTENCES)
            mining = directory.mined_with(name)
            held_out = held_out_ids(table_files(directory.sentences), mining.held_out)
            lists, neurons = read_halves(directory.topk(name), rules, held_out)
            start_ray()
            stage.begin()
            sizes = usable_sizes(rules.k, lists.shortest)
            settings = Settings(tuple(sizes), rules, mining, neurons)
            work = directory.work("stability", name, stage.fingerprint)
            with task("signatures of both halves", len(lists.neurons), "neurons") as t:
                parts = measure(table_files(directory.sentences), lists, settings, work, t.advance)
            table = pa.concat_tables([read_parquet(part) for part in parts])
            stage.counts |= {
                "neurons": len(lists.neurons),
                **left_out(directory.topk(name)),
                "sizes": ", ".join(f"{k:,}" for k in sizes),
                "sizes asked for that the lists do not have": len(set(rules.k) - set(sizes)),
                **_tell(config, directory, table, sizes),
            }
            remove(work)
    return {**stage.counts, "table": absolute(directory.analysis(name, STABILITY_FILE))}


def _tell(config: Config, directory: RunDirectory, table: pa.Table, sizes: list[int]) -> dict[str, Any]:
    """Write the table, its means by layer and their figure; show the means and return what they say."""
    name, folder = config.model.name, directory.analysis(config.model.name)
    rows = table.to_pandas()
    measured = ["overlap", "jaccard"]
    by_layer = rows.groupby(["kind", "site", "layer", "k"])[measured].mean().round(4).reset_index()
    atomic_write(folder / "stability.csv", by_layer.to_csv(index=False).encode())
    write_parquet(table, folder / STABILITY_FILE)
    means = rows.groupby(["kind", "k"])[measured].mean()
    of = {(kind, what): means.loc[kind, what].to_dict() for kind in KINDS for what in measured}
    fewest = {kind: enough(sizes, of[kind, "overlap"], ENOUGH) for kind in KINDS}
    save(stability_figure(rows, fewest, ENOUGH, name), folder, "stability")
    shown = [
        (kind.replace("_", " "), what, *("" if pd.isna(mean[k]) else f"{mean[k]:.2f}" for k in sizes))
        for (kind, what), mean in of.items()
    ]
    columns = ("patterns", "measure", *(f"{k:,}" for k in sizes))
    show_table("Agreement of two halves of the corpus, by sentences of each", columns, shown)
    last = rows[(rows["k"] == sizes[-1]) & rows["overlap"].isna()]["kind"]
    return {
        "sentences that are enough": {kind: enough_text(n, sizes) for kind, n in fewest.items()},
        "overlap at the most sentences": {kind: round(of[kind, "overlap"][sizes[-1]], 3) for kind in KINDS},
        "neurons without a pattern beyond chance": {kind: int((last == kind).sum()) for kind in KINDS},
    }
