"""Tokenizers and configs of models, without weights, for machines that do without those."""
