"""The miners against Spark MLlib: core-seconds a neuron of both on the same sentences, and the ratios.

A neuron's top sentences are played by random sentences of a treebank. MLlib gets its rows in memory, in one partition,
and drops its result; it runs several neurons at once, at 1, 2 and 4 threads, and its best is taken. Ours runs on one
thread, from arrays to patterns. The patterns of the first neuron are compared one by one. Both are measured in CPU
seconds of their processes, because wall time on a shared machine says little; wall seconds stand beside them.

Then all kinds for one neuron, also those that MLlib does not have, with FREQT against a plain one in Python, and what
that makes for all neurons of a model. `--cold` measures the compilation instead, in processes of their own.

    python -m benchmarks.miners --treebank FILE.conllu [...]     # about 3 minutes on 2 cores
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import machine, table
from benchmarks.drawn_neurons import Corpus, Neuron, draw, read_corpus, split
from neuronsig.config import SparkConfig
from neuronsig.miners.counting import count_sequences, count_subtrees
from neuronsig.miners.frequent import frequent_itemsets, frequent_sequences, frequent_subtrees, stack
from neuronsig.miners.mined_patterns import Limits, MinedPatterns, support_count
from neuronsig.miners.trees import forest
from neuronsig.miners.trie import CountingTrie

WORDS, TAGS, ITEMS = 0.01, 0.05, 0.1  # least support of each kind, as in conf/mining
THREADS = (1, 2, 4)


def main() -> None:
    options = _options()
    corpus = read_corpus(options.treebank)
    rng = np.random.default_rng(0)
    neurons = [draw(corpus, rng, options.sentences) for _ in range(options.neurons)]
    n = options.sentences
    print(machine())
    if options.cold:
        return cold()
    print(f"\n{len(neurons)} neurons of {n:,} of {len(corpus.words):,} sentences; seconds a neuron\n")

    longest = Limits(max_length=3, max_patterns=None)
    kinds: dict[str, tuple[Callable[[Neuron], MinedPatterns], Callable[[Any, Neuron], Any]]] = {
        "words, 1 %, length 3": (
            lambda neuron: frequent_sequences(neuron.words, neuron.offsets, support_count(WORDS, n), longest),
            lambda spark, neuron: prefix_span(spark, neuron.words, neuron.offsets, support_count(WORDS, n)),
        ),
        "POS, 5 %, length 3": (
            lambda neuron: frequent_sequences(neuron.tags, neuron.offsets, support_count(TAGS, n), longest),
            lambda spark, neuron: prefix_span(spark, neuron.tags, neuron.offsets, support_count(TAGS, n)),
        ),
        "itemsets, 10 %, size 3": (
            lambda neuron: frequent_itemsets(neuron.items, neuron.item_offsets, support_count(ITEMS, n), longest),
            lambda spark, neuron: fp_growth(spark, neuron.items, neuron.item_offsets, support_count(ITEMS, n)),
        ),
    }
    from spark_jobs.session import spark_session

    config = SparkConfig(master="local[2]", driver_memory=options.driver_memory, shuffle_partitions=2)
    spark = spark_session(config, "miners' benchmark")
    spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
    rows = []
    for name, (ours, theirs) in kinds.items():
        prepared = [theirs(spark, neuron) for neuron in neurons]
        wanted = {tuple(row[0]): row[1] for row in prepared[0]().collect()}
        found = ours(neurons[0])
        if found.counts() != wanted:
            sys.exit(f"{name}: MLlib finds {len(wanted):,} patterns, ours {len(found):,}, and they differ")
        cpu, wall, threads = best_of_mllib(spark, prepared)
        own_cpu, own_wall = measured(partial(mine_all, ours, neurons), len(neurons))
        rows.append((name, len(found), cpu, wall, threads, own_cpu, own_wall, cpu / own_cpu))
    spark.stop()
    print(table(("", "patterns", "MLlib, CPU", "wall", "threads", "ours, CPU", "wall", "CPU ratio"), rows))
    everything(neurons[0], corpus, options.all)


def mine_all(ours: Callable[[Neuron], MinedPatterns], neurons: list[Neuron]) -> None:
    for neuron in neurons:
        ours(neuron)


def everything(neuron: Neuron, corpus: Corpus, neurons: int) -> None:
    """All kinds for one neuron, those without MLlib's limits too, and the sum for a model."""
    n = len(neuron)
    support = lambda share: support_count(share, n)  # noqa: E731
    stacked = stack([neuron.words, neuron.tags], neuron.offsets)
    trees = forest(neuron.tags - corpus.n_words, neuron.heads, neuron.offsets, corpus.n_tags)
    word_trees = forest(neuron.words, neuron.heads, neuron.offsets, corpus.n_words)
    near = Limits(max_length=5, max_gap=2, max_window=6)

    def mixed(limits: Limits) -> MinedPatterns:
        return frequent_sequences(stacked[0], stacked[1], support(WORDS), limits, stacked[2])

    def words(limits: Limits) -> MinedPatterns:
        return frequent_sequences(neuron.words, neuron.offsets, support(WORDS), limits)

    def tags(limits: Limits, share: float = TAGS) -> MinedPatterns:
        return frequent_sequences(neuron.tags, neuron.offsets, support(share), limits)

    def itemsets(limits: Limits) -> MinedPatterns:
        return frequent_itemsets(neuron.items, neuron.item_offsets, support(0.01), limits)

    def built() -> None:
        forest(neuron.tags - corpus.n_words, neuron.heads, neuron.offsets, corpus.n_tags)

    rows: dict[str, Callable[[], Any]] = {
        "words, 1 %, length 3, closed": lambda: words(Limits(max_length=3, target="closed")),
        "words, 1 %, length 5, gap 2, window 6": lambda: words(near),
        "POS, 5 %, length 3, closed": lambda: tags(Limits(max_length=3, target="closed")),
        "POS, 2 %, length 5, gap 2, window 6": lambda: tags(near, 0.02),
        "words and POS mixed, 1 %, length 3, gap 2": lambda: mixed(Limits(max_length=3, max_gap=2)),
        "words and POS mixed, 1 %, length 3": lambda: mixed(Limits(max_length=3)),
        "itemsets, 1 %, size 3, closed": lambda: itemsets(Limits(max_length=3, target="closed")),
        "trees from heads": built,
        "subtrees of POS, 1 %, 5 nodes, closed": lambda: frequent_subtrees(
            trees, support(0.01), Limits(max_length=5, target="closed")
        ),
        "subtrees of words, 0.5 %, 4 nodes, closed": lambda: frequent_subtrees(
            word_trees, support(0.005), Limits(max_length=4, target="closed")
        ),
    }
    shown: list[tuple[object, ...]] = []
    for name, run in rows.items():
        found = run()
        facts = (len(found), found.asked, found.applied) if isinstance(found, MinedPatterns) else (None, None, None)
        shown.append((name, *facts, measured(run, 1)[0]))
    total = sum(float(str(row[-1])) for row in shown)
    print("\nOne neuron, one core\n")
    print(table(("", "patterns", "support asked", "applied", "CPU seconds"), shown))
    print(f"\nAll of them: {total:.2f} s; {neurons:,} neurons on 2 cores: {neurons * total / 120:.1f} minutes")

    limits = Limits(max_length=4, max_patterns=None)
    ours, _ = measured(lambda: frequent_subtrees(trees, support(TAGS), limits), 1)
    clock = time.process_time()
    wanted = plain_freqt(neuron, support(TAGS), 4)
    plain = time.process_time() - clock
    if sorted(wanted) != sorted(frequent_subtrees(trees, support(TAGS), limits).supports.tolist()):
        sys.exit("plain FREQT and ours differ")
    print("\nFREQT against a plain one, and counting of given patterns\n")
    row = ("subtrees of POS, 5 %, 4 nodes", len(wanted), plain, ours, plain / ours)
    print(table(("", "patterns", "plain, CPU", "ours, CPU", "ratio"), [row]))

    counted = []
    found = words(Limits(max_length=3))
    trie = CountingTrie(list(found))
    seconds, _ = measured(lambda: count_sequences(trie, neuron.words, neuron.offsets), 1)
    counted.append(("words, free gaps", len(found), seconds, seconds * 1e6 / n))
    found = frequent_subtrees(trees, support(0.01), Limits(max_length=5))
    subtree_trie = CountingTrie(list(found))
    seconds, _ = measured(lambda: count_subtrees(subtree_trie, trees), 1)
    counted.append(("subtrees of POS", len(found), seconds, seconds * 1e6 / n))
    print("\n" + table(("counting", "patterns", "CPU seconds", "for 1M sentences"), counted))


def measured(run: Callable[[], Any], share: int, least: float = 0.5) -> tuple[float, float]:
    """CPU and wall seconds of one of `share` equal parts, warm, over at least `least` seconds."""
    run()
    cpu, wall, times = time.process_time(), time.monotonic(), 0
    while times == 0 or time.process_time() - cpu < least:
        run()
        times += 1
    return (time.process_time() - cpu) / share / times, (time.monotonic() - wall) / share / times


def best_of_mllib(spark: Any, prepared: list[Callable[[], Any]]) -> tuple[float, float, int]:
    """CPU and wall seconds a neuron, and the number of threads that needs least CPU."""
    java = int(spark._jvm.java.lang.ProcessHandle.current().pid())
    results = []
    for threads in (*THREADS[:1], *THREADS):  # the first round warms up
        with ThreadPoolExecutor(threads) as pool:
            cpu, wall = process_seconds(java) + time.process_time(), time.monotonic()
            list(pool.map(lambda run: run().write.format("noop").mode("overwrite").save(), prepared))
            cpu, wall = process_seconds(java) + time.process_time() - cpu, time.monotonic() - wall
        results.append((cpu / len(prepared), wall / len(prepared), threads))
    return min(results[1:])


def process_seconds(pid: int) -> float:
    """CPU seconds that a process has used, of the user and of the system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prefix_span(spark: Any, items: NDArray[np.int64], offsets: NDArray[np.int64], count: int) -> Callable[[], Any]:
    """MLlib's patterns as a lazy table; its rows are in memory when this returns."""
    from pyspark.ml.fpm import PrefixSpan

    rows = [([[item] for item in row],) for row in split(items, offsets)]
    frame = spark.createDataFrame(rows, "sequence array<array<int>>").coalesce(1).cache()
    frame.count()
    # MLlib rounds minSupport * rows up: half a sentence less makes the count exact.
    miner = PrefixSpan(minSupport=(count - 0.5) / len(rows), maxPatternLength=3)
    return lambda: miner.findFrequentSequentialPatterns(frame).selectExpr("flatten(sequence)", "freq")


def fp_growth(spark: Any, items: NDArray[np.int64], offsets: NDArray[np.int64], count: int) -> Callable[[], Any]:
    """As `prefix_span`; MLlib has no limit of size, so larger itemsets are mined and dropped."""
    from pyspark.ml.fpm import FPGrowth

    frame = spark.createDataFrame([(row,) for row in split(items, offsets)], "items array<int>").coalesce(1).cache()
    rows = frame.count()
    miner = FPGrowth(minSupport=(count - 0.5) / rows, numPartitions=1)
    return lambda: miner.fit(frame).freqItemsets.where("size(items) <= 3").selectExpr("sort_array(items)", "freq")


def plain_freqt(neuron: Neuron, min_count: int, most: int) -> list[int]:
    """Supports of all frequent subtrees by FREQT as one would write it: dictionaries of tuples, level by level."""
    children: dict[tuple[int, int], list[int]] = {}
    parent, label = {}, {}
    sentences = zip(split(neuron.heads, neuron.offsets), split(neuron.tags, neuron.offsets), strict=True)
    for s, (heads, tags) in enumerate(sentences):
        for i, (head, tag) in enumerate(zip(heads, tags, strict=True)):
            parent[s, i], label[s, i] = head - 1, tag
            children.setdefault((s, head - 1), []).append(i)
    level: dict[tuple[tuple[int, int], ...], set[tuple[int, int]]] = {}
    for place, name in label.items():
        level.setdefault(((0, name),), set()).add(place)
    supports = []
    for _ in range(most):
        level = {p: places for p, places in level.items() if len({s for s, _ in places}) >= min_count}
        supports += [len({s for s, _ in places}) for places in level.values()]
        longer: dict[tuple[tuple[int, int], ...], set[tuple[int, int]]] = {}
        for pattern, places in level.items():
            for s, i in places:
                depth, under, after = pattern[-1][0] + 1, i, -1
                while depth > 0:
                    for child in children.get((s, under), []):
                        if child > after:
                            longer.setdefault((*pattern, (depth, label[s, child])), set()).add((s, child))
                    depth, under, after = depth - 1, parent[s, under], under
        level = longer
    return supports


def cold() -> None:
    """Compile everything in a new process with an empty folder, then again with what that left there."""
    code = """
import time; wall, cpu = time.monotonic(), time.process_time()
from neuronsig.miners.__main__ import main; main()
print(time.process_time() - cpu, time.monotonic() - wall)
"""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            done = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            )
            rows.append((name, *map(float, done.stdout.split())))
    print("\n" + table(("all kernels", "CPU seconds", "wall seconds"), rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treebank", nargs="+", required=True, help="CoNLL-U files")
    parser.add_argument("--sentences", type=int, default=10_000, help="sentences of a neuron")
    parser.add_argument("--neurons", type=int, default=8)
    parser.add_argument("--all", type=int, default=2304, help="neurons that the time is extrapolated to")
    parser.add_argument("--driver-memory", default="2g")
    parser.add_argument("--cold", action="store_true", help="only the seconds of compilation")
    return parser.parse_args()


if __name__ == "__main__":
    main()
