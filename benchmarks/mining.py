"""Mining on Spark: the grouped engine against MLlib per neuron, the cost of all kinds and of counting, more workers.

Neurons are taken evenly from the lists of a run. All engines get the same encoded corpus and lists, and write their
patterns; MLlib runs several neurons at once, at 1, 2 and 4 threads, and its best is taken. Seconds a neuron are those
of the processors (of the JVM and all Python workers), because wall time on a shared machine says little; wall seconds
stand beside them. The patterns of both engines are compared row by row, but for neurons whose support MLlib had to
raise: it mines itemsets of all sizes, and they explode.

    python -m benchmarks.mining --run runs/six                     # about 15 minutes on 2 cores
    python -m benchmarks.mining --run runs/six --workers 1 2 4     # the scaling with local-cluster workers besides
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import alone, cores, machine, options, table
from neuronsig.config import MiningConfig, SparkConfig
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.kinds import kind_of, pattern_kinds

FREE: dict[str, Any] = {"pos_max_gap": -1, "pos_max_length": 3, "pos_min_support": 0.05}
COMPARED = {
    "sequences of words, 1 %, length 3": ["word_sequence"],
    "sequences of tags, 5 %, length 3": ["pos_sequence"],
    "itemsets, 10 %, size 3": ["itemset"],
}
THREADS = (1, 2, 4)
GAIN = 1.1
"""Times as fast that more workers must be for anything to follow of still more."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a neuron without counting, and of counting the patterns of `neurons` neurons in the corpus."""

    each: float
    counting: float
    neurons: int

    def minutes(self, neurons: int, cores: float) -> str:
        """With the counting as it was measured, and with one that grows as the neurons do.

        All patterns are counted in one pass. More neurons have more distinct ones, though not as many times more.
        """
        low = neurons * self.each + self.counting
        high = neurons * (self.each + self.counting / self.neurons)
        return f"{low / cores / 60:.1f} to {high / cores / 60:.1f} minutes"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--run", required=True, type=Path, help="run directory with sentences/ and topk/")
    parser.add_argument("--model", default="minilm", help="folder of topk/")
    parser.add_argument("--neurons", type=int, default=64, help="neurons that the grouped engine mines")
    parser.add_argument("--mllib-neurons", type=int, default=8, help="neurons that MLlib mines")
    parser.add_argument("--min-count", type=int, default=10, help="sentences of a pattern, at least")
    parser.add_argument("--all", type=int, default=2304, help="neurons that the time is extrapolated to")
    parser.add_argument("--workers", type=int, nargs="*", default=[], help="local-cluster workers of one core each")
    parser.add_argument("--driver-memory", default="2g")
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="neuronsig-mining-") as folder:
        bench = Bench(given, Path(folder), f"local[{given.threads}]")
        bench.against_mllib()
        cost = bench.everything()
        bench.stop()
        if given.workers:
            scaling(given, Path(folder), cost)


def scaling(given: Any, folder: Path, cost: Cost) -> None:
    """Wall seconds of the same neurons with more workers, and what follows for a cluster."""
    seconds = {workers: alone(mine_on_cluster, given, folder, workers) for workers in given.workers}
    fewest = min(seconds)
    first = seconds[fewest] * fewest
    rows = [(f"{workers} workers", wall, first / wall / workers) for workers, wall in seconds.items()]
    print(
        f"\n{given.neurons} neurons, all kinds, on local-cluster workers of one core; the machine has {cores()} cores\n"
    )
    print(table(("", "wall seconds", "efficiency"), rows))
    print(f"\n{on_cluster(cost, seconds, cores())}")


def on_cluster(cost: Cost, seconds: Mapping[int, float], machine_cores: int) -> str:
    """What follows for 64 cores from the wall seconds by number of workers; nothing where more did not gain."""
    within = [workers for workers in seconds if workers <= machine_cores]
    fewest, most = min(within, default=0), max(within, default=0)
    if not within or seconds[fewest] < GAIN * seconds[most]:
        return f"Scaling was not shown within the {machine_cores} cores of this machine: no time on a cluster follows"
    share = fewest * seconds[fewest] / (most * seconds[most])
    return f"9,216 neurons on 64 cores, at {share:.0%} of linear scaling: {cost.minutes(9216, 64 * share)}"


def mine_on_cluster(given: Any, folder: Path, workers: int) -> float:
    """Wall seconds of mining all neurons and kinds on so many workers, the second time."""
    bench = Bench(given, folder, f"local-cluster[{workers},1,2048]")
    try:
        bench.mine("grouped", bench.neurons[:2], bench.mining)
        clock = time.monotonic()
        bench.mine("grouped", bench.neurons, bench.mining)
        return time.monotonic() - clock
    finally:
        bench.stop()


class Bench:
    """A Spark session, the encoded corpus of a run, and some of its neurons."""

    def __init__(self, given: Any, folder: Path, master: str) -> None:
        from spark_jobs.mining.batches import count_neurons, read_topk
        from spark_jobs.mining.encode import encode_sentences
        from spark_jobs.session import spark_session
        from spark_jobs.shared import share
        from spark_jobs.tables import read_files, uri

        local = master.startswith("local[")
        conf = ["spark.scheduler.mode=FAIR"] + ([] if local else ["spark.executor.memory=1500m"])
        config = SparkConfig(master=master, driver_memory=given.driver_memory, conf=conf)
        self.spark = spark_session(config, "mining benchmark")
        self.folder, self.topk, self.given = folder, given.run / "topk" / given.model, given
        self.mining = MiningConfig(pattern_min_count=given.min_count)
        counts = count_neurons(read_topk(self.spark, self.topk), self.topk)
        chosen = np.unique(np.linspace(0, len(counts) - 1, given.neurons).astype(int))
        self.neurons = [list(counts)[i] for i in chosen]
        self.counts = counts
        self.dictionary: Dictionary = encode_sentences(
            self.spark, given.run / "sentences", folder / "encoded", self.mining
        )
        self.shared = share(self.dictionary, folder / "shared")
        self.encoded = read_files(self.spark, uri(folder / "encoded" / "sentences"))

    def stop(self) -> None:
        self.spark.stop()

    def mine(self, engine: str, neurons: Sequence[int], mining: MiningConfig) -> Path:
        """The patterns' table, written anew."""
        from spark_jobs.mining.batches import lists_of, mine_grouped
        from spark_jobs.mining.mllib import mine_mllib
        from spark_jobs.tables import uri

        out = self.folder / engine
        lists = lists_of(self.spark, self.topk, neurons)
        if engine == "mllib":
            mine_mllib(lists, self.encoded, self.shared, mining, neurons, out)
        else:
            rows = sum(self.counts[code] for code in neurons)
            found = mine_grouped(lists, self.encoded, self.shared, mining, rows)
            found.write.mode("overwrite").parquet(uri(out))
        return out

    def against_mllib(self) -> None:
        """CPU and wall seconds a neuron of both engines for the kinds that both have."""
        few = self.neurons[:: max(len(self.neurons) // self.given.mllib_neurons, 1)][: self.given.mllib_neurons]
        rows = []
        for name, kinds in COMPARED.items():
            mining = replace(self.mining, kinds=kinds, **FREE)
            assert all(kind_of(kind).in_mllib for kind in kinds)
            self.mine("grouped", few, mining)  # compiles, and starts the workers
            same = self.rows(self.folder / "grouped")
            own = measured(lambda m=mining: self.mine("grouped", self.neurons, m))  # type: ignore[misc]
            theirs: list[tuple[float, float, int]] = []
            for threads in THREADS[:1] if self.given.neurons < 8 else THREADS:
                with_threads = replace(mining, engine="mllib", concurrency=threads)
                seconds = measured(lambda m=with_threads: self.mine("mllib", few, m))  # type: ignore[misc]
                theirs.append((seconds[0] / len(few), seconds[1] / len(few), threads))
            differ = self.rows(self.folder / "mllib") ^ same
            raised = {row[0] for row in differ if row[4]}
            if any(row[0] not in raised for row in differ):
                sys.exit(f"{name}: the engines' patterns differ")
            if raised:
                print(
                    f"{name}: MLlib raised the support of {len(raised)} of {len(few)} neurons, the others are the same"
                )
            cpu, wall, threads = min(theirs)
            grouped = [s / len(self.neurons) for s in own]
            rows.append((name, len(same), cpu, wall, threads, *grouped, cpu / grouped[0], wall / grouped[1]))
        print(f"\nSeconds a neuron; MLlib on {len(few)} neurons, grouped on {len(self.neurons)}\n")
        columns = ("", f"patterns of {len(few)}", "MLlib, CPU", "wall", "threads", "grouped, CPU", "wall", "CPU ratio")
        print(table((*columns, "wall ratio"), rows))

    def rows(self, out: Path) -> set[tuple[Any, ...]]:
        """All rows of a patterns' table."""
        from spark_jobs.tables import read_files, uri

        found = read_files(self.spark, uri(out)).collect()
        return {(r["neuron"], r["kind"], bytes(r["items"]), bytes(r["strata"]), r["raised"]) for r in found}

    def everything(self) -> Cost:
        """Seconds by part for all kinds."""
        from spark_jobs.mining.judged import chunks_of, count_chunk, count_reference, gather, judge_patterns
        from spark_jobs.tables import read_files, uri, write_once

        n = len(self.neurons)
        parts: list[tuple[str, float, float]] = []
        out: list[Any] = []

        def part(name: str, run: Callable[[], Any]) -> None:
            parts.append((name, *measured(lambda: out.append(run()))))

        part("mining", lambda: self.mine("grouped", self.neurons, self.mining))
        raw = read_files(self.spark, uri(out[-1]))
        judged = self.folder / "judged"
        part("counting", lambda: count_reference(raw, self.encoded, self.shared, self.mining, judged))
        counted, distinct = out[-1]
        if counted is None:
            sys.exit("no pattern is frequent: give --min-count a lower number")
        part("gathering", lambda: write_once(judged / "gathered", lambda: gather(raw, counted, n)))
        gathered = read_files(self.spark, out[-1])
        tests = {kind: n * distinct.get(kind, 0) for kind in (kind.name for kind in pattern_kinds())}
        target = uri(self.folder / "signatures")
        part(
            "judging and writing",
            lambda: judge_patterns(gathered, self.shared, self.mining, tests).write.mode("overwrite").parquet(target),
        )
        print(f"\nAll kinds of {n} neurons, {raw.count():,} patterns, {sum(distinct.values()):,} of them distinct\n")
        cpu = sum(row[1] for row in parts)
        rows = [*parts, ("together", cpu, sum(row[2] for row in parts))]
        print(table(("", "CPU seconds", "wall", "CPU seconds a neuron"), [(*row, row[1] / n) for row in rows]))
        print(
            f"\nMost memory of all processes together: {peak_memory():,.0f} MiB (JVM heap {self.given.driver_memory})"
        )
        cost = Cost((cpu - parts[1][1]) / n, parts[1][1], n)
        print(
            f"{self.given.all:,} neurons on {cores()} cores: {cost.minutes(self.given.all, cores())}, nothing else "
            "running; the first with the counting above, the second with one that grows as the neurons do"
        )
        million = self.dictionary.n_sentences / 1e6
        counting = []
        for chunk in chunks_of(judged / "candidates", 1 << 30):
            seconds, _ = measured(
                lambda c=chunk: count_chunk(c, self.encoded, self.shared, self.mining, self.folder / "chunk")  # type: ignore[misc]
            )
            counting.append((chunk.kind, chunk.patterns, seconds, seconds / million))
        print("\nCounting in the corpus\n")
        print(table(("", "patterns", "CPU seconds", "for 1M sentences"), counting))
        shutil.rmtree(judged)
        return cost


def measured(run: Callable[[], Any]) -> tuple[float, float]:
    """CPU seconds of this process and all below it, and wall seconds."""
    cpu, wall = tree_seconds(), time.monotonic()
    run()
    return tree_seconds() - cpu, time.monotonic() - wall


def tree_seconds() -> float:
    """CPU seconds of this process and of all below it, ended ones included where their parent has waited for them."""
    return sum(sum(map(int, fields[11:15])) for _, fields in below()) / os.sysconf("SC_CLK_TCK")


def peak_memory() -> float:
    """The sum of the most that each living process below this one has held, MiB."""
    total = 0.0
    for pid, _ in below():
        with ended():
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return total


def below() -> list[tuple[int, list[str]]]:
    """This process and all below it: ids and what /proc/<id>/stat says after the name."""
    found: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with ended():
            found[int(path.name)] = (path / "stat").read_text().rpartition(")")[2].split()
    family = {os.getpid()}
    while True:
        more = {pid for pid, fields in found.items() if int(fields[1]) in family} - family
        if not more:
            return [(pid, found[pid]) for pid in family if pid in found]
        family |= more


def ended() -> suppress:
    """A process may end while it is being read."""
    return suppress(OSError, IndexError)


if __name__ == "__main__":
    main()
