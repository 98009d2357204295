"""Annotation with the parser that ships, and with Spark NLP's own class of the same weights: seconds, and equal tables.

Both in one Spark session by turns, on the sentences of a treebank given as plain text, written as Parquet. CPU seconds
are those of the JVM and of Spark's Python workers.

    python -m benchmarks.annotation --treebank FILE.conllu [...]     # about 3 minutes on 2 cores
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial

from benchmarks.common import machine, table
from benchmarks.mining import measured
from neuronsig.annotation.treebank import read_conllu
from neuronsig.config import SparkConfig

COLUMNS = "sentence_id long, domain string, doc_id string, position int, text string, metadata string"


def main() -> None:
    options = _options()
    texts = [" ".join(word.form for word in words) for path in options.treebank for words in read_conllu(path)]
    texts *= max(1, options.sentences // len(texts))
    from spark_jobs import annotate
    from spark_jobs.annotators import load_tagger, parser_of
    from spark_jobs.parser import parser_texts
    from spark_jobs.session import spark_session

    print(machine())
    spark = spark_session(SparkConfig(master="local[2]", driver_memory="4g"), "annotation's benchmark", nlp=True)
    tagger, theirs = load_tagger(spark, ""), parser_of(spark, *parser_texts())
    with tempfile.TemporaryDirectory() as folder:
        rows = [(i, "d", "x", i, text, json.dumps({})) for i, text in enumerate(texts)]
        spark.createDataFrame(rows, COLUMNS).repartition(8).write.parquet(f"{folder}/texts")
        best: dict[str, tuple[float, float]] = {}
        for repeat in range(options.repeats + 1):
            for name, parser in (("ours", None), ("Spark NLP's", theirs)):
                pipeline = annotate.annotator_pipeline(spark, tagger, parser)
                found = annotate.annotate(spark.read.parquet(f"{folder}/texts"), pipeline, 8)
                cost = measured(partial(found.write.mode("overwrite").parquet, f"{folder}/{name}"))
                # The first of each is warming up.
                best[name] = cost if repeat <= 1 else min(best[name], cost)
        made = [spark.read.parquet(f"{folder}/{name}") for name in best]
        ours, others = (frame.orderBy("sentence_id").toPandas() for frame in made)
        differing = int((ours.heads.map(list) != others.heads.map(list)).sum())
    spark.stop()
    print(f"\n{len(texts):,} sentences, best of {options.repeats}; sentences whose heads differ: {differing}\n")
    lines = [
        (name, *cost, len(texts) / cost[1], *(a / b for a, b in zip(cost, best["ours"], strict=True)))
        for name, cost in best.items()
    ]
    print(table(("parser", "CPU seconds", "wall", "sentences/s", "CPU ratio", "wall ratio"), lines))
    sys.exit(differing > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treebank", nargs="+", required=True, help="CoNLL-U files")
    parser.add_argument("--sentences", type=int, default=10_000, help="at least so many, the treebank repeated")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
