"""Where annotator models come from: the archives shipped here, a saved model, or a pretrained name."""

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from sparknlp.annotator import DependencyParserModel, PerceptronModel

from neuronsig.errors import ConfigError, InputError, MachineError, reason
from neuronsig.run.plan import fingerprint_files
from neuronsig.storage.location import is_local
from neuronsig.storage.whole_files import is_whole, written_folder
from spark_jobs.parser import MODELS, PARSER
from spark_jobs.tables import uri

TAGGER = "pos_ewt.zip"
_PARSER_PACKAGE = "com.johnsnowlabs.nlp.annotators.parser.dep"


def scala_lane(spark: SparkSession) -> str:
    """`scala2.12` or `scala2.13`: saved models hold Java objects and do not cross Scala versions."""
    version = spark._jvm.scala.util.Properties.versionNumberString()  # type: ignore[union-attr]
    return "scala" + ".".join(str(version).split(".")[:2])


def load_tagger(spark: SparkSession, value: str, cache: Path | None = None) -> PerceptronModel:
    """The POS model that `annotator.pos_model=<value>` names; empty: the one shipped here.

    The shipped archive is unpacked once into `cache`, which every executor must see (default: the user's cache
    directory; a store gets a copy of what is unpacked there). Raises InputError or ConfigError when there is no such
    model.
    """
    if value:
        return _load(PerceptronModel, "pos_model", value)
    lane = scala_lane(spark)
    archive = MODELS / lane / TAGGER
    if not archive.is_file():
        raise InputError(
            f"annotator.pos_model: no model is shipped for {lane}; set it to a saved model "
            "(neuronsig train_annotators makes one)"
        )
    if cache is None or is_local(cache):
        folder = unpacked(archive, cache or default_cache())
    else:
        folder = _uploaded(unpacked(archive, default_cache()), cache)
    with plainly_named(folder) as place:
        return PerceptronModel.load(place)


def load_parser(value: str) -> DependencyParserModel | None:
    """The parser of Spark NLP that `annotator.parser_model=<value>` names; None: the one shipped here is asked for.

    That one needs no JVM (`spark_jobs.parser`). Raises InputError or ConfigError when there is no such model.
    """
    return _load(DependencyParserModel, "parser_model", value) if value else None


def parser_of(spark: SparkSession, tagger: str, moves: str) -> DependencyParserModel:
    """Spark NLP's parser from its text of the tagger inside it and of its moves."""
    jvm = parser_package(spark)

    with tempfile.TemporaryDirectory() as folder:

        def lines(name: str, text: str) -> Any:
            path = Path(folder) / name
            path.write_text(text, encoding="utf-8")
            return spark._jvm.scala.io.Source.fromFile(str(path), "UTF-8").getLines()  # type: ignore[union-attr]

        maker = jvm.GreedyTransition.DependencyMaker.load(
            lines("moves", moves), jvm.Tagger.load(lines("tagger", tagger))
        )
    model = DependencyParserModel(java_model=jvm.DependencyParserModel().setPerceptron(maker))
    return model.setInputCols("document", "pos", "token").setOutputCol("dependency")


def parser_package(spark: SparkSession) -> Any:
    """Spark NLP's package of the parser's classes, which have no Python wrappers."""
    package: Any = spark._jvm
    for name in _PARSER_PACKAGE.split("."):
        package = getattr(package, name)
    return package


def model_identity(key: str, value: str) -> str:
    """What `annotator.<key>=<value>` is in a stage's plan: the content of files, else the name.

    Raises InputError when there is no such folder.
    """
    if not value:
        taggers = [lane / TAGGER for lane in MODELS.iterdir() if lane.is_dir()]
        return "shipped " + fingerprint_files(taggers if key == "pos_model" else [MODELS / PARSER])
    if value.startswith("pretrained:") or "://" in value:
        return value
    _require_saved(key, value)
    return fingerprint_files([p for p in Path(value).rglob("*") if p.is_file() and not p.name.startswith(".")])


def _require_saved(key: str, value: str) -> None:
    if not (Path(value) / "metadata").is_dir():
        raise InputError(f"annotator.{key}={value} is no folder of a saved Spark NLP model (no metadata in it)")


def _load(kind: Any, key: str, value: str) -> Any:
    if value.startswith("pretrained:"):
        try:
            return kind.pretrained(value.removeprefix("pretrained:"))
        except Exception as error:
            raise ConfigError(f"annotator.{key}={value}: Spark NLP cannot fetch it ({reason(error)})") from error
    if "://" not in value:
        _require_saved(key, value)
    try:
        with plainly_named(value) as place:
            return kind.load(place)
    except Exception as error:
        raise InputError(f"annotator.{key}={value} cannot be loaded as {kind.__name__} ({reason(error)})") from error


@contextmanager
def plainly_named(place: Path | str) -> Iterator[str]:
    """The address of a saved model as Spark NLP opens it: a pattern of Hadoop's to it, and a URI with nothing escaped.

    A folder of this machine whose name is neither has, in the block, another name.
    """
    address = uri(place)
    if not address.startswith("file://") or re.fullmatch(r"[\w/.:=+~-]*", address):
        yield address
        return
    with tempfile.TemporaryDirectory(prefix="neuronsig-") as folder:
        link = Path(folder) / "model"
        link.symlink_to(address.removeprefix("file://"))
        yield uri(link)


def default_cache() -> Path:
    """`NEURONSIG_CACHE`, else `neuronsig` in the user's cache directory."""
    named = os.environ.get("NEURONSIG_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuronsig"


def unpacked(archive: Traversable, cache: Path) -> Path:
    """The archive's folder in `cache`, named for its content; made once, also when several processes ask at once."""
    name, digest = archive.name.removesuffix(".zip"), hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    target = (cache / "annotators" / f"{name}-{digest}").absolute()
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    except OSError as error:
        raise MachineError(f"{target.parent} cannot be written ({error.strerror}); set NEURONSIG_CACHE") from None
    try:
        with archive.open("rb") as file, zipfile.ZipFile(file) as source:
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


def _uploaded(folder: Path, cache: Path) -> Path:
    """A copy of an unpacked archive on a store, made once."""
    target = cache / "annotators" / folder.name
    if not is_whole(target):
        with written_folder(target) as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
    return target
