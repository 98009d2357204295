"""English documentation that is already on the machine: the running interpreter's own and its packages'.

The standard library's help topics and docstrings, and of every installed distribution the readme, the licence and
the docstrings of its outermost modules. Source files are read by `ast`, never imported.
"""

import ast
import email
import hashlib
import posixpath
import re
import sysconfig
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from neuronsig.config import SourceConfig
from neuronsig.corpora.characters import Notes, decode
from neuronsig.corpora.document import Document, loose_paragraphs
from neuronsig.corpora.files import SourceFile, Unit
from neuronsig.corpora.markup import markdown_paragraphs, prose_only, rst_paragraphs

PATH = "python"
TOPICS = "pydoc_data/topics.py"
# Source bytes read of one distribution's modules, so that a large one does not drown the others.
PACKAGE_BYTES = 200_000
_UNDOCUMENTED = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "encodings", "site-packages", "dist-packages",
                 "__pycache__", "_vendor", "vendor", "_vendored", "externals", "conftest.py", "idle_test",
                 "vendored_packages", "thirdparty_files", "_internal"}  # fmt: skip
_LICENCE_FILE = re.compile(r"^(?:licen[cs]es?|copying|notice)\b[^/]*$", re.I)
_LICENCES = tuple(
    (re.compile(pattern, re.I), name)
    for pattern, name in (
        (r"\bapache", "Apache-2.0"),
        (r"\bmit\b", "MIT"),
        (r"bsd.{0,3}2", "BSD-2-Clause"),
        (r"\bbsd", "BSD-3-Clause"),
        (r"\bpsf|python software", "PSF-2.0"),
        (r"\bmpl|mozilla", "MPL-2.0"),
        (r"lgpl|lesser", "LGPL"),
        (r"\bgpl|gnu general", "GPL"),
        (r"\bisc\b", "ISC"),
        (r"unlicense|public domain", "public domain"),
        (r"nvidia|proprietary", "proprietary"),
    )
)


def list_documentation() -> list[Unit]:
    """The files read, named `<kind>/<package>/<path>`, sorted by name; kinds are topic, docstring, readme, licence."""
    standard = Path(sysconfig.get_paths()["stdlib"])
    units = []
    for path in standard.rglob("*.py"):
        name = path.relative_to(standard).as_posix()
        if name == TOPICS:
            units.append(_unit(path, f"topic/python/{name}"))
        elif not _UNDOCUMENTED & set(name.split("/")) and not name.startswith("config-"):
            units.append(_unit(path, f"docstring/python/{name}"))
    licence = standard / "LICENSE.txt"
    if licence.is_file():
        units.append(_unit(licence, "licence/python/LICENSE.txt"))
    for distribution in metadata.distributions():
        units += _distribution_units(distribution)
    ordered = sorted({unit.name: unit for unit in units}.values(), key=lambda unit: unit.name)
    return _without_copies(ordered)


def _without_copies(units: list[Unit]) -> list[Unit]:
    """Of licences with the same text the first: hundreds of packages carry the same one."""
    seen: set[bytes] = set()
    kept = []
    for unit in units:
        if unit.name.startswith("licence/"):
            text = hashlib.sha256(b" ".join(Path(unit.path).read_bytes().split())).digest()
            if text in seen:
                continue
            seen.add(text)
        kept.append(unit)
    return kept


def _distribution_units(distribution: metadata.Distribution) -> Iterator[Unit]:
    package = normal_name(distribution.metadata["Name"] or "")
    modules: list[tuple[int, str, Path]] = []
    for file in distribution.files or ():
        name, path = file.as_posix(), Path(str(file.locate()))
        parts = name.split("/")
        if name.startswith("..") or not package:
            continue
        if parts[0].endswith((".dist-info", ".egg-info")):
            if parts[-1] in ("METADATA", "PKG-INFO") and len(parts) == 2 and path.is_file():
                yield _unit(path, f"readme/{package}/{parts[-1]}")
            elif _LICENCE_FILE.match(parts[-1]) and path.is_file():
                yield _unit(path, f"licence/{package}/{'/'.join(parts[1:])}")
        elif name.endswith(".py") and not _UNDOCUMENTED & set(parts) and not parts[-1].startswith("test_"):
            modules.append((len(parts), name, path))
    left = PACKAGE_BYTES
    for _, name, path in sorted(modules):
        if left <= 0 or not path.is_file():
            break
        unit = _unit(path, f"docstring/{package}/{name}")
        left -= unit.size
        yield unit


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """A file's documents: each help topic, a module's docstrings together, a readme, a licence.

    Metadata: package (distribution), kind (topic, docstring, readme, licence), licence. Paragraphs that do not read
    as English (code, tables, signatures) are counted as `not_prose`.
    """
    kind, package, path = file.name.split("/", 2)
    notes: Notes = {}
    fields = {"package": package, "kind": kind, "licence": licence_of(package)}
    text = decode(file.read(), source.encoding, notes)
    if kind == "topic":
        for topic, help_text in sorted(_topics(text).items()):
            topic_notes: Notes = {}
            paragraphs = prose_only(rst_paragraphs(help_text), topic_notes)
            yield Document.of(f"{kind}/{package}/{topic}", paragraphs, fields, topic_notes)
        return
    if kind == "docstring":
        docstrings = _docstrings(text)
        if docstrings is None:
            yield Document.skip(file.name, "broken_record", notes)
            return
        paragraphs = (paragraph for docstring in docstrings for paragraph in rst_paragraphs(docstring))
        doc_id, empty = file.name.removesuffix(".py"), "no_docstring"
    elif kind == "readme":
        message = email.message_from_string(text)
        body = str(message.get_payload()) if not message.get("Description") else _unfold(message["Description"])
        markdown = "markdown" in (message.get("Description-Content-Type") or "").lower()
        paragraphs = markdown_paragraphs(body) if markdown else rst_paragraphs(body)
        doc_id, empty = f"{kind}/{package}", "empty"
    else:
        paragraphs = iter(loose_paragraphs(text))
        doc_id, empty = f"{kind}/{package}/{posixpath.normpath(path)}", "empty"
    yield Document.of(doc_id, prose_only(paragraphs, notes), fields, notes, empty=empty)


def normal_name(name: str) -> str:
    """A distribution's name as the package index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=512)
def licence_of(package: str) -> str:
    """A distribution's licence by its short name; empty where it states none."""
    if package == "python":
        return "PSF-2.0"
    try:
        fields = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return ""
    for expression in fields.get_all("License-Expression") or []:
        return str(expression)
    classified = [value for value in fields.get_all("Classifier") or [] if value.startswith("License ::")]
    stated = " ".join(
        [
            *(value.rpartition("::")[2] for value in classified),
            *(value[:200] for value in fields.get_all("License") or []),
        ]
    )
    return next((name for pattern, name in _LICENCES if pattern.search(stated)), "")


def _topics(source: str) -> dict[str, str]:
    """The dictionary that pydoc_data.topics assigns, read without importing it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            return {str(name): str(text) for name, text in ast.literal_eval(node.value).items()}
    return {}


def _docstrings(source: str) -> list[str] | None:
    """Docstrings of a module, its classes and functions in the order they stand; None when it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, documented)]
    nodes.sort(key=lambda node: getattr(node, "lineno", 0))
    found = (ast.get_docstring(node) for node in nodes)
    return list(dict.fromkeys(text for text in found if text))


def _unfold(description: str) -> str:
    """Old metadata hold the readme as a folded header field."""
    return re.sub(r"\n(?: {7}\||\t| {8})", "\n", description)


def _unit(path: Path, name: str) -> Unit:
    return Unit(str(path), name, path.stat().st_size)
