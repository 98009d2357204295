"""The inspected model: any Hugging Face encoder or decoder in inference, and the activations of its sites."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuronsig.collection.job import Group
from neuronsig.errors import InputError, MachineError, first_line
from neuronsig_ray.model.bfloat16 import attend_in_blocks, pack_linear_maps
from neuronsig_ray.model.sites import blocks, depth, readers, trunk


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
    against 2 threads, MiniLM in bfloat16). The cores that run them do not (2 and 16 threads on one and on two cores,
    MiniLM in float32). On a GPU they change nothing and are recorded as 0.
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
    """A model's trunk in eval mode on one device; `warnings` are what a user should know of its weights.

    What a group asks for is pooled in a hook as soon as the forward pass makes it: activations of one block live at
    once, never those of all. Only where a model's blocks are not known, or what enters them is not what Hugging Face
    calls hidden states, are those of all layers kept to the end of the pass (`holds_all_states`).

    The pass is not compiled: torch.compile makes kernels for the shapes it meets first, and gives up after eight, so
    that a shard's last bits may depend on what its replica scored before. On a CPU it saved 3 to 7 % (float32) and 12
    to 17 % (bfloat16) of MiniLM's pass, after 40 s of compiling in every replica; users have no compiler.
    """

    def __init__(
        self, folder: str, dtype: str, device: str, groups: tuple[Group, ...], signs: tuple[int, ...], pooling: str
    ) -> None:
        model, self.warnings = _load(folder, dtype)
        self.model = model.eval().requires_grad_(False).to(device)
        attend_in_blocks()
        with torch.inference_mode():
            pack_linear_maps(self.model)
        self.folder, self.device, self.groups, self.signs, self.pooling = folder, device, groups, signs, pooling
        self._places = {(group.site, group.layer): place for place, group in enumerate(groups)}
        self._span = (0, 0, 0, 0)
        self._pooled: list[list[Tensor] | None] = [None] * len(groups)
        self._calls: dict[str, int] = {}
        self.holds_all_states = False
        self._hook()
        self._check()

    @torch.inference_mode()
    def scores(self, input_ids: Tensor, prefix: int, suffix: int) -> Tensor:
        """Scores float32 (rows, batch), in the order sign, group, unit, of unpadded input_ids (batch, length).

        Pools over tokens prefix..length - suffix: their mean, their maximum, or the last of them. Sign -1 is the
        neuron -a: its mean and last are negated, its maximum is that of -a.
        """
        length = input_ids.shape[1]
        if length <= prefix + suffix:
            raise InputError(f"an input of {length} tokens has none beside {prefix + suffix} special tokens")
        return self._score(input_ids, prefix, suffix)

    def _score(self, input_ids: Tensor, prefix: int, suffix: int) -> Tensor:
        batch, length = input_ids.shape
        self._span = (batch, length, prefix, length - suffix)
        self._calls = {}
        output = self.model(input_ids=input_ids, return_dict=True, **_WHOLE if self.holds_all_states else {})
        for place, group in enumerate(self.groups):
            if group.site == "hidden" and self.holds_all_states:
                self._pool(place, output.hidden_states[group.layer])
            elif group.site == "hidden" and group.layer == self._depth:
                self._pool(place, output.last_hidden_state)
        pooled = [self._pooled[place][i].t() for i in range(len(self.signs)) for place in range(len(self.groups))]  # type: ignore[index]
        return torch.cat(pooled)  # (rows, batch)

    def _hook(self) -> None:
        """Have every module that reads wanted activations hand them over, whichever layer's call it is."""
        self._depth = depth(self.model)
        names = {
            group.site: readers(self.model, group.site, group.module) if group.site != "hidden" else blocks(self.model)
            for group in self.groups
        }
        self.holds_all_states = names.get("hidden") == []
        for site, modules in names.items():
            for name in dict.fromkeys(modules):
                # A hidden state is what the next block reads.
                layers = [i + (site != "hidden") for i, other in enumerate(modules) if other == name]
                places = [self._places.get((site, layer)) for layer in layers]
                if any(place is not None for place in places):
                    self.model.get_submodule(name).register_forward_pre_hook(
                        partial(self._read, f"{site} {name}", places), with_kwargs=True
                    )

    def _read(
        self, key: str, places: list[int | None], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        call = self._calls.get(key, 0)
        self._calls[key] = call + 1
        if call >= len(places):
            raise InputError(f"model.path={self.folder}: {key} is used more often than by {len(places)} layers")
        place = places[call]
        if place is not None and not (self.holds_all_states and self.groups[place].site == "hidden"):
            self._pool(place, args[0] if args else kwargs["hidden_states"])

    def _pool(self, place: int, state: Tensor) -> None:
        batch, length, first, last = self._span
        if state.shape[:2] != (batch, length) and state.shape[0] != batch * length:
            name, shape = self.groups[place].name, tuple(state.shape)
            raise InputError(f"model.path={self.folder}: {name} of {batch} inputs of {length} tokens comes as {shape}")
        text = state.reshape(batch, length, -1)[:, first:last]  # (batch, tokens, units)
        if self.pooling == "max":
            found = [text.amax(dim=1).float() if sign > 0 else -text.amin(dim=1).float() for sign in self.signs]
        else:
            mean = text.mean(dim=1, dtype=torch.float32) if self.pooling == "mean" else text[:, -1].float()
            found = [mean if sign > 0 else -mean for sign in self.signs]  # (batch, units) each
        self._pooled[place] = found

    @torch.inference_mode()
    def _check(self) -> None:
        """Compare hooks with the model's own hidden states; raises InputError for groups that are not as expected."""
        ids = torch.arange(6, device=self.device).reshape(2, 3)
        self._pooled = [None] * len(self.groups)
        hooked = self._score(ids, 0, 0)
        for group, found in zip(self.groups, self._pooled, strict=True):
            units = 0 if found is None else found[0].shape[1]
            if units != group.units:
                raise InputError(
                    f"model.path={self.folder}: {group.name} has {units} units where its config says {group.units}"
                )
        if "hidden" in {group.site for group in self.groups} and not self.holds_all_states:
            self.holds_all_states = True
            self.holds_all_states = not torch.equal(hooked, self._score(ids, 0, 0))


_WHOLE = {"output_hidden_states": True}


def _load(folder: str, dtype: str) -> tuple[Any, list[str]]:
    """The trunk with its weights, and warnings; raises InputError when any would be missing or cannot be read."""
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
        raise InputError(
            f"model.path={folder}: the weights cannot be loaded ({first_line(error)}); restore them"
        ) from error
    inspected = trunk(model)
    warnings = _check_weights(folder, info, () if inspected is model else ("decoder.", "lm_head."))
    model = inspected
    model.config.use_cache = False  # type: ignore[union-attr]
    return model, warnings


def _check_weights(folder: str, info: dict[str, object], unused_parts: tuple[str, ...]) -> list[str]:
    """Refuse weights that would be random (and differ between replicas); a pooler lies behind the hidden states.

    `unused_parts` are prefixes of weights beside the trunk: an encoder's checkpoint needs no decoder.
    """
    missing = [key for key in _keys(info, "missing_keys") if "pooler" not in key and not key.startswith(unused_parts)]
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
