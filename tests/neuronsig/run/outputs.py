"""Tiny outputs of the stages, one function a part, by the functions that make the tables: what a version stands for.

Inputs are literal or drawn by `random.Random`, values are rounded, so that every machine has the same.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.analysis.clusters import best_matching, contingency, kmeans, ordered_by_layer
from neuronsig.analysis.facets import CorpusWords, find_facets, key_words
from neuronsig.annotation import near_duplicates, sentences
from neuronsig.checkpoint import TokenizerSpec
from neuronsig.collection.dominance import ListedSentences, Strongest, dominance
from neuronsig.collection.shards import permute, rectangles, shard_sizes
from neuronsig.collection.tokenizing import ShardTask, finish, make_shards, place
from neuronsig.collection.topk import pack, union, unpack
from neuronsig.config import MiningConfig, StabilityConfig
from neuronsig.encoding.text import Text
from neuronsig.evaluation.judging import JudgedText, judge_block
from neuronsig.kinds import KINDS
from neuronsig.miners.mined_patterns import Limits
from neuronsig.mining.halves import Sample, Settings, half_of, mine_sample, signature
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.kinds import mine_kind, pattern_names
from neuronsig.mining.pattern_keyness import JudgeRules, NeuronPatterns, judge, p_values
from neuronsig.mining.stability import jaccard, rank_biased_overlap
from neuronsig.neuron import Neuron
from neuronsig.ragged import offsets_of
from neuronsig.statements.signature import describe
from neuronsig.statements.training import TrainingText, reference_of
from neuronsig.storage.parquet import read_parquet, table_files
from neuronsig.triggers.cover import CodedVotes, cover
from neuronsig.triggers.detectors import detector_row
from neuronsig.triggers.locate import locate
from neuronsig.triggers.votes import Vote
from tests.neuronsig.corpora.reading import read, write
from tests.neuronsig.evaluation.texts import ANIMALS, table_of
from tests.neuronsig.miners.encoded import dictionary_of, sentences_of
from tests.neuronsig.mining.test_profiling import profile, world
from tests.neuronsig.statements.texts import make_rows
from tests.neuronsig.statements.texts import table_of as table_of_rows
from tests.neuronsig.triggers.test_locate import TOKENS

OUTPUTS: dict[str, list[Callable[[Path], Any]]] = {}
"""The parts of each stage's output; each is made in an empty folder."""


def part(stage: str) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """Name a function for a part of a stage's output."""

    def named(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
        OUTPUTS.setdefault(stage, []).append(make)
        return make

    return named


def plain(value: Any) -> Any:
    """Lists, strings and numbers; floats to three digits."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        return plain(value.to_pydict())
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(of) for of in value]
    return f"{value:.3g}" if isinstance(value, float) else value


BOOK = """Title: A tale

*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***

A tale

It was a well-
known café; he said: \u201cI can't
stay\u201d.

*** END OF THE PROJECT GUTENBERG EBOOK A TALE ***
"""
FILES = {
    "text": {
        "a.txt": "cafe\u0301 \u201cquoted\u201d \u2013 a\u00adb\n\nNext   one.\n\n- a list\n- of two\n".encode(),
        "b.txt": b"It\x92s a \x93quote\x94 and a caf\xe9.\n",
        "sub/c.txt": "\ufeffWide \u65e5\u672c\u8a9e\tand tabs\r\nof two lines\x0b\x00\n".encode("utf-16-le"),
    },
    "jsonl": {"a.jsonl": b'{"text": "one \\ud800 two", "id": 7, "tag": ["x", "y"]}\n\nno json\n{"text": ""}\n'},
    "csv": {"a.csv": b'text,id,tag\n"a ""b""\nc",1,x\nd,2,\n'},
    "gutenberg": {"a.txt": BOOK.encode()},
}


@part("annotate")
def documents(folder: Path) -> Any:
    columns = {"id_column": "id", "metadata_columns": ["tag"]}
    found = {}
    for form, files in FILES.items():
        path = write(folder / form, files)
        settings: dict[str, Any] = columns if form in ("jsonl", "csv") else {}
        found[form] = read(form, path, **settings)
    return found


TEXT = (
    "Wait...  what ?!!! \u2014 No --> way; caf\u00e9 cafe\u0301 na\u00efve.\nIt broke\nhere.\n \nA new "
    "\u201cparagraph\u201d\x07 with\u00a0blanks\u200b and \u0928\u092e\u0938\u094d\u0924\u0947.\n\n\f\n***\n"
)


@part("annotate")
def cleaned(_: Path) -> Any:
    found = sentences.paragraphs(TEXT)
    texts = [*found, "", "+ +", "one two", "x" * 60, "too short"]
    judged = sentences.judge(texts, lambda many: [len(text.split()) for text in many], 3, 50)
    patterns = (*sentences.INFIX_PATTERNS, sentences.PREFIX_PATTERN, sentences.SUFFIX_PATTERN)
    return found, judged, patterns, sentences.one_root([0, 1, 0, 3, 0]), sentences.REASONS


@part("annotate")
def alike(_: Path) -> Any:
    texts = ["The cat sat on the mat.", "the cat sat on THE mat", "Dogs do not.", "Dogs"]
    signatures = near_duplicates.signatures(texts)
    return near_duplicates.buckets(signatures, 0.8)[:, :3], near_duplicates.reference(texts, 0.8)


@part("corpus_table")
def columns(_: Path) -> Any:
    from neuronsig_jobs.corpus_table import CORPORA, TITLES, cells

    row = {"domain": "a", "sentences": 1234, "words": 9876, "length_mean": 8.25, "metadata": ["x", "y"]}
    shares = dict.fromkeys(("noun_share", "verb_share", "adj_share"), 0.125)
    return CORPORA.names, TITLES, cells({**row, **shares})


@part("tokenize")
def shards(folder: Path) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "c"]
    tokenizer = Tokenizer(models.WordLevel({name: code for code, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    spec = TokenizerSpec("t", tokenizer.to_str(), "sha", max_tokens=6, prefix_tokens=1, suffix_tokens=1)
    texts = [" ".join(itertools.islice(itertools.cycle("abcd"), n, 2 * n)) for n in range(9)]
    task = ShardTask(str(folder), "f", len(texts), 4, 3, spec)
    given = pa.record_batch({"sentence_id": pa.array(range(len(texts)), pa.int64()), "text": texts})
    (placed,) = place(task, iter([given]))
    list(make_shards(task, iter([placed])))
    found = finish([task])
    sizes = [(shard.file, shard.sentences, shard.tokens, shard.longest) for shard in found.shards]
    tables = [read_parquet(file) for file in sorted(table_files(folder))]
    return placed, tables, found.counts, sizes, shard_sizes(1000, 64)


@part("collect")
def lists(_: Path) -> Any:
    scores = np.array([[0.5, -0.0, 0.0, -1.5, 2.25], [1.0, 1.0, -3.0, 7.5, 1.0]], np.float32)
    keys = np.stack([np.sort(pack(row, np.array([3, 9, 1, 4, 0])))[::-1] for row in scores])
    other = np.stack([np.sort(pack(row + 1, np.array([13, 19, 11, 14, 10])))[::-1] for row in scores])
    lengths = np.array([3, 3, 3, 4, 4, 7, 7, 7, 7, 12])
    return keys, unpack(union([keys, other], 6)), permute(np.arange(20), 20, 1), rectangles(lengths, 16)


@part("collect")
def pooled(_: Path) -> Any:
    import torch

    from neuronsig_ray.model.inference import InspectedModel

    found = {}
    for pooling in ("mean", "max", "last"):
        model = object.__new__(InspectedModel)  # without the model itself
        model.pooling, model.signs, model._span, model._pooled = pooling, (1, -1), (2, 5, 1, 4), [None]
        model._pool(0, torch.arange(20, dtype=torch.float32).reshape(2, 5, 2) ** 2 - 50)
        found[pooling] = [values.numpy() for values in model._pooled[0] or ()]
    return found


@part("mine")
def patterns(_: Path) -> Any:
    rows = [
        {"words": [0, 1, 2], "tags": [0, 1, 2], "heads": [0, 1, 2], "values": [6], "stratum": 0},
        {"words": [0, 3, 1], "tags": [0, 2, 1], "heads": [2, 0, 2], "values": [7], "stratum": 1},
        {"words": [0, 1, 0, 1], "tags": [0, 1, 0, 1], "heads": [0, 1, 1, 3], "values": [6], "stratum": 1},
        {"words": [4, -1], "tags": [2, 2], "heads": [], "values": [7], "stratum": 2},
    ]
    mining = MiningConfig(min_count=1, pattern_min_count=2)
    found = {}
    for kind in KINDS.values():
        if kind.mined:
            mined = mine_kind(kind, sentences_of(rows), dictionary_of(), mining)
            counts = mined.counts().items()
            found[kind.name] = [(pattern_names(kind, items, dictionary_of()), count) for items, count in counts]
    return found


@part("mine")
def judged(_: Path) -> Any:
    rows = [
        ((5,), (500, 390), (41_000, 9_700)),
        ((4,), (60, 40), (600, 200)),
        ((3,), (90, 40), (400, 100)),
        ((1, 2), (100, 50), (150, 60)),
        ((1,), (102, 51), (160, 64)),
    ]
    items, f1, corpus = zip(*rows, strict=True)
    flat = np.array(list(itertools.chain(*items)))
    bounds = offsets_of([len(pattern) for pattern in items])
    of = NeuronPatterns(
        flat, bounds, np.array(f1), np.array(corpus), np.array([600, 400]), np.array([50_000, 10_000]), 2
    )
    rules, counts = JudgeRules(1000, 0.05, 3, 1, 1), PValueCounts()
    counts.add(p_values(of, rules.shortest))
    return judge(of, rules, counts)


@part("mine")
def profiled(_: Path) -> Any:
    rows, strata, corpus = world(300)
    found = profile(rows, strata, corpus, [place for place in range(300) if 1 in rows[place][0]][:60])
    return found.row, found.signatures


ROWS = make_rows(400, seed=2)
LISTED = [place for place, row in enumerate(ROWS) if "music" in row["tokens"] or row["tokens"][-1] == "?"][:60]


@part("describe")
def told(_: Path) -> Any:
    text = TrainingText.of(table_of_rows(ROWS), reference_of(np.arange(len(ROWS)), 300))
    found = describe(text, np.array(LISTED), 3)
    # Weights of what is not told are small, and end where the fit does.
    return [(one.statement, one.f1, one.f2, one.log_odds, one.bits) for one in found if one.told is not None]


@part("evaluate")
def scored(_: Path) -> Any:
    mined = 300
    ids = np.arange(mined, len(ROWS))
    text = JudgedText(TrainingText.of(table_of_rows(ROWS), reference_of(np.arange(mined), 250), judged=ids), ids)
    neurons = [Neuron("hidden", 1, unit) for unit in range(2)]
    likes = [lambda row: "music" in row["tokens"], lambda row: row["tokens"][-1] == "?"]
    lists = {n: np.array([i for i in range(mined) if like(ROWS[i])]) for n, like in zip(neurons, likes, strict=True)}
    signatures = {neuron: describe(text.text, listed, 2) for neuron, listed in lists.items()}
    values = [[like(ROWS[i]) + i / 1000 for like in likes] for i in ids.tolist()]
    rows = judge_block(lists, signatures, np.array(values, np.float32), text, 15, 0)
    kept = ("sentences", "positives", "chance", "told", "told_ap", "length_ap", "random_unit", "beats_chance")
    return [sorted(row) for row in rows], [{name: row[name] for name in kept} for row in rows]


@part("cluster")
def compared(_: Path) -> Any:
    corners = np.array([[9.0, 0.0], [0.0, 9.0], [-9.0, -9.0]], np.float32)
    steps = np.array([[0.0, 0.25], [0.25, 0.0], [0.5, 0.5], [0.0, 0.0]], np.float32)
    vectors = (corners[:, None] + steps).reshape(-1, 2)
    layers = np.repeat([1, 2, 3], 4)
    clusters = ordered_by_layer(kmeans(vectors, 3, 0), layers)
    facets = find_facets(np.repeat(vectors[:8], 10, axis=0), np.array([1.0, 1.0]), 4, 0.1, [1])
    tokens = pa.array([["cat", "sat"]] * 40 + [["dog", "ran"]] * 40)
    corpus = CorpusWords(pa.array(["cat", "sat", "dog", "ran"]), np.array([50, 500, 60, 45]), 1000)
    words = key_words(tokens, facets, corpus)
    return clusters, best_matching(contingency(clusters, layers)[0]), facets, words


@part("triggers")
def strongest(_: Path) -> Any:
    found = locate(
        np.array([0, 1, 4, 2, -1, 0, -3, -2, -1, -5], np.float32),
        np.array([0, 5, 10]),
        np.array([0.5, -4], np.float32),
        np.zeros(2, np.int64),
        TOKENS,
    )
    text = Text.of(table_of(ANIMALS))
    votes = [("words", ("cat",)), ("word_sequence", ("the", "cat")), ("pos", ("NN",)), ("subtree", ("(VBD (NN))",))]
    coded = CodedVotes(
        [[Vote(kind, pattern, 9.0 - n) for n, (kind, pattern) in enumerate(votes)]], text, MiningConfig()
    )
    pairs = [(sentence, word) for sentence in range(4) for word in range(4)]
    covers = [cover(coded, text, np.array([0]), np.array([s]), np.array([t])) for s, t in pairs]
    rows = [
        {"trigger": n % 3 - 1, "on_special": n == 4, "concentration": n / 8, "covered": n > 1, "offset": n - 2}
        for n in range(5)
    ]
    return found, covers, detector_row(rows, list("AabcA"), ["DT", "NN", "NN", "NN", "DT"])


@part("stability")
def agreement(_: Path) -> Any:
    sentences_ = [[0, 1, 9]] * 60 + [[2, 9]] * 40
    flat = np.array(list(itertools.chain(*sentences_)))
    sample = Sample(flat, offsets_of([len(one) for one in sentences_]), np.zeros(100, np.int64))
    mined = mine_sample(sample, 1, 5, 10, Limits(max_length=2, target="closed"))
    held = {(0,): 600, (1,): 600, (0, 1): 61, (2,): 45, (9,): 9000}
    counts = np.array([[held.get(pattern, 200)] for pattern in mined.patterns])
    settings = Settings((100,), StabilityConfig(top=5), MiningConfig(alpha=0.05), 100)
    found = signature(mined, counts, np.array([10_000]), 1, settings)
    return mined, found, half_of(np.arange(20)), rank_biased_overlap("abcd", "abdx", 0.9), jaccard("abc", "bcd")


@part("outliers")
def dominated(_: Path) -> Any:
    texts = ["the old harbour lies under a lantern", "the old harbour lies under a lamp", "a violin"]
    texts += [f"filler{n} number{n}" for n in range(97)]
    words = [frozenset(text.split()) for text in texts]
    codes = np.array([1, 1] + [0] * 98)
    listed = ListedSentences(np.arange(100), codes, ["d 0", "d 1"], near_duplicates.signatures(texts), words)
    tokens = [Strongest(0.9, "[CLS]", "first"), Strongest(0.5, ".", "inside")]
    return dominance(Neuron("hidden", 1, 2), np.array([0, 1, 2]), listed, tokens, 0.5)
