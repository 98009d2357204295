"""The corpora of ../shared/data, counted against what their README counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document
from neuronsig.corpora.plan import read_units, source_units

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def read(format: str, path: Path) -> list[Document]:
    source = SourceConfig(format=format, path=str(path), domain="x")
    return list(read_units(*source_units(source, "k"), source))


def verdicts(found: list[Document]) -> dict[str, int]:
    assert len({one.doc_id for one in found}) == len(found)
    return dict(Counter(one.skipped or "documents" for one in found))


def metadata(found: list[Document], name: str) -> Counter[str]:
    return Counter(value for one in found for value in one.metadata.get(name, ()))


def test_reuters(data_folder: Path) -> None:
    found = read("reuters", data_folder / "reuters21578")
    assert verdicts(found) == {"documents": 21_577, "empty": 1}
    category = metadata(found, "category")
    assert (len(category), category["earn"], category["acq"], category["crude"]) == (120, 3_987, 2_448, 634)
    assert sum("category" in one.metadata for one in found) == 11_367
    assert sum("place" in one.metadata for one in found) == 18_798
    assert sum("author" in one.metadata for one in found) == 875
    # The empty story is of the training split.
    splits = {"train": 9_603 + 4_022 + 1_043 - 1, "test": 3_299 + 2_889, "not-used": 574 + 148}
    assert metadata(found, "split") == splits


def test_newsgroups(data_folder: Path) -> None:
    found = read("newsgroups", data_folder / "20newsgroups")
    assert verdicts(found) == {"documents": 5_979, "empty": 12, "no_own_words": 9}
    assert len(metadata(found, "topic")) == 20
    assert set(metadata(found, "category")) == {"alt", "comp", "misc", "rec", "sci", "soc", "talk"}


def test_imdb(data_folder: Path) -> None:
    found = read("imdb", data_folder / "imdb")
    assert verdicts(found) == {"documents": 2_400}
    rating = metadata(found, "rating")
    assert [rating[str(n)] for n in (1, 2, 3, 4, 7, 8, 9, 10)] == [426, 219, 250, 305, 172, 227, 252, 549]
    assert all("entity" in one.metadata for one in found)
    assert not any("<br" in one.text for one in found)


def test_sentiment140(data_folder: Path) -> None:
    found = read("sentiment140", data_folder / "sentiment140")
    assert verdicts(found) == {"documents": 20_498}
    assert metadata(found, "sentiment") == {"negative": 9_999 + 177, "neutral": 139, "positive": 10_001 + 182}
    assert len(metadata(found, "query")) == 81
    assert not any("Ã" in one.text or "&amp;" in one.text for one in found)


def test_wikipedia(data_folder: Path) -> None:
    found = read("wikipedia_dump", data_folder / "wikipedia" / "dump")
    assert verdicts(found) == {"documents": 110, "empty": 1, "redirect": 99, "not_article": 1}
    text = "\n".join(one.text for one in found)
    assert [mark for mark in ("[[", "]]", "{{", "''", "<ref", "==", "Category:") if mark in text] == []
    extracted = read("wikipedia_extracted", data_folder / "wikipedia" / "extracted")
    assert verdicts(extracted) == {"documents": 85}


def test_gutenberg(data_folder: Path) -> None:
    found = read("gutenberg", data_folder / "books")
    assert verdicts(found) == {"documents": 16}
    titles = metadata(found, "title")
    assert {"Cranford", "Dracula", "The Blue Castle", "The Picture of Dorian Gray"} <= set(titles)
    assert not any("Gutenberg" in one.text or "[Illustration" in one.text for one in found)
    assert all(one.metadata["author"] for one in found)
