"""A run of a tiny model whose unit 3 fires on the word `cat`, collected by the job, its signatures written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import AutoModel

from neuronsig.checkpoint import load_tokenizer
from neuronsig.config import Config
from neuronsig.config.compose import compose
from neuronsig.mining.user_trees import trees_fingerprint
from neuronsig.run.directory import RunDirectory
from neuronsig.tables import PROFILES, SENTENCES, SIGNATURES
from neuronsig_jobs import collect
from tests.neuronsig_ray.here import scored_here
from tests.neuronsig_ray.models import UNITS, VOCABULARY, WORDS, random_inputs, save_model, write_tokenized

N, K, UNIT = 600, 60, 3
HOLDOUT = 0.4
TAGS = {"cat": "NN", "dog": "NN", "mat": "NN", "rug": "NN", "sat": "VBD", "ran": "VBD", "the": "DT", "a": "DT"}


def plant(folder: Path, seed: int = 0) -> Path:
    """A model whose blocks change nothing, and in whose embeddings unit 3 is large for `cat` alone."""
    save_model(folder, seed=seed)
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        words = model.embeddings.word_embeddings.weight
        words[:, UNIT] = 0.0
        words[VOCABULARY["cat"], UNIT] = 3.0
        for layer in model.encoder.layer:
            for dense in (layer.attention.output.dense, layer.output.dense):
                dense.weight.zero_()
                dense.bias.zero_()
    model.save_pretrained(folder)
    return folder


def settings(run: Path, model: Path, *words: str) -> Config:
    named = ("model=local", "model.name=tiny", f"model.path={model}")
    return compose([f"run={run}", *named, "ray.replica_cpus=1", "ray.replicas=1", *words])


def sentences_of(inputs: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    rows = []
    for i, ids in enumerate(inputs):
        words = [WORDS[token - 4] for token in ids[1:-1]]
        place = {"sentence_id": i, "domain": "d", "doc_id": "x", "position": i, "metadata": []}
        tags = [TAGS.get(word, "X") for word in words]
        heads = [0, *[1] * (len(words) - 1)]
        rows.append({**place, "text": " ".join(words), "tokens": words, "pos": tags, "heads": heads})
    return rows


def make_run(folder: Path, model: Path, *words: str) -> RunDirectory:
    """Both signs of both layers, K of N sentences in three shards; unit 3 has the signature `cat`, all others `dog`."""
    run = RunDirectory.create(folder)
    inputs = random_inputs(N)
    rows = sentences_of(inputs)
    with run.stage("annotate", {"hand": "made"}, [run.sentences], {}):
        for part in (0, 1):
            table = pa.Table.from_pylist(rows[part::2], schema=SENTENCES)
            run.sentences.mkdir(exist_ok=True)
            pq.write_table(table, run.sentences / f"part-{part}.parquet")
    name = load_tokenizer(settings(run.root, model).model).name
    with run.stage(f"tokenize/{name}", {"inputs": {}, "hand": "made"}, [run.tokenized(name)], {}):
        write_tokenized(run.tokenized(name), inputs, 200)
    more = (f"collect.k={K}", "collect.dtype=float32", "collect.signs=[1,-1]", *words)
    with scored_here():
        collect.run(settings(run.root, model, *more))
    write_signatures(run)
    return run


def write_trees(path: Path) -> dict[str, str]:
    """A bracketed tree of the run's sentences with a cat, and the settings of a mining that was given them."""
    words = {row["sentence_id"]: row["tokens"] for row in sentences_of(random_inputs(N))}
    trees = [{"sentence_id": i, "tree": "(S (NP (NN Cat)))"} for i, of in words.items() if "cat" in of]
    path.write_text("\n".join(map(json.dumps, trees)))
    return {"trees": str(path), "trees_fingerprint": trees_fingerprint(str(path)), "subtree_labels": "words"}


def write_signatures(run: RunDirectory, holdout: float = HOLDOUT, **mining: str) -> None:
    """As jobs.mine would have it; another share held out makes another plan. With trees a cat is a noun phrase."""
    plan = {
        "inputs": {"collect/tiny": run.fingerprint("collect/tiny", "test")},
        "mining": {"holdout": holdout, **mining},
    }
    outputs = [run.signatures("tiny"), run.profiles("tiny")]
    with run.stage("mine/tiny", plan, outputs, {}, overwrite=True):
        signatures, profiles = [], []
        for layer in (1, 2):
            for unit in range(UNITS):
                for sign in (1, -1):
                    key = {"site": "hidden", "layer": layer, "unit": unit, "sign": sign}
                    word = "cat" if (unit, sign) == (UNIT, 1) else "dog"
                    common = {"f1": 50, "n1": 60, "f2": 9, "n2": 90, "log_ratio": 3.0, "g2": 9.0}
                    rows = [("words", [word], 3.0), ("word_sequence", ["the", word], 1.0), ("words", ["on"], -1.0)]
                    if word == "cat" and "trees" in mining:
                        rows.append(("subtree", ["(NP (NN (cat)))"], 2.0))
                    for rank, (kind, pattern, lrc) in enumerate(rows):
                        signatures.append({**key, **common, "kind": kind, "pattern": pattern, "lrc": lrc, "rank": rank})
                    profiles.append({**key, "length_mean": 5.0, "length_sd": 3.0, "mined": True})
        for folder, rows, schema in zip(outputs, (signatures, profiles), (SIGNATURES, PROFILES), strict=True):
            folder.mkdir(parents=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "part-0.parquet")
