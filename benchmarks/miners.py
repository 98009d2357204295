"""The miners against Spark MLlib: core-seconds a neuron of both on the same sentences, and the ratios.

A neuron's top sentences are played by random sentences of a treebank. MLlib gets its rows in memory, in one partition,
and drops its result; it runs several neurons at once, at 1, 2 and 4 threads, and its best is taken. Ours runs on one
thread, from arrays to patterns. The patterns of the first neuron are compared one by one. Both are measured in CPU
seconds of their processes, because wall time on a shared machine says little; wall seconds stand beside them.

Then all kinds for one neuron, also those that MLlib does not have, with FREQT against a plain one in Python, and what
that makes for all neurons of a model. `--cold` measures the compilation instead, in processes of their own.

    python benchmarks/miners.py --treebank FILE.conllu [...] [--sentences 10000] [--neurons 8] [--all 2304]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.config import SparkConfig
from neuronsig.miners.counting import CountingTrie, count_sequences, count_subtrees
from neuronsig.miners.found import Limits, Patterns, support_count
from neuronsig.miners.itemsets import frequent_itemsets
from neuronsig.miners.sequences import frequent_sequences, stack
from neuronsig.miners.subtrees import frequent_subtrees
from neuronsig.miners.trees import forest
from neuronsig.treebank import Word, read_conllu

WORDS, TAGS, ITEMS = 0.01, 0.05, 0.1  # least support of each kind, as in conf/mining
COMMON = 0.9  # an item in more of the corpus's sentences forms no itemsets, as in conf/mining
THREADS = (1, 2, 4)


@dataclass
class Corpus:
    """Encoded sentences: codes of words, then of tags, then of metadata values."""

    words: list[NDArray[np.int64]]
    tags: list[NDArray[np.int64]]
    heads: list[NDArray[np.int64]]
    items: list[NDArray[np.int64]]  # distinct words, tags and metadata values
    n_words: int
    n_tags: int


@dataclass
class Neuron:
    """The top sentences of one neuron, flat; `items` have offsets of their own."""

    words: NDArray[np.int64]
    tags: NDArray[np.int64]
    heads: NDArray[np.int64]
    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    item_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def main() -> None:
    options = _options()
    corpus = read_corpus(options.treebank)
    rng = np.random.default_rng(0)
    neurons = [draw(corpus, rng, options.sentences) for _ in range(options.neurons)]
    n = options.sentences
    print(f"{_cpu()}; {len(neurons)} neurons of {n:,} of {len(corpus.words):,} sentences")
    if options.cold:
        return cold()

    longest = Limits(max_length=3, max_patterns=None)
    kinds: dict[str, tuple[Callable[[Neuron], Patterns], Callable[[Any, Neuron], Any]]] = {
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
    print(f"\n{'':26}{'patterns':>9}{'MLlib':>9}{'wall':>7}{'threads':>9}{'ours':>9}{'wall':>8}{'times':>8}")
    for name, (ours, theirs) in kinds.items():
        prepared = [theirs(spark, neuron) for neuron in neurons]
        wanted = {tuple(row[0]): row[1] for row in prepared[0]().collect()}
        found = ours(neurons[0])
        if found.counts() != wanted:
            sys.exit(f"{name}: MLlib finds {len(wanted):,} patterns, ours {len(found):,}, and they differ")
        cpu, wall, threads = best_of_mllib(spark, prepared)
        own_cpu, own_wall = measured(partial(mine_all, ours, neurons), len(neurons))
        print(
            f"{name:26}{len(found):9,}{cpu:9.2f}{wall:7.2f}{threads:9}{own_cpu:9.4f}{own_wall:8.4f}{cpu / own_cpu:8.1f}"
        )
    spark.stop()
    everything(neurons[0], corpus, options.all)


def mine_all(ours: Callable[[Neuron], Patterns], neurons: list[Neuron]) -> None:
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

    def mixed(limits: Limits) -> Patterns:
        return frequent_sequences(stacked[0], stacked[1], support(WORDS), limits, stacked[2])

    def words(limits: Limits) -> Patterns:
        return frequent_sequences(neuron.words, neuron.offsets, support(WORDS), limits)

    def tags(limits: Limits, share: float = TAGS) -> Patterns:
        return frequent_sequences(neuron.tags, neuron.offsets, support(share), limits)

    def itemsets(limits: Limits) -> Patterns:
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
    print(f"\n{'one neuron, one core':44}{'patterns':>9}{'support':>9}{'seconds':>9}")
    total = 0.0
    for name, run in rows.items():
        found = run()
        seconds, _ = measured(run, 1)
        total += seconds
        shown = f"{len(found):9,}{found.applied:9,}" if isinstance(found, Patterns) else " " * 18
        print(f"{name:44}{shown}{seconds:9.4f}" + (" (support raised)" if shown.strip() and found.raised else ""))
    print(f"{'all of them':62}{total:9.4f}; {neurons:,} neurons on 2 cores: {neurons * total / 120:.1f} minutes")

    limits = Limits(max_length=4, max_patterns=None)
    ours, _ = measured(lambda: frequent_subtrees(trees, support(TAGS), limits), 1)
    clock = time.process_time()
    wanted = plain_freqt(neuron, support(TAGS), 4)
    plain = time.process_time() - clock
    if sorted(wanted) != sorted(frequent_subtrees(trees, support(TAGS), limits).supports.tolist()):
        sys.exit("plain FREQT and ours differ")
    print(f"FREQT of POS, 5 %, 4 nodes ({len(wanted):,}): plain {plain:.2f} s, ours {ours:.4f} s, {plain / ours:.0f} x")

    print(f"\n{'counting given patterns, one core':44}{'patterns':>9}{'seconds':>9}{'s per 1M sentences':>20}")
    found = words(Limits(max_length=3))
    trie = CountingTrie(list(found))
    seconds, _ = measured(lambda: count_sequences(trie, neuron.words, neuron.offsets), 1)
    print(f"{'words, free gaps':44}{len(found):9,}{seconds:9.4f}{seconds * 1e6 / n:20.2f}")
    found = frequent_subtrees(trees, support(0.01), Limits(max_length=5))
    subtree_trie = CountingTrie(list(found))
    seconds, _ = measured(lambda: count_subtrees(subtree_trie, trees), 1)
    print(f"{'subtrees of POS':44}{len(found):9,}{seconds:9.4f}{seconds * 1e6 / n:20.2f}")


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


def split(items: NDArray[np.int64], offsets: NDArray[np.int64]) -> list[list[int]]:
    return [row.tolist() for row in np.split(items, offsets[1:-1])]


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


def read_corpus(files: list[str]) -> Corpus:
    """Words in lower case, tags, heads and, as metadata, genre, document and length, as the treebank names them."""
    sentences: list[list[Word]] = []
    names: list[str] = []
    for file in files:
        sentences += read_conllu(file)
        names += re.findall(r"^# sent_id = (.*)$", Path(file).read_text(encoding="utf-8"), re.MULTILINE)
    pairs = [(s, name) for s, name in zip(sentences, names, strict=True) if len(s) >= 3]
    fields = [
        (f"genre {name.split('-')[0]}", f"document {name.rpartition('-')[0]}", f"length {len(s) // 10}")
        for s, name in pairs
    ]
    words: dict[str, int] = {}
    tags: dict[str, int] = {}
    values: dict[str, int] = {}
    for s, _ in pairs:
        for word in s:
            words.setdefault(word.form.lower(), len(words))
            tags.setdefault(word.tag, len(tags))
    for row in fields:
        for value in row:
            values.setdefault(value, len(words) + len(tags) + len(values))
    flat_words = [np.array([words[w.form.lower()] for w in s]) for s, _ in pairs]
    flat_tags = [np.array([len(words) + tags[w.tag] for w in s]) for s, _ in pairs]
    items = [
        np.unique(np.concatenate((w, t, [values[v] for v in row])))
        for w, t, row in zip(flat_words, flat_tags, fields, strict=True)
    ]
    common = np.bincount(np.concatenate(items)) > COMMON * len(items)
    items = [row[~common[row]] for row in items]
    heads = [np.array([w.head for w in s]) for s, _ in pairs]
    return Corpus(flat_words, flat_tags, heads, items, len(words), len(tags))


def draw(corpus: Corpus, rng: np.random.Generator, sentences: int) -> Neuron:
    """Random sentences without repetition."""
    if sentences > len(corpus.words):
        sys.exit(f"--sentences {sentences}: the treebank has {len(corpus.words)} of 3 words or more")
    chosen = rng.permutation(len(corpus.words))[:sentences]
    words, tags, heads, items = (
        np.concatenate([rows[i] for i in chosen]) for rows in (corpus.words, corpus.tags, corpus.heads, corpus.items)
    )
    offsets, item_offsets = (
        np.concatenate(([0], np.cumsum([len(rows[i]) for i in chosen]))) for rows in (corpus.words, corpus.items)
    )
    return Neuron(words, tags, heads, offsets, items, item_offsets)


def cold() -> None:
    """Compile everything in a new process with an empty folder, then again with what that left there."""
    code = """
import time; wall, cpu = time.monotonic(), time.process_time()
import numpy as np
from neuronsig.miners import counting, itemsets, sequences, subtrees, trees
items, offsets = np.array([1, 2]), np.array([0, 2])
sequences.frequent_sequences(items, offsets, 1)
itemsets.frequent_itemsets(items, offsets, 1)
forest = trees.forest(items, np.array([0, 1]), offsets, 3)
subtrees.frequent_subtrees(forest, 1)
trie = counting.CountingTrie([(1,)])
counting.count_sequences(trie, items, offsets)
counting.count_subtrees(trie, forest)
print(f"{time.process_time() - cpu:6.2f} CPU s, {time.monotonic() - wall:6.2f} s wall")
"""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("all kernels, cold", "all kernels, warm"):
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            said = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            )
            print(f"{name:26}{said.stdout.strip()}")


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", _cpu_info())
    return f"{found.group(1) if found else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def _cpu_info() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


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
