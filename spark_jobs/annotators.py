"""Where annotator models come from: the archives shipped here, a saved model, or a pretrained name."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from neuronsig.errors import ConfigError, InputError, MachineError

MODELS = Path(__file__).resolve().parent / "models"
ARCHIVES = {"pos_model": "pos_ewt.zip", "parser_model": "dependency_ewt.zip"}


def scala_lane(spark: SparkSession) -> str:
    """`scala2.12` or `scala2.13`: saved models hold Java objects and do not cross Scala versions."""
    version = spark._jvm.scala.util.Properties.versionNumberString()  # type: ignore[union-attr]
    return "scala" + ".".join(str(version).split(".")[:2])


def load_annotator(spark: SparkSession, kind: Any, key: str, value: str, cache: Path | None = None) -> Any:
    """The annotator model that `annotator.<key>=<value>` names, an instance of the Spark NLP class `kind`.

    Empty `value`: the archive shipped here, unpacked once into `cache` (which every executor must see; default
    the user's cache directory). Raises InputError or ConfigError when there is no such model.
    """
    if value.startswith("pretrained:"):
        name = value.removeprefix("pretrained:")
        try:
            return kind.pretrained(name)
        except Exception as error:
            raise ConfigError(f"annotator.{key}={value}: Spark NLP cannot fetch it ({_line(error)})") from error
    if value:
        path = value
        if "://" not in path:
            if not (Path(path) / "metadata").is_dir():
                raise InputError(f"annotator.{key}={value} is no folder of a saved Spark NLP model (no metadata in it)")
            path = f"file://{Path(path).resolve()}"
    else:
        lane = scala_lane(spark)
        archive = MODELS / lane / ARCHIVES[key]
        if not archive.is_file():
            raise InputError(
                f"annotator.{key}: no model is shipped for {lane}; set annotator.{key} to a saved model "
                "(python -m jobs.train_annotators makes one)"
            )
        path = f"file://{unpacked(archive, cache or default_cache())}"
    try:
        return kind.load(path)
    except Exception as error:
        raise InputError(
            f"annotator.{key}={value or path} cannot be loaded as {kind.__name__} ({_line(error)})"
        ) from error


def default_cache() -> Path:
    """`NEURONSIG_CACHE`, else `neuronsig` in the user's cache directory."""
    named = os.environ.get("NEURONSIG_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuronsig"


def unpacked(archive: Path, cache: Path) -> Path:
    """The archive's folder in `cache`, named for its content; made once, also when several processes ask at once."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    target = (cache / "annotators" / f"{archive.stem}-{digest}").absolute()
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{archive.stem}-", dir=target.parent))
    except OSError as error:
        raise MachineError(f"{target.parent} cannot be written ({error.strerror}); set NEURONSIG_CACHE") from None
    try:
        with zipfile.ZipFile(archive) as source:
            source.extractall(partial)
        partial.chmod(0o755)
        partial.rename(target)
    except OSError as error:
        # Another process may have renamed its copy first, which is the same content.
        if not target.is_dir():
            raise MachineError(f"{target} cannot be written ({error.strerror}); set NEURONSIG_CACHE") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
