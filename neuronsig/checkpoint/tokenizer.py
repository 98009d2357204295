"""A model's fast tokenizer, with all that determines its output."""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronsig.checkpoint.folder import TOKENIZER_FILES, model_folder, read_config, read_json, require_themselves
from neuronsig.config import ModelConfig
from neuronsig.errors import ConfigError, InputError, first_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REMEDY = "set model.tokenizer to the folder or hub name of one that has a whole tokenizer.json"
# Their positions start after the padding index, so that many rows of the position table are never used.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer", "mpnet", "esm")
# tokenizers without a limit of their own say 1e30
_NO_LIMIT = 10**7
# Cases, accents, spaces, marks and letters that few vocabularies have; long enough to be cut.
_PROBES = (
    "",
    "a",
    "Whether the Café's 3  guests\tDIDN'T pay: £9.50?\nNo (5 \u2603 \u4e2d\u6587 \u0b95\u0bcd\U0001f600)",
)


@dataclass(frozen=True)
class TokenizerSpec:
    """A fast tokenizer with all that determines its output; `serialized` is its tokenizer.json without truncation.

    `truncation_side` is where inputs beyond `max_tokens` are cut; `split_special_tokens` has text like "[SEP]" be text.
    """

    name: str
    serialized: str
    sha256: str
    max_tokens: int
    prefix_tokens: int
    suffix_tokens: int
    truncation_side: str = "right"
    split_special_tokens: bool = False


@functools.lru_cache(maxsize=1)
def tokenizer_of(spec: TokenizerSpec) -> Tokenizer:
    """The tokenizer that a spec describes, made once in a process; it cuts to `spec.max_tokens` tokens (0: never)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(spec.serialized)
    _set(tokenizer, spec.max_tokens, spec.truncation_side, spec.split_special_tokens)
    return tokenizer


def load_tokenizer(config: ModelConfig) -> TokenizerSpec:
    """The inspected model's fast tokenizer, with special tokens as the model expects them.

    `name` is its class and a hash of its content and limit, so that models that share a tokenizer share its table.
    Raises InputError (no tokenizer, not a fast one, one that does more than its file says) and ConfigError
    (model.max_tokens out of the model's limit).
    """
    key = "model.tokenizer" if config.tokenizer else "model.path"
    path = config.tokenizer or config.path
    named = f"{key}={path}"
    folder = model_folder(path, key, TOKENIZER_FILES)
    model = model_folder(config.path, "model.path", TOKENIZER_FILES) if config.tokenizer else folder
    values = read_config(model, f"model.path={config.path}")
    tokenizer = open_tokenizer(folder, named)
    limit = _limit(config, values, tokenizer.model_max_length, named)
    side, split = str(tokenizer.truncation_side), bool(tokenizer.split_special_tokens)
    with refused(f"{named}: its tokenizer cannot be used", REMEDY):
        backend = tokenizer.backend_tokenizer
        _set(backend, 0, side, split)
        mask = backend.encode("a").special_tokens_mask
        serialized = backend.to_str()
    if 0 not in mask:
        raise InputError(f"{named}: its tokenizer makes no token of the text 'a'; {REMEDY}")
    prefix, suffix = mask.index(0), mask[::-1].index(0)
    if 0 < limit <= prefix + suffix:
        raise ConfigError(f"model.max_tokens={limit}: must be above {prefix + suffix}, the tokenizer's special tokens")
    _require_nothing_more(tokenizer, prefix + suffix + 2, side, split, named)
    highest = max(max(backend.encode(text).ids, default=0) for text in _PROBES)
    words = _inner(values).get("vocab_size")
    if isinstance(words, int) and highest >= words:
        raise InputError(
            f"{named}: its tokenizer makes token {highest} of plain text, and {config.path} has embeddings of {words}; "
            "set model.tokenizer to the one that the model was trained with"
        )
    digest = hashlib.sha256(serialized.encode()).hexdigest()
    kind = type(tokenizer).__name__
    # What few tokenizers have is not told of the others, whose names stay as they were.
    asked = f"{kind} {limit} {digest}{' left' * (side == 'left')}{' split' * split}"
    name = f"{kind}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
    return TokenizerSpec(name, serialized, digest, limit, prefix, suffix, side, split)


def open_tokenizer(folder: Path, named: str, remedy: str = REMEDY) -> Any:
    """The fast tokenizer in a folder, as transformers has it; code that comes with it is never run.

    Raises InputError, whose line begins with `named` and ends with `remedy`, where there is none.
    """
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZER_FILES[1:-1]):
        raise InputError(f"{named}: {folder} holds no tokenizer (tokenizer.json, vocab.txt, ...); {remedy}")
    require_themselves(folder, TOKENIZER_FILES[1:], named)
    import transformers

    file = folder / "tokenizer_config.json"
    told = read_json(file, named) if file.is_file() else {}
    kind = str(told.get("tokenizer_class"))
    if told.get("auto_map") and not hasattr(transformers, kind):
        raise InputError(
            f"{named}: its tokenizer_config.json asks for Python code that comes with the tokenizer (auto_map), which "
            f"is never run here, and transformers has no tokenizer_class={kind!r} of its own; {remedy}"
        )
    with refused(f"{named}: its tokenizer cannot be loaded", remedy):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"{named}: {type(tokenizer).__name__} is not a fast tokenizer; {remedy}")
    return tokenizer


def _set(tokenizer: Tokenizer, limit: int, side: str, split: bool) -> None:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if limit:
        tokenizer.enable_truncation(limit, direction=side)
    tokenizer.encode_special_tokens = split  # no part of tokenizer.json


def _require_nothing_more(tokenizer: Any, limit: int, side: str, split: bool, named: str) -> None:
    """Raise InputError where transformers makes other tokens of a text than the fast tokenizer alone."""
    with refused(f"{named}: its tokenizer cannot be used", REMEDY), _in_one_thread():
        texts = [*_PROBES, " ".join(["a", *map(str, tokenizer.all_special_tokens), "b"])]
        backend = tokenizer.backend_tokenizer
        for limited, options in ((0, {}), (limit, {"truncation": True, "max_length": limit})):
            theirs = tokenizer(texts, **options)["input_ids"]
            _set(backend, limited, side, split)
            ours = [backend.encode(text).ids for text in texts]
            differing = next((text for text, a, b in zip(texts, ours, theirs, strict=True) if a != b), None)
            if differing is not None:
                raise InputError(
                    f"{named}: {type(tokenizer).__name__} makes other tokens of {differing!r} than its tokenizer.json "
                    f"does; {REMEDY}"
                )


@contextmanager
def _in_one_thread() -> Iterator[None]:
    """Have the library start no threads: it would print a warning wherever this process starts another one later."""
    key = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(key)
    os.environ[key] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[key]
        else:
            os.environ[key] = before


@contextmanager
def refused(what: str, remedy: str) -> Iterator[None]:
    """Have any failure of a library inside be an InputError of one line: what is wrong, why, and the remedy."""
    try:
        with _panics_unsaid():
            yield
    except InputError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        raise InputError(f"{what} ({first_line(error)}); {remedy}") from None


def _is_panic(error: BaseException) -> bool:
    """What the library's Rust calls a panic is no Exception."""
    return type(error).__name__ == "PanicException"


@contextmanager
def _panics_unsaid() -> Iterator[None]:
    """Have Rust not print its panics, which are raised as well; all else that is printed inside comes afterwards."""
    try:
        printed = os.dup(2)
    except OSError:  # there is no such stream
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if _is_panic(error):
                kept.truncate(0)
            raise
        finally:
            os.dup2(printed, 2)
            os.close(printed)
            kept.seek(0)
            os.write(2, kept.read())


def _limit(config: ModelConfig, values: Mapping[str, Any], tokenizer_limit: Any, named: str) -> int:
    """Tokens of one input: model.max_tokens, else the least limit of model and tokenizer; 0 when there is none."""
    limits = []
    if not _is_number(tokenizer_limit) or tokenizer_limit < 1:
        raise InputError(f"{named}: its tokenizer's model_max_length={tokenizer_limit!r} must be 1 or more; mend it")
    if tokenizer_limit < _NO_LIMIT:
        limits.append(int(tokenizer_limit))
    values = _inner(values)
    positions = values.get("max_position_embeddings") or values.get("n_positions") or 0
    padding = values.get("pad_token_id") or 0
    if not _is_number(positions) or not _is_number(padding):
        raise InputError(
            f"model.path={config.path}: max_position_embeddings={positions!r} and pad_token_id={padding!r} of its "
            "config.json must be whole numbers; restore it"
        )
    # Models without a table of positions may say -1.
    if positions > 0:
        limits.append(int(positions) - (int(padding) + 1 if values.get("model_type") in _OFFSET_POSITIONS else 0))
    limit = min(limits, default=0)
    if limits and limit < 1:
        raise InputError(f"model.path={config.path}: its config.json has room for {limit} tokens; restore it")
    if config.max_tokens and limit and config.max_tokens > limit:
        raise ConfigError(f"model.max_tokens={config.max_tokens}: must be at most {limit}, the limit of {config.path}")
    return config.max_tokens or limit


def _inner(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a config that is about text."""
    inner = values.get("text_config")
    return inner if inner and isinstance(inner, dict) else values


def _is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a whole number; 512.0 is one, and so is 1e30."""
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
