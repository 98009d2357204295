"""A model with one linear layer on top, which tells labels of text (P1 4.1; P2 4.4)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from neuronsig_ray.model.loading import load_model
from neuronsig_ray.model.sites import trunk, width


class Classifier(nn.Module):
    """The trunk's last hidden state of one token, dropout, and a linear layer.

    The token is the first one, [CLS] or the like, of a model that reads both ways and whose tokenizer puts one there,
    else the last one.
    """

    def __init__(self, folder: str, labels: int, dropout: float, special_first: bool) -> None:
        """Raises InputError where the model cannot be loaded."""
        super().__init__()
        self.model, self.warnings = load_model(folder, "float32")
        inspected = trunk(self.model)
        self.first_token = special_first and reads_both_ways(inspected)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width(inspected), labels)
        # What lies behind the hidden states gets no gradient, and workers that add theirs up would wait for it.
        self.model.requires_grad_(False)
        for name, parameter in inspected.named_parameters():
            parameter.requires_grad = "pooler" not in name

    def forward(self, tokens: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Logits (inputs, labels) of inputs (inputs, longest), whose tokens are where `known` is 1."""
        states = trunk(self.model)(input_ids=tokens, attention_mask=known).last_hidden_state
        place = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        if not self.first_token:
            place = known.sum(1) - 1
        pooled: Any = states[torch.arange(len(tokens), device=tokens.device), place]
        return self.head(self.dropout(pooled))  # type: ignore[no-any-return]


def reads_both_ways(model: nn.Module) -> bool:
    """Whether the state of a first token depends on the one after it, as it does in no causal model."""
    before = model.training
    model.eval()
    with torch.no_grad():
        states = model(input_ids=torch.tensor([[0, 1], [0, 2]])).last_hidden_state
    model.train(before)
    return not torch.equal(states[0, 0], states[1, 0])
