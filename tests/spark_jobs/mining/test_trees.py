"""Trees that a user brings, through the whole of mining: counted as the definition says, and refused in one line."""

import json
import random
from collections import Counter

import numpy as np
import pytest

from neuronsig.config import MiningConfig
from neuronsig.errors import InputError
from neuronsig.holdout import is_held_out
from neuronsig.miners.brackets import brackets, parse_tree
from neuronsig.storage.parquet import read_table
from neuronsig.tables import SIGNATURES
from spark_jobs.mining.encode import parse_trees
from spark_jobs.mining.signatures import MiningPaths, mine_model
from tests.neuronsig.miners.reference import subtrees_of
from tests.spark_jobs.mining.small_run import MODEL, random_sentences, write_run

LABELS, TAGS, WORDS = ["S", "NP", "VP"], ["NN", "VB"], ["The", "Cat", "cat", "runs"]


def random_tree(rng, depth=0):
    """A bracketed tree with words at its leaves."""
    if depth == 3 or (depth and rng.random() < 0.4):
        return f"({rng.choice(TAGS)} {rng.choice(WORDS)})"
    return f"({rng.choice(LABELS)} {' '.join(random_tree(rng, depth + 1) for _ in range(rng.randint(1, 3)))})"


def write_trees(path, rows):
    path.write_text("".join(json.dumps({"sentence_id": i, "tree": tree}) + "\n" for i, tree in rows))
    return str(path)


def subtrees(tree):
    """The subtrees of up to three nodes of a bracketed tree, words included, by definition."""
    labels, heads = parse_tree(tree, words=True, lower=True)
    found = subtrees_of([(head - 1, label) for head, label in zip(heads, labels, strict=True)], 3)
    return {brackets(nodes) for nodes in found}


def test_subtrees_of_a_user_s_trees_have_the_counts_of_the_definition(spark, tmp_path):
    rng = random.Random(4)
    trees = {i: f"(SQ {random_tree(rng)})" if i % 3 == 0 else random_tree(rng) for i in range(200) if i % 10}
    rows = [row | {"heads": None} for row in random_sentences(200)]
    run = write_run(tmp_path, rows, {(1, 0): list(range(0, 200, 3))})
    tables = run.sentences, run.topk(MODEL), run.work("e"), run.work("m"), run.signatures(MODEL), run.profiles(MODEL)
    limits = {"min_count": 2, "pattern_min_count": 2, "subtree_min_support": 0.1, "subtree_max_nodes": 3}
    mining = MiningConfig(
        **{**limits, "kinds": ["subtree"], "target": "all", "subtree_labels": "words", "frequent_kept": 10_000},
        trees=write_trees(tmp_path / "trees.jsonl", [*trees.items(), (0, None)]),
        holdout=0.1,
        holdout_by="sentence",
    )
    counts = mine_model(spark, MiningPaths(*tables, run.work("trees")), mining)
    used = [i for i in range(200) if not is_held_out(np.array([i]), 0.1)[0]]
    assert counts["sentences without a tree"] == sum(i % 10 == 0 for i in used)
    held = {i: subtrees(trees[i]) if i in trees else set() for i in used}
    f1 = Counter(pattern for i in used if i % 3 == 0 for pattern in held[i])
    f2 = Counter(pattern for i in used if i % 3 for pattern in held[i])
    found = read_table(run.signatures(MODEL), SIGNATURES).to_pylist()
    found = {row["pattern"][0]: row for row in found if row["kind"] == "subtree"}
    n1, parsed = sum(i % 3 == 0 for i in used), [i for i in used if i in trees]
    with_tree = sum(i % 3 == 0 for i in parsed), sum(i % 3 > 0 for i in parsed)
    assert {(row["n1"], row["n2"]) for row in found.values()} == {with_tree}
    longer = {pattern: f for pattern, f in f1.items() if f >= 0.1 * n1 and pattern.count("(") > 1}
    assert {pattern: row["f1"] for pattern, row in found.items() if pattern.count("(") > 1} == longer
    assert {pattern: row["f2"] for pattern, row in found.items()} == {pattern: f2[pattern] for pattern in found}
    assert "(NN (cat))" in longer
    assert len(longer) > 20
    # A single constituent that stands out makes a row: no profile lists it.
    assert found["(SQ)"]["lrc"] > 1
    assert counts["distinct patterns counted in the corpus"]["subtree"] == sum(f >= 0.1 * n1 for f in f1.values())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [(0, "(S)"), (9, "(S"), (2, "(S (NP)")],
            "2 rows are wrong, the first: sentence_id 2: bracketed tree, character",
        ),
        ([(0, "(S)"), (3, "(S)"), (0, None)], "1 sentences have several rows (first sentence_id 0)"),
        ([(0, "(S)"), (12, "(S)"), (31, None)], "2 rows are of no sentence of the run (first sentence_id 12)"),
        ([(0, None), (1, "")], "holds no tree, and mining.kinds asks for subtrees"),
    ],
    ids=["malformed", "twice", "unknown", "none"],
)
def test_trees_that_are_not_those_of_the_run_are_refused_in_one_line_and_leave_nothing(spark, tmp_path, rows, said):
    run = write_run(tmp_path, random_sentences(10), {(1, 0): [0]})
    path = write_trees(tmp_path / "trees.jsonl", rows)
    with pytest.raises(InputError) as raised:
        parse_trees(spark, path, run.sentences, run.work("trees"), words=False)
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"mining.trees={path}")
    assert "\n" not in str(raised.value)
    assert not run.work("trees").exists()
