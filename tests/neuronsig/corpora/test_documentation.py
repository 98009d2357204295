"""The embedded corpus: markup to prose, and what is read of this very interpreter."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from neuronsig.config import SourceConfig
from neuronsig.corpora.documentation import list_documentation, parse
from neuronsig.corpora.files import SourceFile, Unit
from neuronsig.corpora.markup import is_prose, markdown_paragraphs, rst_paragraphs
from neuronsig.corpora.plan import read_units, source_units

DOCSTRING = """Read the :class:`~io.Reader` of a *file*, wrapped
on two lines.

.. note:: It may be ``slow``.

.. code-block:: python

    read(1)

Example::

    read(2)

>>> read(3)
4

Parameters
----------
path : str
    Where the file lies,
    as a path.

Args:
    size (int): How much is read
        at once.
:returns: The `text <http://x>`_ that was read.
:rtype: str
"""


def test_docstrings_become_sentences() -> None:
    assert list(rst_paragraphs(DOCSTRING)) == [
        "Read the Reader of a file, wrapped on two lines.",
        "It may be slow.",
        "Example:",
        "Parameters",
        "Where the file lies, as a path.",
        "Args:",
        "How much is read at once.",
        "The text that was read.",
    ]


def test_readmes_become_sentences() -> None:
    text = "# Title\n\n[![b](i.png)](u) A [link](u) and\n`code`.\n\n```\nx = 1\n```\n\n"
    text += "|a|b|\n|-|-|\n|1|2|\n\n* item <b>one</b>\n"
    assert [one for one in markdown_paragraphs(text) if one] == ["Title", "A link and code.", "item one"]


@pytest.mark.parametrize(
    ("paragraph", "prose"),
    [
        ("Return the number of open files.", True),
        ("the path to the folder", False),
        ("read(path, mode='r') -> bytes | None", False),
        ("d = Reader(path) and so on it goes", False),
        ("os.path.join, os.path.split, os.sep", False),
    ],
)
def test_only_english_is_kept(paragraph: str, prose: bool) -> None:
    assert is_prose(paragraph) is prose


def test_modules_are_read_and_never_imported(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text('"""The module says this."""\nraise SystemExit\nclass A:\n    """The class says that."""\n')
    unit = Unit(str(path), "docstring/python/m.py", 1)
    source = SourceConfig(format="documentation", path="python", domain="x")
    (document,) = parse(SourceFile(unit.name, lambda: io.BytesIO(path.read_bytes()), unit), source)
    assert document.text == "The module says this.\n\nThe class says that."
    assert document.metadata == {"package": ["python"], "kind": ["docstring"], "licence": ["PSF-2.0"]}
    path.write_text("not python at all")
    (broken,) = parse(SourceFile(unit.name, lambda: io.BytesIO(path.read_bytes()), unit), source)
    assert broken.skipped == "broken_record"


@pytest.mark.slow  # it looks through all that is installed, twice
def test_the_list_of_files_is_sorted_and_the_same_every_time() -> None:
    units = list_documentation()
    assert [unit.name for unit in units] == sorted({unit.name for unit in units})
    assert units == list_documentation()
    assert {unit.name.split("/")[0] for unit in units} == {"topic", "docstring", "readme", "licence"}


@pytest.mark.slow
def test_this_interpreter_documents_itself_in_more_than_25_000_sentences() -> None:
    source = SourceConfig(format="documentation", path="python", domain="documentation")
    found = list(read_units(*source_units(source, "k"), source))
    assert len({one.doc_id for one in found}) == len(found)
    sentences = {
        sentence
        for one in found
        for paragraph in one.text.split("\n\n")
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"])", paragraph)
        if len(sentence.split()) >= 3
    }
    assert len(sentences) > 30_000
