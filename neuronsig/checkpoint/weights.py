"""A model's safetensors, by their headers: whether they are all there, whole, and of numbers that can be read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronsig.checkpoint.folder import WEIGHT_FILES, instead_of_a_file, model_folder, read_config, read_json
from neuronsig.config import ModelConfig
from neuronsig.errors import InputError, first_line, reason
from neuronsig.run.plan import fingerprint_files

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
OTHERS = {
    "*.gguf": "GGUF",
    "pytorch_model*.bin": "PyTorch",
    "*.pth": "PyTorch",
    "*.h5": "TensorFlow",
    "*.msgpack": "Flax",
    "*.onnx": "ONNX",
}
"""Formats of weights that are not read, by the names of their files."""

FLOATS = ("F64", "F32", "F16", "BF16")
UNQUANTISED = (
    "set model.path to the weights in 16 or 32 bits, or load these where what quantised them is installed, "
    "dequantize() them and save them with save_pretrained"
)

_LONGEST_HEADER = 100_000_000  # safetensors' own bound


@dataclass(frozen=True)
class StoredTensor:
    """What a file's header says of a tensor."""

    file: str
    dtype: str
    shape: tuple[int, ...]


def model_config(config: ModelConfig) -> tuple[Path, dict[str, Any]]:
    """The model's folder and its config.json; nothing but headers is read of the weights.

    Raises InputError when there is no config, the weights are not there as safetensors, not whole or quantised, or the
    model needs code of its own.
    """
    named = f"model.path={config.path}"
    folder = model_folder(config.path, "model.path", WEIGHT_FILES)
    found = read_config(folder, named)
    for part in (found, found.get("text_config")):
        if isinstance(part, dict) and (how := part.get("quantization_config") or part.get("compression_config")):
            raise InputError(
                f"{named}: its weights are quantised ({_method(how)}), and activations are those of plain numbers; "
                f"{UNQUANTISED}"
            )
    for name, tensor in stored_tensors(folder, found, named).items():
        # Masks and positions may be of any kind; matrices of weights are not.
        if name.endswith("weight") and len(tensor.shape) > 1 and tensor.dtype not in FLOATS:
            raise InputError(
                f"{named}: {folder / tensor.file} holds {name} as {tensor.dtype}: its weights are quantised, and "
                f"activations are those of plain numbers ({', '.join(FLOATS)}); {UNQUANTISED}"
            )
    return folder, found


def weights_fingerprint(folder: Path) -> str:
    """Fingerprint of config.json and of every safetensors file."""
    return fingerprint_files([folder / "config.json", *folder.glob("*.safetensors")])


def stored_tensors(folder: Path, config: Mapping[str, Any], named: str) -> dict[str, StoredTensor]:
    """The tensors of all files of weights, by name. Raises InputError where a file is not there or not whole."""
    found = {}
    for file in _files(folder, config, named):
        found.update(_tensors(file, named))
    return found


def _files(folder: Path, config: Mapping[str, Any], named: str) -> list[Path]:
    """The files that transformers reads, of those that a folder may hold."""
    given = config.get("transformers_weights")
    whole, index = (folder / WHOLE, folder / INDEX) if given is None else (folder / str(given), folder / str(given))
    if whole.is_file() and not whole.name.endswith(".index.json"):
        return [whole]
    if not index.is_file():
        _refuse_others(folder, whole, named)
    names = read_json(index, named).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise InputError(f"{named}: {index} names no files in its weight_map; get it again")
    files = [folder / name for name in sorted(set(names.values()))]
    if missing := [file for file in files if not file.is_file()]:
        raise InputError(
            f"{named}: {len(missing)} of the {len(files)} files of weights that {index.name} names are not in {folder} "
            f"({missing[0].name}{', ...' if len(missing) > 1 else ''}); get them again"
        )
    return files


def _refuse_others(folder: Path, wanted: Path, named: str) -> None:
    if wanted.is_symlink():
        raise InputError(f"{named}: {wanted} is a link to a file that is not there; get it again")
    adapter = sorted(folder.glob("adapter_*.safetensors"))
    if adapter:
        raise InputError(
            f"{named}: {folder} holds an adapter's weights ({adapter[0].name}) and no model's; merge it into its model "
            "(merge_and_unload) and save that with save_pretrained"
        )
    other = sorted(folder.glob("*.safetensors"))
    if other:
        raise InputError(
            f"{named}: {folder} holds {other[0].name}, and neither {wanted.name} nor an index that names it ({INDEX}); "
            "get what is missing, or save the model again with save_pretrained"
        )
    named_formats = [(kind, file.name) for pattern, kind in OTHERS.items() for file in sorted(folder.glob(pattern))]
    only = f", only in {named_formats[0][0]} format ({named_formats[0][1]})" if named_formats else ""
    raise InputError(
        f"{named}: {folder} holds no weights as safetensors{only}; load the model with transformers and save it again "
        "with save_pretrained"
    )


def _tensors(file: Path, named: str) -> dict[str, StoredTensor]:
    from safetensors import safe_open

    try:
        with safe_open(file, framework="np") as opened:
            slices = {name: opened.get_slice(name) for name in list(opened.keys())}
            return {
                name: StoredTensor(file.name, str(part.get_dtype()), tuple(part.get_shape()))
                for name, part in slices.items()
            }
    except Exception as error:  # the package's own kinds of error, and the system's
        raise InputError(f"{named}: {file} {_broken(file, error)}") from None


def _broken(file: Path, error: Exception) -> str:
    """What is wrong with a file that is not opened as safetensors, and the remedy."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            head = stream.read(256)
            if said := instead_of_a_file(head):
                return said
            length = int.from_bytes(head[:8], "little")
            stream.seek(8)
            wanted = 8 + length
            if wanted <= min(size, _LONGEST_HEADER):
                header = json.loads(stream.read(length))
                wanted += max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    except OSError as failed:
        return f"cannot be read ({reason(failed)}); restore it"
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, MemoryError):
        return f"is no safetensors file ({first_line(error)}); get it again"
    if head[8:9] == b"{" and isinstance(wanted, int) and size != wanted:
        what = "is cut short" if size < wanted else "is longer than it says"
        return f"{what}: it has {size:,} bytes, its header tells of {wanted:,}; get it again"
    return f"is no safetensors file ({first_line(error)}); get it again"


def _method(how: Any) -> str:
    """What a config calls the way its weights were quantised."""
    if not isinstance(how, dict):
        return repr(how)[:40]
    bits = next((f" {bits} bits" for bits in ("4", "8") if how.get(f"load_in_{bits}bit")), "")
    return f"{how.get('quant_method') or ('bitsandbytes' if bits else 'by a method without a name')}{bits}"
