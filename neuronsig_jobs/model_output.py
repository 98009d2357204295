"""The folder that a job writes a model to."""

from pathlib import Path

from neuronsig.config import Config
from neuronsig.errors import ConfigError, InputError
from neuronsig.storage.location import is_local, location


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
    """Raise unless the folder is empty, or holds another such model than `source` and may be overwritten."""
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise ConfigError(f"{key}={target}: the folder is there and not empty; choose another, or overwrite=true")
        if not (target / "config.json").is_file() or target.resolve() == source.resolve():
            raise InputError(f"{key}={target}: it holds no {made} model; choose another folder")
