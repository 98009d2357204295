"""The folder that a job writes a model to."""

import tempfile
from pathlib import Path

from neuronsig.checkpoint import TOKENIZER_FILES, model_folder
from neuronsig.config import Config, ModelConfig
from neuronsig.errors import ConfigError, InputError, MachineError, reason
from neuronsig.storage.location import is_local, location


def tokenizer_source(config: ModelConfig, folder: Path) -> Path:
    """The folder whose tokenizer goes with a model made of the one in `folder`: its own, or that of model.tokenizer."""
    return model_folder(config.tokenizer, "model.tokenizer", TOKENIZER_FILES) if config.tokenizer else folder


def model_output(config: Config, section: str, given: str, made: str) -> Path:
    """Where the model goes: the folder `given`, the section's key `output`, else RUN/models/<name>-<made>.

    Raises ConfigError for a store: models are read from local folders.
    """
    target = location(given) if given else location(config.run) / "models" / f"{config.model.name}-{made}"
    if not is_local(target):
        raise ConfigError(
            f"{section}.output={target}: a model is read from a local folder; set {section}.output to one"
        )
    return target


def require_writable(target: Path, source: Path, key: str, overwrite: bool, made: str) -> None:
    """Raise unless the folder can be made, or is empty, or holds another such model than `source` and may be
    overwritten."""
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{key}={target}: it is a file; choose a folder")
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise ConfigError(f"{key}={target}: the folder is there and not empty; choose another, or overwrite=true")
        if not (target / "config.json").is_file() or target.resolve() == source.resolve():
            raise InputError(f"{key}={target}: it holds no {made} model; choose another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".probe-").cleanup()
    except OSError as error:
        raise MachineError(f"{key}={target} cannot be written ({reason(error)}); choose another") from None
