"""The inspected model: any Hugging Face encoder or decoder in inference, and the activations of its sites."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from neuronsig.collection.job import Group
from neuronsig.errors import InputError, MachineError, NeuronsigError, first_line
from neuronsig_ray.model.bfloat16 import attend_in_blocks, pack_linear_maps
from neuronsig_ray.model.loading import load_trunk
from neuronsig_ray.model.sites import bare_model, blocks, depth, readers, trunk


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
        self,
        folder: str,
        dtype: str,
        device: str,
        groups: tuple[Group, ...],
        signs: tuple[int, ...],
        pooling: str,
        rehearsed: Any = None,  # a trunk with other weights than the folder's, or none
    ) -> None:
        model, self.warnings = (rehearsed, []) if rehearsed is not None else load_trunk(folder, dtype)
        self.model, self.rehearsed = model.eval().requires_grad_(False).to(device), rehearsed is not None
        self.model.config.use_cache = False
        if not self.rehearsed:
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
            raise InputError(
                f"model.path={self.folder}: {name} of {batch} inputs of {length} tokens comes as {shape}, which is not "
                "a row for each token; its activations cannot be collected, give another model"
            )
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
        for length in _LENGTHS:
            hooked = self._tried(length)
            self._require_units()
        if "hidden" in {group.site for group in self.groups} and not self.holds_all_states and self.device != "meta":
            self.holds_all_states = True
            self.holds_all_states = not torch.equal(hooked, self._tried(length))

    def _tried(self, length: int) -> Tensor:
        """Scores of two inputs of some tokens; an InputError where the model makes none of such inputs."""
        ids = torch.arange(2 * length, device=self.device).reshape(2, length) % _SMALLEST_VOCABULARY
        self._pooled = [None] * len(self.groups)
        try:
            return self._score(ids, 0, 0)
        except (NeuronsigError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # each model's own way to say that it needs something else
            # What torch says of its own of a device without numbers is no word of the model's; shapes are.
            of_shapes = not isinstance(error, RuntimeError) or "is invalid for input of size" in str(error)
            if self.rehearsed and ("meta device" in str(error) or not of_shapes):
                raise _CannotBeToldError from error
            raise InputError(
                f"model.path={self.folder}: {type(self.model).__name__} cannot take 2 texts of {length} tokens, as ids "
                f"alone ({first_line(error)}); its activations cannot be collected, give another model"
            ) from error

    def _require_units(self) -> None:
        for group, found in zip(self.groups, self._pooled, strict=True):
            units = 0 if found is None else found[0].shape[1]
            if units == group.units:
                continue
            # As of an OPT whose word_embed_proj_dim is not its hidden_size.
            remedy = f"set model.{group.site}_module to the linear map that reads its activations"
            if group.site == "hidden":
                less = [layer for layer in range(1, self._depth + 1) if layer != group.layer]
                remedy = f"leave that layer out: collect.layers={less}".replace(", ", ",")
            said = f"{group.name} has {units} units where its config says {group.units}"
            raise InputError(f"model.path={self.folder}: {said}; {remedy}")


class _CannotBeToldError(Exception):
    """A forward pass that fails in a rehearsal and may not with its weights, where it runs."""


def rehearse(folder: str, groups: tuple[Group, ...]) -> None:
    """Raise InputError where the model takes no text or its activations are not as its config says.

    Its weights are not loaded: the pass is one of shapes, or, where it looks at its numbers, of random ones.
    """
    for device in ("meta", "cpu"):
        model = trunk(bare_model(folder, device))
        try:
            InspectedModel(folder, "float32", device, groups, (1,), "mean", model)
            return
        except _CannotBeToldError:
            if sum(parameter.numel() for parameter in model.parameters()) > _MOST_RANDOM:
                return  # Replicas find out.


_WHOLE = {"output_hidden_states": True}
_LENGTHS = (8, 3)
_SMALLEST_VOCABULARY = 6
_MOST_RANDOM = 200_000_000  # parameters, a second or two
