"""Books of every age of Project Gutenberg: what begins and ends them, who wrote them, in what bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.document import Document
from tests.neuronsig.corpora.reading import read, write

BODY = "It was a dark and very long night in the old house."


def book(tmp_path: Path, data: bytes | str, **settings: str) -> Document:
    write(tmp_path, {"pg1.txt": data if isinstance(data, bytes) else data.encode()})
    source = SourceConfig(format="gutenberg", path=str(tmp_path), domain="book", **settings)
    check_sources(CorpusConfig(sources={"mine": source}))
    (found,) = read("gutenberg", tmp_path, **settings)
    return found


START = [
    "*** START OF THE PROJECT GUTENBERG EBOOK IT ***",
    "***START OF THIS PROJECT GUTENBERG EBOOK IT***",
    "*** START OF THE PROJECT GUTENBERG ETEXT IT ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK M*A*S*H AND OTHERS ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK STARS *** AND STRIPES ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK A TITLE\nOF THREE\nLINES ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK M*A*S*H\nIN TWO LINES ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK WITHOUT AN END",
]


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_book_begins_below_its_mark_whatever_the_title(tmp_path: Path, start: str, line_end: str) -> None:
    text = f"Title: It\n\n{start}\n\n{BODY}\n\n***\n\nThe next one.\n\n*** END OF THE PROJECT GUTENBERG EBOOK IT ***\nx"
    found = book(tmp_path, text.replace("\n", line_end))
    assert (found.text, found.metadata, found.notes) == (f"{BODY}\n\nThe next one.", {"title": ["It"]}, {})


SMALL_PRINT = """***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here? You know: lawyers.
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*
"""


@pytest.mark.parametrize(
    "end",
    [
        "End of the Project Gutenberg Etext of The Old House",
        "End of Project Gutenberg's The Old House, by Ann Roe",
        "The End\n\n*** START: FULL LICENSE ***",
        "*** END OF THE PROJECT GUTENBERG EBOOK THE OLD HOUSE ***",
        f"End of the Project Gutenberg Etext\n\n{SMALL_PRINT}",
    ],
)
def test_an_old_book_begins_below_the_small_print(tmp_path: Path, end: str) -> None:
    header = "**The Project Gutenberg Etext of The Old House, by Ann Roe**\n#1 in our series by Ann Roe\n\n"
    found = book(tmp_path, f"{header}{SMALL_PRINT}\n\n{BODY}\n\nThe second paragraph.\n\n{end}\n\nThe rest.")
    assert found.text.removesuffix("\n\nThe End") == f"{BODY}\n\nThe second paragraph."
    assert (found.metadata, found.notes) == ({"title": ["The Old House"], "author": ["Ann Roe"]}, {})


@pytest.mark.parametrize("mark", ["*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*", "*END*"])
def test_small_print_below_the_mark_of_a_book_is_no_part_of_it(tmp_path: Path, mark: str) -> None:
    start, end = "*** START OF THE PROJECT GUTENBERG EBOOK IT ***", "*** END OF THE PROJECT GUTENBERG EBOOK IT ***"
    print_ = SMALL_PRINT if mark == "*END*" else f"Why is this here?\n{mark}\n"
    assert book(tmp_path, f"{start}\n\n{print_}\n{BODY}\n\n{'And so on. ' * 30}\n\n{end}").text.startswith(BODY)
    assert book(tmp_path, f"{start}\n\n{BODY}\n\n{end}\n\n{print_}").text == BODY
    assert book(tmp_path, f"{start}\n\n{BODY}\n\n{'And so on. ' * 30}\n\n{print_}").text.startswith(BODY)


FRENCH = "Le café était fermé ; «\xa0Où est-il\xa0?\xa0» dit-elle à Zoë."


def french(encoding: str, named: str | None) -> bytes:
    header = f"Title: Le café\n{f'Character set encoding: {named}' if named else ''}\n"
    start = "*** START OF THE PROJECT GUTENBERG EBOOK LE CAFÉ ***"
    return f"{header}\n{start}\n\n{FRENCH}\n".encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("latin-1", "ISO-8859-1"),
        ("latin-1", "ISO Latin-1"),
        ("latin-1", None),
        ("cp1252", "Windows Code Page 1252"),
        ("cp850", "CP850"),
        ("mac_roman", "MacRoman"),
        ("utf-8", "ISO-8859-1"),
        ("utf-8", "ASCII"),
        ("utf-8", "no such thing"),
        ("utf-8-sig", "hex"),
    ],
)
def test_a_book_is_read_in_the_encoding_it_names_unless_it_is_utf8(
    tmp_path: Path, encoding: str, named: str | None
) -> None:
    found = book(tmp_path, french(encoding, named))
    assert found.text == FRENCH.replace("\xa0", " ")
    assert (found.metadata, found.notes) == ({"title": ["Le café"]}, {"no_end_mark": 1})


def test_books_below_the_first_in_its_file_are_counted(tmp_path: Path) -> None:
    one = f"{START[0]}\n\nOne book.\n\n*** END OF THE PROJECT GUTENBERG EBOOK IT ***\n"
    found = book(tmp_path, one * 3)
    assert (found.text, found.notes) == ("One book.", {"more_books": 2})


NOT_FOLLOWED = ["UTF-8", "ASCII", "no such thing", "hex", "utf-16", "idna", "utf-7", "latin\0-1", "8-bit", "none", " "]
GONE_ROUND = ["CP-1252", "Codepage-1252", "ISO-LATIN-1", "iso-8859-1 (Latin-1)", "Latin (iso-8859-1)"]


@pytest.mark.parametrize("named", NOT_FOLLOWED + GONE_ROUND)
def test_a_book_whose_header_tells_no_encoding_of_its_bytes_is_latin_1(tmp_path: Path, named: str) -> None:
    found = book(tmp_path, french("latin-1", named))
    assert found.text == FRENCH.replace("\xa0", " ")
    assert found.notes == {"no_end_mark": 1}


def test_a_book_of_utf_8_with_a_lost_byte_stays_utf_8(tmp_path: Path) -> None:
    found = book(tmp_path, french("utf-8", "UTF-8") + b"\nOne \xff.\n")
    assert found.text == FRENCH.replace("\xa0", " ") + "\n\nOne \ufffd."
    assert found.notes["undecodable_bytes"] == 1


def test_the_config_decides_over_the_name(tmp_path: Path) -> None:
    assert book(tmp_path, french("cp850", "ISO-8859-1"), encoding="cp850").metadata == {"title": ["Le café"]}


def test_windows_quotes_in_a_book_that_names_latin_1_are_quotes(tmp_path: Path) -> None:
    data = french("latin-1", "ISO-8859-1") + b"\n\x93I don\x92t know,\x94 he said.\n"
    assert book(tmp_path, data).text.endswith("“I don’t know,” he said.")
