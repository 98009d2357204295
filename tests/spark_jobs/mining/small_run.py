"""A run directory of invented sentences and top-K lists, for the miners' tests."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.run.directory import RunDirectory
from neuronsig.run.rules import recorded
from neuronsig.tables import SENTENCES, TOPK

MODEL = "minilm"
TAGS = {
    "the": "DT",
    "a": "DT",
    "dog": "NN",
    "cat": "NN",
    "runs": "VBZ",
    "sees": "VBZ",
    "red": "JJ",
    "not": "RB",
    "only": "RB",
}


def sentence(sentence_id: int, words: str, tags: str = "", domain: str = "book", **metadata: str) -> dict[str, Any]:
    """One row of the sentences table; `tags` default to those of TAGS."""
    tokens = words.split()
    pos = tags.split() or [TAGS.get(token.lower(), "NN") for token in tokens]
    return {
        "sentence_id": sentence_id,
        "domain": domain,
        "doc_id": f"{domain}/{sentence_id}",
        "position": 0,
        "text": words,
        "tokens": tokens,
        "pos": pos,
        "heads": list(range(len(tokens))),  # every word under the one before it
        "metadata": [(name, value.split(",")) for name, value in metadata.items()],
    }


def random_sentences(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """`n` sentences of 1 to 9 words of a small vocabulary, some capitalised, with domain, author and date."""
    rng = random.Random(seed)
    words = [*TAGS, "The", "Dog"]
    rows = []
    for i in range(n):
        text = " ".join(rng.choices(words, k=rng.randint(1, 9)))
        author = ",".join(sorted({rng.choice("wxyz") for _ in range(rng.randint(1, 2))}))
        rows.append(sentence(i, text, domain=rng.choice(["book", "news"]), author=author, date=str(i)))
    return rows


def write_run(
    root: Path, sentences: Sequence[Mapping[str, Any]], top: Mapping[tuple[int, int], Sequence[int]]
) -> RunDirectory:
    """A run whose earlier stages are finished; `top` maps (layer, unit) to sentence ids, strongest first."""
    run = RunDirectory.create(root)
    half = len(sentences) // 2
    write(run.sentences / "part-0.parquet", sentences[:half], SENTENCES)
    write(run.sentences / "part-1.parquet", sentences[half:], SENTENCES)
    rows = [
        {
            "site": "hidden",
            "layer": layer,
            "unit": unit,
            "sign": 1,
            "rank": rank,
            "score": -float(rank),
            "sentence_id": i,
        }
        for (layer, unit), ids in top.items()
        for rank, i in enumerate(ids)
    ]
    write(run.topk(MODEL) / "part-0.parquet", rows, TOPK)
    stage = {"status": "complete", "counts": {}, "seconds": 0.0}
    names = ("annotate", f"collect/{MODEL}")
    stages = {name: {**stage, "fingerprint": name, "plan": recorded(name, {})} for name in names}
    run.record_file.write_text(json.dumps({"neuronsig": "0", "stages": stages}))
    return run


def write(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
