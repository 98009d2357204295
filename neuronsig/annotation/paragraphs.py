"""Documents to paragraphs, and the sentences found in these judged, as batches of Arrow rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from neuronsig.annotation.sentences import judge, paragraphs
from neuronsig.checkpoint import resolve_model_path
from neuronsig.errors import InputError


def split_paragraphs(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row a paragraph. Several documents in one row are no way: Spark NLP sorts what it finds by offset."""
    for part in parts:
        split = [paragraphs(text or "") for text in part.column("text").to_pylist()]
        rows = pa.array([row for row, items in enumerate(split) for _ in items], pa.int64())
        columns = {
            "corpus_order": part.column("corpus_order").take(rows),
            "domain": part.column("domain").take(rows),
            "doc_id": part.column("doc_id").take(rows),
            "paragraph": pa.array([index for items in split for index in range(len(items))], pa.int32()),
            "text": pa.array([text for items in split for text in items], pa.string()),
            "metadata": part.column("metadata").take(rows),
        }
        yield pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def judge_sentences(
    parts: Iterable[pa.RecordBatch], tokenizer_json: str, min_pieces: int, max_characters: int
) -> Iterator[pa.RecordBatch]:
    """Every sentence found in paragraphs, with its place in its document and why it is dropped, null: it is not.

    The paragraphs of a document come one after the other, perhaps over several batches.
    """
    # The tasks already are one a core.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json)

    def count_pieces(texts: list[str]) -> list[int]:
        return [len(encoding) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]

    position = previous = -1
    for part in parts:
        found: list[str] = []
        rows: list[int] = []
        positions: list[int] = []
        given = zip(part.column("paragraph").to_pylist(), part.column("sentences").to_pylist(), strict=True)
        for row, (paragraph, texts) in enumerate(given):
            if paragraph == 0:
                position = -1
            elif paragraph != previous + 1:
                raise RuntimeError(f"paragraph {paragraph} follows {previous}: Spark has changed the rows' order")
            previous = paragraph
            for text in texts or ():
                position += 1
                found.append(text)
                rows.append(row)
                positions.append(position)
        parents = pa.array(rows, pa.int64())
        judged = judge(found, count_pieces, min_pieces, max_characters)
        # A dropped sentence is only counted; its text may be a megabyte of code.
        kept = [text if reason is None else "" for text, reason in judged]
        columns = {
            "corpus_order": part.column("corpus_order").take(parents),
            "domain": part.column("domain").take(parents),
            "doc_id": part.column("doc_id").take(parents),
            "position": pa.array(positions, pa.int32()),
            "text": pa.array(kept, pa.string()),
            "reason": pa.array([reason for _, reason in judged], pa.string()),
            "metadata": part.column("metadata").take(parents),
        }
        yield pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def wordpiece_json(path: str) -> str:
    """A fast tokenizer as one string, so that executors need no file. Raises InputError when there is none."""
    from tokenizers import Tokenizer

    place = resolve_model_path(path, "annotator.wordpieces")
    file = Path(place) / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file)) if file.is_file() else _fast_tokenizer(place)
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(
            f"annotator.wordpieces={path} has no fast tokenizer ({reason}); give a model folder with tokenizer.json"
        ) from error
    # Both would falsify the count: a cut at 512, and padding to a fixed length.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return str(tokenizer.to_str())


def _fast_tokenizer(place: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(place, use_fast=True).backend_tokenizer
