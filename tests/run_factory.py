"""A run directory made of invented sentences, with every table by its schema: what the readers of a run are tested on.

Activations are invented too: each unit likes one *trait* of a sentence (a domain, a word, verbs, shortness) or
nothing, plus noise; tables then follow from the same sort and the same counts that the jobs make.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.collection.dominance import OUTLIERS
from neuronsig.config import MiningConfig, as_plan
from neuronsig.constant_units import MARKERS
from neuronsig.mining.keyness import g2, log_ratio, lrc, p_value
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.run.rules import recorded
from neuronsig.statements.rows import as_rows
from neuronsig.statements.signature import describe
from neuronsig.statements.training import TrainingText, reference_of
from neuronsig.tables import NEURONS, PROFILES, SENTENCES, SIGNATURES, STATEMENTS, TOPK

MODEL = "minilm"

# domain -> (templates of word/TAG, metadata field, its values); a slot <X> takes a word of VOCABULARY[X]
GRAMMAR: dict[str, tuple[list[str], str, list[str]]] = {
    "social media": (
        [
            "lol/UH <P>/PRP <V>/VBP so/RB <A>/JJ !/.",
            "wait/VB !/.",
            "please/UH stop/VB ,/, <P>/PRP <V>/VBP <A>/JJ ./.",
            "haha/UH that/DT 's/VBZ <A>/JJ ./.",
        ],
        "sentiment",
        ["positive", "negative"],
    ),
    "book": (
        [
            "The/DT <A>/JJ <N>/NN of/IN the/DT <N>/NN was/VBD <A>/JJ ,/, and/CC <P>/PRP <V>/VBD the/DT <N>/NN ./.",
            "<P>/PRP was/VBD not/RB only/RB <A>/JJ but/CC also/RB <A>/JJ ,/, said/VBD the/DT <A>/JJ <N>/NN ./.",
            "<P>/PRP <V>/VBD and/CC <V>/VBD ./.",
        ],
        "author",
        ["A. Nonymous", "Ida Invented"],
    ),
    "news": (
        [
            "The/DT Ministry/NNP of/IN <N>/NN <V>/VBD <C>/CD percent/NN in/IN the/DT <A>/JJ quarter/NN ./.",
            "Shares/NNS of/IN <N>/NN Corp/NNP <V>/VBD to/TO <C>/CD dollars/NNS from/IN <C>/CD dollars/NNS ./.",
        ],
        "topic",
        ["earn", "grain", "crude"],
    ),
}
VOCABULARY = {
    tag: words.split()
    for tag, words in {
        "N": "harbour lantern orchard garden river letter window engine market copper winter violin",
        "A": "quiet bright narrow heavy strange silver gentle broken early distant",
        "V": "rose fell wandered remembered opened carried answered missed found",
        "P": "he she they we",
        "C": "3 12 40 1,250",
    }.items()
}
MARKUP = "<u>zap</u>"
AWKWARD = (
    "<script>document.title='pwned'</script> & <b>not bold</b> \"quoted\" 'single'",
    "tab\there\tand a \x1b[31mred\x1b[0m escape",
    "これは発明された文です。",
    "هذه جملة مخترعة تماما للاختبار .",
    "emoji 🙂 in 👩‍👩‍👧 the middle 🎻 !",
    "</script><!-- --> ${x} {{ y }} {% z %} &amp; &lt;",
    "very " * 380 + "long sentence .",
)


def _make_sentence(rng: random.Random, domain: str) -> tuple[str, list[str], list[str]]:
    tokens, tags = [], []
    for piece in rng.choice(GRAMMAR[domain][0]).split():
        word, tag = piece.rsplit("/", 1)
        tokens.append(rng.choice(VOCABULARY[word[1]]) if word.startswith("<") else word)
        tags.append(tag)
    text = " ".join(tokens).replace(" ,", ",").replace(" .", ".").replace(" !", "!").replace(" 's", "'s")
    return text[0].upper() + text[1:], tokens, tags


def make_sentences(n: int, rng: random.Random) -> list[dict[str, Any]]:
    """`n` rows of the sentences/ table; the first are the awkward ones."""
    rows = []
    for sentence_id in range(n):
        if sentence_id < len(AWKWARD):
            text = AWKWARD[sentence_id]
            tokens = text.split()
            tags, domain, metadata = ["FW"] * len(tokens), "book", []
        else:
            domain = rng.choices(list(GRAMMAR), weights=(2, 5, 3))[0]
            text, tokens, tags = _make_sentence(rng, domain)
            name, values = GRAMMAR[domain][1:]
            if rng.random() < 0.06:
                text, tokens, tags = f"{text} {MARKUP}", [*tokens, MARKUP], [*tags, "SYM"]
            metadata = [(name, [rng.choice(values)])] + ([("tag", ["a", "b"])] if rng.random() < 0.1 else [])
        rows.append(
            {
                "sentence_id": sentence_id,
                "domain": domain,
                "doc_id": f"{domain}/{sentence_id // 9}",
                "position": sentence_id % 9,
                "text": text,
                "tokens": tokens,
                "pos": tags,
                "heads": [0] * len(tokens),
                "metadata": metadata,
            }
        )
    return rows


TRAITS: dict[str, Callable[[dict[str, Any]], float]] = {
    "social": lambda row: float(row["domain"] == "social media"),
    "violin": lambda row: float("violin" in row["tokens"]),
    "nouns": lambda row: sum(tag[0] == "N" for tag in row["pos"]) / len(row["pos"]),
    "short": lambda row: -0.2 * len(row["tokens"]),
    "not only": lambda row: float("only" in row["tokens"]),
    "awkward": lambda row: 2.0 * (row["sentence_id"] < len(AWKWARD)),
    "nothing": lambda row: 0.0,
    "markup": lambda row: float(MARKUP in row["tokens"]),
}


@dataclass
class FactoryRun:
    """The run and what was put into it, for tests to compare with."""

    run: RunDirectory
    rows: list[dict[str, Any]]
    top: dict[tuple[int, int], list[tuple[float, int]]]  # (layer, unit) -> (score, sentence_id) by rank
    signatures: list[dict[str, Any]]
    profiles: list[dict[str, Any]]
    traits: dict[tuple[int, int], str] = field(default_factory=dict)
    mlp: dict[tuple[int, int], list[tuple[float, int]]] = field(default_factory=dict)  # as `top`, of another site


def make_run(
    root: Path,
    layers: int = 2,
    units: int = 8,
    sentences: int = 600,
    k: int = 40,
    clustered: bool = True,
    seed: int = 0,
    mlp_units: int = 0,
) -> FactoryRun:
    """Write a finished run at `root`; units of every layer take the TRAITS in turn.

    `mlp_units` > 0 adds as many feed-forward neurons a layer, whose traits are those of the hidden states backwards.
    """
    rng = random.Random(seed)
    rows = make_sentences(sentences, rng)
    made = FactoryRun(RunDirectory.create(root), rows, {}, [], [])
    values = {name: [trait(row) for row in rows] for name, trait in TRAITS.items()}
    counted = [_items(row) for row in rows]
    corpus: dict[str, Counter[tuple[str, ...]]] = {
        kind: Counter(pattern for items in counted for pattern in items[kind]) for kind in counted[0]
    }
    names = list(TRAITS)
    for layer in range(1, layers + 1):
        for unit in range(units):
            trait = names[unit % len(names)]
            made.traits[layer, unit] = trait
            noise = 0.25 if "nothing" not in trait else 1.0
            scores = [round(value + rng.gauss(0, noise), 6) for value in values[trait]]
            order = sorted(range(len(rows)), key=lambda i: (-scores[i], i))[:k]
            made.top[layer, unit] = [(scores[i], i) for i in order]
            _abstract(made, "hidden", layer, unit, [rows[i] for i in order], [counted[i] for i in order], corpus)
    for layer in range(1, layers + 1):
        for unit in range(mlp_units):
            scores = [round(value + rng.gauss(0, 0.25), 6) for value in values[names[-1 - unit % len(names)]]]
            order = sorted(range(len(rows)), key=lambda i: (-scores[i], i))[:k]
            made.mlp[layer, unit] = [(scores[i], i) for i in order]
            _abstract(made, "mlp", layer, unit, [rows[i] for i in order], [counted[i] for i in order], corpus)
    _write(made, k, clustered, rng)
    return made


def _items(row: dict[str, Any]) -> dict[str, set[tuple[str, ...]]]:
    words = [token.lower() for token in row["tokens"]][:60]
    fields = [("domain", row["domain"]), *((key, value) for key, values in row["metadata"] for value in values)]
    return {
        "words": {(word,) for word in words},
        "pos": {(tag,) for tag in row["pos"]},
        "word_sequence": set(pairwise(words)) if len(words) < 30 else set(),
        "pos_sequence": set(zip(row["pos"], row["pos"][1:], row["pos"][2:], strict=False)),
        "metadata": set(fields),
        "itemset": {(f"word={w}", f"{k}={v}") for w in words[:8] for k, v in fields},
    }


def _abstract(
    made: FactoryRun,
    site: str,
    layer: int,
    unit: int,
    top: list[dict[str, Any]],
    counted: list[dict[str, set[tuple[str, ...]]]],
    corpus: dict[str, Counter[tuple[str, ...]]],
) -> None:
    key = {"site": site, "layer": layer, "unit": unit, "sign": 1}
    n1, n2 = len(top), len(made.rows) - len(top)
    for kind, total in corpus.items():
        listed = Counter(p for items in counted for p in items[kind])
        patterns = [pattern for pattern, f1 in listed.items() if f1 >= 3 or kind == "metadata"]
        f1 = np.array([listed[pattern] for pattern in patterns], dtype=np.int64)
        f2 = np.array([total[pattern] for pattern in patterns], dtype=np.int64) - f1
        judged = [log_ratio(f1, n1, f2, n2), lrc(f1, n1, f2, n2), g2(f1, n1, f2, n2), p_value(f1, n1, f2, n2)]
        found = list(zip(patterns, f1.tolist(), f2.tolist(), *(column.tolist() for column in judged), strict=True))
        found.sort(key=lambda row: (-row[4], -row[1], row[0]))
        for rank, (pattern, count, elsewhere, ratio, bits, evidence, p) in enumerate(found[:30]):
            counts = {"f1": count, "n1": n1, "f2": elsewhere, "n2": n2, "matched": elsewhere / n2}
            statistics = {"log_ratio": ratio, "lrc": bits, "g2": evidence, "rank": rank, "q": p, "explained_by": None}
            made.signatures.append({**key, "kind": kind, "pattern": list(pattern), **counts, **statistics})
    lengths = [len(row["tokens"]) for row in top]
    tags = Counter(tag[0] for row in top for tag in row["pos"])
    mean = sum(lengths) / n1
    profile: dict[str, Counter[str]] = {}
    for items in counted:
        for name, value in items["metadata"]:
            profile.setdefault(name, Counter())[value] += 1
    shares = {name: tags[name[0].upper()] / sum(lengths) for name in ("noun", "verb")} | {
        "adj": tags["J"] / sum(lengths)
    }
    made.profiles.append(
        {
            **key,
            "n_sentences": n1,
            "n_tokens": sum(lengths),
            "length_mean": mean,
            "length_sd": math.sqrt(sum((x - mean) ** 2 for x in lengths) / n1),
            **{f"{name}_share": share for name, share in shares.items()},
            "selectivity": max(shares["noun"] / 0.24, shares["verb"] / 0.16, shares["adj"] / 0.12),
            "lead_item": "=".join(max(made.signatures[-30:], key=lambda r: r["lrc"])["pattern"]),
            "lead_bits": max(made.signatures[-30:], key=lambda r: r["lrc"])["lrc"],
            "metadata_profile": [(name, list(counts.items())) for name, counts in profile.items()],
            "mined": True,
        }
    )


def _write(made: FactoryRun, k: int, clustered: bool, rng: random.Random) -> None:
    run = made.run
    half = len(made.rows) // 2
    _table(run.sentences / "part-0.parquet", made.rows[half:], SENTENCES)
    _table(run.sentences / "part-1.parquet", made.rows[:half], SENTENCES)
    top = [
        {"site": site, "layer": la, "unit": u, "sign": 1, "rank": r, "score": score, "sentence_id": i}
        for site, lists in (("hidden", made.top), ("mlp", made.mlp))
        for (la, u), ranked in lists.items()
        for r, (score, i) in enumerate(ranked)
    ]
    _table(run.topk(MODEL) / "part-0.parquet", top, TOPK)
    _table(run.signatures(MODEL) / "part-0.parquet", made.signatures[::-1], SIGNATURES)
    _table(run.profiles(MODEL) / "part-0.parquet", made.profiles, PROFILES)
    _corpora(made)
    stages: dict[str, dict[str, Any]] = {
        "annotate": {"sentences": len(made.rows), "dropped": {"under 3 word pieces": 17, "duplicate": 5}},
        "corpus_table": {"corpora": 3},
        "tokenize/bert": {"sentences": len(made.rows), "truncated": 1},
        f"collect/{MODEL}": {"neurons": len(made.top), "k": k},
        f"mine/{MODEL}": {"neurons": len(made.top), "mined": len(made.top)},
    }
    if clustered:
        lists = {"hidden": made.top, "mlp": made.mlp}
        extra = [
            {
                **row,
                "typical_sentence_id": lists[row["site"]][row["layer"], row["unit"]][3][1],
                "vector": [rng.random() for _ in range(4)],
                "cluster": row["unit"] % 3 + (3 if row["site"] == "mlp" else 0),
                "tsne": [rng.random(), rng.random()],
            }
            for row in made.profiles
        ]
        _table(run.neurons(MODEL) / "part-0.parquet", extra, NEURONS)
        stages[f"cluster/{MODEL}"] = {"accuracy": 0.31}
    reads: dict[str, list[str]] = {
        "corpus_table": ["annotate"],
        "tokenize/bert": ["annotate"],
        f"collect/{MODEL}": ["tokenize/bert"],
        f"mine/{MODEL}": ["annotate", f"collect/{MODEL}"],
        f"cluster/{MODEL}": ["annotate", f"collect/{MODEL}", f"mine/{MODEL}"],
    }
    for number, (name, counts) in enumerate(stages.items()):
        plan = {"k": k, "inputs": {source: run.fingerprint(source, "a test") for source in reads.get(name, [])}}
        if name.startswith("mine/"):
            plan["mining"] = as_plan(MiningConfig())
        with run.stage(name, plan, [], {}) as stage:
            stage.counts = counts
        change_stage(run, name, seconds=1.5 + number, ended="2026-01-01T00:00:00+0000")


def change_stage(run: RunDirectory, name: str, **values: Any) -> None:
    """Change what run.json says of a stage: another fingerprint, as if it had been made anew, or another status."""
    record = run.record()
    record["stages"][name] |= values
    run.record_file.write_text(json.dumps(record))


def add_stage(run: RunDirectory, job: str, source: str = "mine", **plan: Any) -> None:
    """Say in run.json that a job of the model was done, made from what `source` is now."""
    record = run.record()
    made_from = record["stages"][f"{source}/{MODEL}"]
    plan = recorded(job, {"inputs": {f"{source}/{MODEL}": made_from["fingerprint"]}, **plan})
    record["stages"][f"{job}/{MODEL}"] = {**made_from, "plan": plan, "fingerprint": job}
    run.record_file.write_text(json.dumps(record))


def add_statements(made: FactoryRun) -> FactoryRun:
    """What neuronsig describe tells of the hidden states, by the core's own functions; returns the run."""
    ids = np.arange(len(made.rows))
    text = TrainingText.of(pa.Table.from_pylist(made.rows, schema=SENTENCES), reference_of(ids, len(ids)))
    rows = []
    for (layer, unit), ranked in made.top.items():
        listed = np.array([sentence_id for _, sentence_id in ranked])
        rows += as_rows(Neuron("hidden", layer, unit), describe(text, listed, len(made.top)))
    _table(made.run.statements(MODEL) / "part-0.parquet", rows, STATEMENTS)
    add_stage(made.run, "describe")
    return made


def make_constant(run: RunDirectory, constant: dict[Neuron, float], model: str = MODEL) -> None:
    """Say in the markers of the topk table, as the collection does, that neurons have one activation (theirs)."""
    groups: dict[tuple[str, int], list[tuple[int, int, float]]] = {}
    for neuron, activation in constant.items():
        entry = (neuron.unit, neuron.sign, neuron.sign * activation)
        groups.setdefault((neuron.site, neuron.layer), []).append(entry)
    (run.topk(model) / MARKERS).mkdir(exist_ok=True)
    for (site, layer), entries in groups.items():
        marker = run.topk(model) / MARKERS / f"{site}-L{layer:02d}.json"
        content = json.loads(marker.read_text()) if marker.exists() else {"site": site, "layer": layer}
        marker.write_text(json.dumps({**content, "constant": entries}))


DOMINATED = {
    "site": "hidden",
    "layer": 1,
    "unit": 1,
    "sign": 1,
    "sentences": 20,
    "document_share": 0.25,
    "document": "book 7",
    "document_elsewhere": 0.004,
    "near_duplicate_share": 0.1,
    "word_share": 0.75,
    "word": "violin",
    "word_elsewhere": 0.006,
    "token_sentences": 5,
    "concentration": 0.61,
    "token": "[CLS]",
    "token_place": "first",
    "flags": "word token",
}
"""A row of neuronsig.collection.dominance.OUTLIERS, at a share of 0.6."""


def add_outliers(run: RunDirectory, rows: list[dict[str, Any]]) -> None:
    """A result of jobs.outliers with outliers.share=0.6."""
    run.analysis(MODEL).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=OUTLIERS), run.analysis(MODEL, "outliers.parquet"))
    add_stage(run, "outliers", "collect", outliers={"sentences": 100, "share": 0.6})


def _corpora(made: FactoryRun) -> None:
    """analysis/corpora.parquet, counted row by row as jobs.corpus_table says it."""
    table = []
    for name in [*GRAMMAR, "total"]:
        rows = [row for row in made.rows if name in (row["domain"], "total")]
        tags = [tag for row in rows for tag in row["pos"]]
        shares = {f"{key}_share": sum(t[0] == key[0].upper() for t in tags) / len(tags) for key in ("noun", "verb")}
        shares["adj_share"] = sum(t[0] == "J" for t in tags) / len(tags)
        fields = sorted({field for row in rows for field, _ in row["metadata"]})
        sizes = {"sentences": len(rows), "words": len(tags), "length_mean": len(tags) / len(rows)}
        table.append({"domain": name, **sizes, **shares, "metadata": fields})
    made.run.analysis().mkdir()
    pq.write_table(pa.Table.from_pylist(table), made.run.analysis("corpora.parquet"))


def _table(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=5000)
