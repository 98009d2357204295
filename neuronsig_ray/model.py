"""The inspected model: any Hugging Face encoder or decoder, in inference, giving every layer's hidden states."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from neuronsig.errors import InputError, MachineError
from neuronsig_ray.job import Group


@dataclass(frozen=True)
class DeviceClass:
    """Where and how scores are computed: another class, dtype or number of threads may change their last bits."""

    device: str
    name: str
    dtype: str
    threads: int


def device_class(gpu: bool, dtype: str, threads: int) -> DeviceClass:
    """Describe this process's device and resolve `auto` to bfloat16 where the hardware multiplies it natively.

    `threads` are a CPU replica's: matrix products are split over them, which changes the order of sums (seen: 1
    against 2 threads, MiniLM in bfloat16). On a GPU they change nothing and are recorded as 0.
    """
    if gpu:
        if not torch.cuda.is_available():
            raise MachineError("ray.gpus: a GPU is wanted but torch sees none; set ray.gpus=0")
        native = torch.cuda.get_device_capability() >= (8, 0)
        device, name = "cuda", torch.cuda.get_device_name()
    else:
        amx = _cpu_has("_is_amx_tile_supported")
        native = amx or _cpu_has("_is_avx512_bf16_supported")
        device, name = "cpu", f"cpu {torch.backends.cpu.get_cpu_capability()}{' AMX' if amx else ''}"
    resolved = dtype if dtype != "auto" else "bfloat16" if native else "float32"
    return DeviceClass(device, name, resolved, 0 if gpu else threads)


def _cpu_has(probe: str) -> bool:
    return bool(getattr(torch.cpu, probe, lambda: False)())


class InspectedModel:
    """A model's trunk in eval mode on one device; `warnings` are what a user should know of its weights."""

    def __init__(
        self,
        folder: str,
        dtype: str,
        device: str,
        groups: tuple[Group, ...],
        signs: tuple[int, ...],
        pooling: str,
        compiled: bool = False,
    ) -> None:
        from transformers import AutoModel
        from transformers.utils import logging as transformers_logging

        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        logging.getLogger("transformers").setLevel(logging.ERROR)
        try:
            model, info = AutoModel.from_pretrained(
                folder, dtype=getattr(torch, dtype), use_safetensors=True, output_loading_info=True
            )
        except Exception as error:  # transformers and safetensors raise a dozen kinds of their own
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"model.path={folder}: the weights cannot be loaded ({reason}); restore them") from error
        self.warnings = _check_weights(folder, info)
        if getattr(model.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        model.config.use_cache = False
        self.model = model.eval().requires_grad_(False).to(device)
        self.device, self.groups, self.signs, self.pooling = device, groups, signs, pooling
        found = self.hidden_states(torch.zeros((1, 4), dtype=torch.long, device=device))
        for group, state in zip(groups, found, strict=True):
            if state.shape[-1] != group.units:
                raise InputError(
                    f"model.path={folder}: {group.name} has {state.shape[-1]} units, its config says {group.units}"
                )

    @torch.inference_mode()
    def hidden_states(self, input_ids: Tensor) -> list[Tensor]:
        """Hidden states (batch, length, units) of the wanted layers for unpadded input_ids (batch, length)."""
        output = self.model(input_ids=input_ids, output_hidden_states=True, return_dict=True)
        states = output.hidden_states
        layers = [group.layer for group in self.groups]
        if max(layers) >= len(states):
            raise InputError(f"collect.layers={layers}: the model gives layers 0 to {len(states) - 1}")
        return [states[layer] for layer in layers]

    @torch.inference_mode()
    def scores(self, input_ids: Tensor, prefix: int, suffix: int) -> Tensor:
        """Scores float32 (rows, batch) in the order sign, group, unit; without `prefix` first, `suffix` last tokens."""
        last = input_ids.shape[1] - suffix
        pooled = [
            state[:, prefix:last].mean(dim=1, dtype=torch.float32)  # (batch, units)
            for state in self.hidden_states(input_ids)
        ]
        activations = torch.cat(pooled, dim=1).t()  # (units of all groups, batch)
        return torch.cat([activations if sign > 0 else -activations for sign in self.signs])  # (rows, batch)


def _check_weights(folder: str, info: dict[str, object]) -> list[str]:
    """Refuse weights that would be random (and differ between replicas); a pooler lies behind the hidden states."""
    missing = [key for key in _keys(info, "missing_keys") if "pooler" not in key]
    mismatched = _keys(info, "mismatched_keys")
    if missing or mismatched:
        named = ", ".join((missing + mismatched)[:3])
        raise InputError(
            f"model.path={Path(folder)}: {len(missing) + len(mismatched)} weights are missing or of another shape "
            f"({named}, ...); they would be random; restore the checkpoint"
        )
    unused = _keys(info, "unexpected_keys")
    if not unused:
        return []
    return [f"{len(unused)} weights of the checkpoint are not used by its trunk ({', '.join(unused[:3])}, ...)"]


def _keys(info: dict[str, object], name: str) -> list[str]:
    found = info.get(name) or []
    return sorted(str(key[0] if isinstance(key, tuple) else key) for key in found)  # type: ignore[attr-defined]
