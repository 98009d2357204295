"""A model with random weights and the word embeddings it had: the null of everything told of neurons (P1 4.1)."""

from pathlib import Path
from typing import Any

import torch

from neuronsig.errors import InputError, first_line
from neuronsig_ray.model.loading import load_model
from neuronsig_ray.model.saving import save_model


def reinitialise(source: Path, tokenizer: Path, target: Path, seed: int) -> dict[str, int]:
    """Write to `target` the model of `source`, weights drawn anew but for the word embeddings, and a tokenizer.

    Weights are drawn as the model's own class draws them before training, by `seed`, in float32: the same seed and
    library version give the same bytes. Returns numbers of parameters kept and drawn. Raises InputError for a model
    that cannot be loaded or has no word embeddings, MachineError when the folder cannot be written.
    """
    from transformers import AutoConfig, AutoModel

    trained, _ = load_model(str(source), "float32")
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        kept = trained.get_input_embeddings().weight.detach().clone()
    except Exception as error:  # transformers says in many ways that a model has none
        raise InputError(
            f"model.path={source}: its word embeddings cannot be had ({first_line(error)}); give a model that has some"
        ) from error
    devices = [] if not torch.cuda.is_available() else [torch.cuda.current_device()]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        model: Any = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(kept)
    save_model(model, tokenizer, target, "reinitialise.output")
    total = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters kept": kept.numel(), "parameters drawn": total - kept.numel()}
