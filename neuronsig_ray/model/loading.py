"""The inspected model from its folder: with its weights, or only whether its weights are those that it needs."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from neuronsig.checkpoint import read_config, stored_tensors
from neuronsig.errors import InputError, first_line
from neuronsig_ray.model.sites import bare_model, trunk


def load_trunk(folder: str, dtype: str) -> tuple[Any, list[str]]:
    """The trunk with its weights, and warnings; raises InputError when any would be missing or cannot be read."""
    model, warnings = load_model(folder, dtype)
    return trunk(model), warnings


def load_model(folder: str, dtype: str) -> tuple[Any, list[str]]:
    """The whole model, likewise."""
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        model, info = AutoModel.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            trust_remote_code=False,
        )
    except Exception as error:  # transformers and safetensors raise a dozen kinds of their own
        raise InputError(
            f"model.path={folder}: the weights cannot be loaded ({first_line(error)}); restore them"
        ) from error
    return model, _check_weights(folder, model, info)


def require_weights(folder: str) -> None:
    """Raise InputError where weights of the trunk are missing or of another shape, as their files' headers say.

    Nothing else is read of the files: transformers goes through its loading with tensors that have only shapes.
    """
    named = f"model.path={folder}"
    tensors = stored_tensors(Path(folder), read_config(Path(folder), named), named)
    model: Any = bare_model(folder)
    stored = {name: torch.empty(tensor.shape, dtype=torch.float32, device="meta") for name, tensor in tensors.items()}
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.modeling_utils import LoadStateDictConfig

        names: Any = get_model_conversion_mapping(model)
        asked = LoadStateDictConfig(
            device_map={"": "meta"},
            dtype=torch.float32,
            weight_mapping=names,
            ignore_mismatched_sizes=True,
        )
        info, _ = model._load_pretrained_model(model, stored, None, asked)
        found = model._finalize_model_loading(model, asked, info).to_dict()
    except Exception:  # another transformers does it otherwise, and may fail in any way: replicas ask again
        return
    _check_weights(folder, model, found)


def _check_weights(folder: str, model: Any, info: Mapping[str, object]) -> list[str]:
    """Refuse weights that would be random (and differ between replicas); a pooler lies behind the hidden states.

    An encoder's checkpoint needs no decoder.
    """
    unused_parts = () if trunk(model) is model else ("decoder.", "lm_head.")
    missing = [key for key in _keys(info, "missing_keys") if "pooler" not in key and not key.startswith(unused_parts)]
    mismatched = _keys(info, "mismatched_keys")
    if missing or mismatched:
        named = ", ".join((missing + mismatched)[:3])
        own = " (it has code of its own, auto_map, which is never run here)" * hasattr(model.config, "auto_map")
        raise InputError(
            f"model.path={Path(folder)}: {len(missing) + len(mismatched)} weights are missing or of another shape "
            f"({named}, ...); they would be random{own}; restore the checkpoint"
        )
    unused = _keys(info, "unexpected_keys")
    if not unused:
        return []
    return [f"{len(unused)} weights of the checkpoint are not used by its trunk ({', '.join(unused[:3])}, ...)"]


def _keys(info: Mapping[str, object], name: str) -> list[str]:
    found = info.get(name) or []
    return sorted(str(key[0] if isinstance(key, tuple) else key) for key in found)  # type: ignore[attr-defined]
