"""Every native format, on records a few lines long."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from neuronsig.corpora.files import Unit, count_lines, split_lines
from neuronsig.corpora.folder import PART_BYTES
from neuronsig.corpora.plan import bundle
from tests.neuronsig.corpora.reading import read, write, write_tar

STORY = b"""<!DOCTYPE lewis SYSTEM "lewis.dtd">
<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" CGISPLIT="TRAINING-SET" OLDID="1" NEWID="7">
<DATE>26-FEB-1987 15:01:01.79</DATE><TOPICS><D>cocoa</D><D>tea</D></TOPICS><PLACES><D>peru</D></PLACES>
<PEOPLE></PEOPLE><ORGS></ORGS><EXCHANGES></EXCHANGES><COMPANIES></COMPANIES>
<TEXT>&#2;
<TITLE>COCOA &lt;CC.O> UP
AGAIN</TITLE>
<AUTHOR>    By Jane Roe, Reuters</AUTHOR><DATELINE>    LIMA, Feb 26 - </DATELINE><BODY>Showers went
on, M\xfcller told Reuters.
    A second paragraph.
 Reuter
&#3;</BODY></TEXT>
</REUTERS>
<REUTERS NEWID="8" LEWISSPLIT="TEST"><DATE></DATE><TEXT TYPE="BRIEF"><TITLE>ONLY A TITLE</TITLE></TEXT></REUTERS>
<REUTERS NEWID="9"><TEXT TYPE="UNPROC">&#2;
&#3;</TEXT></REUTERS>
<REUTERS NEWID="10"><DATE>cut off"""


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_reuters_stories_have_headline_body_and_metadata(tmp_path: Path, packed: bool) -> None:
    if packed:
        write_tar(tmp_path / "r.tar.gz", {"reut2-000.sgm": STORY, "README.txt": b"no story"})
    else:
        write(tmp_path, {"reut2-000.sgm": STORY, "README.txt": b"no story"})
    found = read("reuters", tmp_path)
    first, brief, empty, broken = (one for one in found if one.skipped != "other_format")
    assert [one.doc_id for one in found if one.skipped == "other_format"] == ["README.txt"]
    assert first.text == "COCOA <CC.O> UP AGAIN\n\nShowers went on, Müller told Reuters.\n\nA second paragraph."
    assert first.metadata == {
        "category": ["cocoa", "tea"], "place": ["peru"], "author": ["Jane Roe"], "date": ["1987-02-26"],
        "split": ["train"],
    }  # fmt: skip
    assert (brief.doc_id, brief.text, brief.notes) == ("8", "ONLY A TITLE", {"no_body": 1})
    assert (empty.skipped, broken.skipped, broken.doc_id) == ("empty", "broken_record", "10")


MESSAGE = (
    b"""From: jane@x.edu (Jane Roe)
Subject: Re: Orbits
Organization: The Moon
Lines: 9

In article <12@y.com> joe@y.com (Joe) writes:
>Is it so?
>Really?

It is, and the words of this long line here
go on in the next one. Na\xefve, though.

John said: it is so.
begin 644 x.gif
M"""
    + b"9" * 60
    + b"""
end
 ____/\\____
--\x20
Jane Roe, tel. 1
"""
)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_messages_keep_only_their_authors_words(tmp_path: Path, packed: bool) -> None:
    files = {"20news-bydate-train/sci.space/601": MESSAGE, "20news-bydate-train/readme.txt": b"x"}
    if packed:
        write_tar(tmp_path / "n.tar.gz", files)
    else:
        write(tmp_path, files)
    message, other = sorted(read("newsgroups", tmp_path), key=lambda one: one.skipped or "")
    assert (other.doc_id, other.skipped) == ("20news-bydate-train/readme.txt", "other_format")
    assert message.doc_id == "train/sci.space/601"
    assert message.text == (
        "It is, and the words of this long line here go on in the next one. Naïve, though.\n\nJohn said: it is so."
    )
    assert message.metadata == {
        "topic": ["sci.space"], "category": ["sci"], "author": ["jane@x.edu (Jane Roe)"], "organization": ["The Moon"],
        "subject": ["Orbits"], "split": ["train"],
    }  # fmt: skip
    assert message.notes == {
        "signature_lines": 2, "encoded_lines": 3, "attribution_lines": 1, "quoted_lines": 2, "symbol_lines": 1
    }  # fmt: skip


def test_messages_without_own_words_are_skipped_by_reason(tmp_path: Path) -> None:
    quoted = b"From: a\nSubject: b\n\nJoe writes:\n> only this\n"
    write(tmp_path, {"sci.space/1": quoted, "sci.space/2": b"From: a\n\n\n", "sci.space/3": b"no header at all\nhere"})
    assert [one.skipped for one in read("newsgroups", tmp_path)] == ["no_own_words", "empty", "broken_record"]


IMDB = {
    "aclImdb/train/urls_pos.txt": b"http://www.imdb.com/title/tt01/usercomments\nhttp://www.imdb.com/title/tt02/usercomments\n",
    "aclImdb/train/pos/1_9.txt": b"Good &amp; <i>long</i>.<br /><br />It runs and<br />runs.",
    "aclImdb/train/neg/0_2.txt": b"   ",
    "aclImdb/train/unsupBow.feat": b"0:1",
}


@pytest.mark.parametrize("layout", ["folder", "inside", "archive", "archive, lists last"])
def test_reviews_have_polarity_rating_and_film(tmp_path: Path, layout: str) -> None:
    path = tmp_path
    if layout.startswith("archive"):
        names = sorted(IMDB, reverse=layout == "archive")
        write_tar(tmp_path / "aclImdb_v1.tar.gz", {name: IMDB[name] for name in names})
    else:
        write(tmp_path, IMDB)
        path = tmp_path / "aclImdb" if layout == "inside" else tmp_path
    found = {one.doc_id: one for one in read("imdb", path)}
    (other,) = (name for name, one in found.items() if one.skipped == "other_format")
    assert (len(found), other.endswith("train/unsupBow.feat")) == (3, True)
    assert found["train/neg/0_2"].skipped == "empty"
    assert found["train/pos/1_9"].text == "Good & long.\n\nIt runs and runs."
    assert found["train/pos/1_9"].metadata == {
        "sentiment": ["positive"], "rating": ["9"], "entity": ["tt02"], "split": ["train"]
    }  # fmt: skip


def test_tweets_are_read_as_utf8_where_they_are_and_as_latin1_elsewhere(tmp_path: Path) -> None:
    rows = (
        b'"4","1","Tue Jun 16 08:40:49 PDT 2009","NO_QUERY","ann","caf\xc3\xa9 &amp;quot;x&amp;quot; &lt;3"\r\n'
        b'"0","2","Mon Apr 06 22:19:45 PDT 2009","kindle2","bob","caf\xe9"\r\n'
        b'"0","3","broken"\r\n'
        b'"2","5","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","bob","last"'
    )
    write(tmp_path, {"training.csv": rows})
    first, second, broken, last = read("sentiment140", tmp_path)
    assert (first.text, second.text, last.text) == ('café "x" <3', "café", "last")
    assert first.metadata == {"sentiment": ["positive"], "author": ["ann"], "date": ["2009-06-16"], "split": ["train"]}
    assert second.metadata["query"] == ["kindle2"]
    assert (broken.skipped, broken.doc_id) == ("broken_record", "train/0000003")


def page(body: str, title: str = "A", ns: int = 0, id: int = 1, extra: str = "") -> str:
    text = body.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f"<page><title>{title}</title><ns>{ns}</ns><id>{id}</id>{extra}<revision><id>{id}0</id>"
        f"<text>{text}</text></revision></page>"
    )


ARTICLE = """{{Infobox|name=x}}
'''Albedo''' ({{IPAc-en|x}}) is [[light|reflected light]]<ref>Smith.</ref> over {{convert|10|km|mi}}.<!-- no -->
[[File:a.jpg|thumb|A ''picture'']]
{| class="wikitable"
| cell
|}
== Use ==
It is so{{citation needed}}, as <math>a^2</math> shows.
* A whole sentence stands in this item.
* an entry
== See also ==
* [[Elsewhere is not to be said here.]]
[[Category:Light]]"""


def test_articles_become_prose_and_other_pages_are_skipped_by_reason(tmp_path: Path) -> None:
    pages = [
        page(ARTICLE),
        page("#REDIRECT [[A]]", id=2, extra='<redirect title="A" />'),
        page("Talk.", ns=1, id=3),
        page("{{stub}}", id=4),
        "<page><title>x</title><ns>0</ns><id>5</id><oops></page>",
    ]
    dump = "<mediawiki><siteinfo><namespaces/></siteinfo>" + "\n".join(pages) + "</mediawiki>"
    (tmp_path / "wiki.xml.bz2").write_bytes(bz2.compress(dump.encode()))
    article, *others = read("wikipedia_dump", tmp_path)
    assert article.doc_id == "1@10"
    assert article.metadata == {"entity": ["A"]}
    assert article.text.split("\n\n") == [
        "Albedo is reflected light over 10 km.",
        "Use",
        "It is so, as formula shows.",
        "A whole sentence stands in this item.",
    ]
    assert article.notes["list_items"] == 1
    assert [one.skipped for one in others] == ["redirect", "not_article", "empty", "broken_record"]


def test_extracted_articles_lose_their_title_line_and_remnants(tmp_path: Path) -> None:
    text = (
        '<doc id="12" url="http://x?curid=12" title="Anarchism &amp; so">\nAnarchism & so\n\n'
        'It is "a" , b.\nUse.\nclear:both;"\n</doc>\n<doc id="13" url="u" title="B">\ncut off'
    )
    write(tmp_path, {"AA/wiki_00": text.encode()})
    first, second = read("wikipedia_extracted", tmp_path)
    assert (first.doc_id, first.metadata) == ("12", {"entity": ["Anarchism & so"]})
    assert first.text == 'It is "a", b.\n\nUse.'
    assert (first.notes, second.skipped) == ({"markup_lines": 1}, "broken_record")


BOOK = """\ufeffThe Project Gutenberg eBook of It

Title: It
      or, That
Author: Ann Roe and Bob Doe

*** START OF THE PROJECT GUTENBERG EBOOK IT ***

Produced by Nobody

CONTENTS

 Chapter I. It begins
 Chapter II. It ends

CHAPTER I.

[Illustration: A cat [sitting]

on a mat.]

It was a _dark_ and very long night in the old house by the drawing-
room--
and nobody slept at all.

*** END OF THE PROJECT GUTENBERG EBOOK IT ***
Licence."""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_books_lose_header_licence_contents_and_pictures(tmp_path: Path, line_end: str) -> None:
    write(tmp_path, {"pg1.txt": BOOK.replace("\n", line_end).encode(), "pg2.txt": b"no marks"})
    book, other = read("gutenberg", tmp_path)
    assert (
        book.text == "It was a dark and very long night in the old house by the drawing-room--and nobody slept at all."
    )
    assert book.metadata == {"author": ["Ann Roe", "Bob Doe"], "title": ["It"]}
    assert book.notes == {"illustrations": 1, "contents_lines": 4}
    assert other.skipped == "not_gutenberg"


def test_text_files_are_joined_where_wrapped_and_counted_where_not_text(tmp_path: Path) -> None:
    wrapped = b"This line has been wrapped by a hand at sixty or so\ncolumns.\n\n- one item\n- two items\n"
    files = {"a/b.txt": wrapped, "bad.txt": b"caf\xe9 again\n", "c.bin": b"\0\1", ".hidden": b"x", "void.txt": b" \n"}
    found = {one.doc_id: one for one in read("text", write(tmp_path, files))}
    assert found["a/b.txt"].text.split("\n\n") == [
        "This line has been wrapped by a hand at sixty or so columns.",
        "one item",
        "two items",
    ]
    assert found["a/b.txt"].metadata == {"file": ["b.txt"], "folder": ["a"]}
    assert (found["bad.txt"].text, found["bad.txt"].notes) == ("caf\ufffd again", {"undecodable_bytes": 1})
    assert {one.doc_id: one.skipped for one in found.values() if one.skipped} == {
        "c.bin": "binary", "void.txt": "empty", ".hidden": "hidden_file"
    }  # fmt: skip


def test_lines_too_long_to_be_wrapped_stay_apart(tmp_path: Path) -> None:
    lines = ["word " * 30 + "end .", "short one ."]
    write(tmp_path, {"sentences.txt": "\n".join(lines).encode()})
    assert read("text", tmp_path)[0].text.split("\n\n") == lines


def test_a_large_text_file_becomes_parts_that_lose_nothing(tmp_path: Path) -> None:
    line = b"x" * 98 + b".\n"
    write(tmp_path, {"big.txt": line * (2 * PART_BYTES // len(line) + 10)})
    parts = read("text", tmp_path)
    assert [one.doc_id for one in parts] == ["big.txt#1", "big.txt#2", "big.txt#3"]
    assert sum(one.text.count(".") for one in parts) == 2 * PART_BYTES // len(line) + 10


def test_jsonl_rows_name_file_and_line_and_broken_ones_are_counted(tmp_path: Path) -> None:
    rows = b'{"body": "One \\ud800.", "tags": ["a", "b"], "year": 1987}\n\nnot json\n[1]\n{"body": null}\n{"body": 3}\n'
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(rows))
    first, *others = read("jsonl", tmp_path, text_column="body", metadata_columns=["tags", "year", "none"])
    assert (first.doc_id, first.text) == ("x.jsonl.gz:1", "One \ufffd.")
    assert (first.metadata, first.notes) == ({"tags": ["a", "b"], "year": ["1987"]}, {"lone_surrogates": 1})
    assert [one.skipped for one in others] == ["broken_record", "broken_record", "no_text", "not_text"]
    assert others[0].doc_id == "x.jsonl.gz:3"


def test_stretches_of_a_file_share_out_its_lines(tmp_path: Path) -> None:
    lines = [b"{%d}" % number * (number % 7) for number in range(200)]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(lines))
    size = (tmp_path / "x.jsonl").stat().st_size
    for stretch in (1, 2, 3, 50, 1000, size - 1):
        pieces = split_lines(Unit(str(tmp_path / "x.jsonl"), "x.jsonl", size), stretch)
        assert sum(count_lines(piece) for piece in pieces) == len(lines)


def test_csv_fields_may_hold_line_breaks_and_broken_quotes_end_with_their_record(tmp_path: Path) -> None:
    rows = 'id;text;tag\n1;"One\n\nand ""two"".";x\n2;too few\n3;"open "quote;y\n4;Four is read.;z\n'
    write(tmp_path, {"x.csv": b"\xef\xbb\xbf" + rows.encode()})
    found = read("csv", tmp_path / "x.csv", id_column="id", metadata_columns=["tag"])
    assert [(one.doc_id, one.skipped) for one in found] == [
        ("1", None), ("x.csv:2", "broken_record"), ("x.csv:3", "broken_record"), ("4", None)
    ]  # fmt: skip
    assert (found[0].text, found[0].metadata) == ('One\n\nand "two".', {"tag": ["x"]})


def test_parquet_rows_are_numbered_over_row_groups(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from neuronsig.corpora.rows import split_row_groups

    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["One.", None, "Three."], "n": [1.5, 2.0, None]}), path, row_group_size=1)
    found = read("parquet", path, metadata_columns=["n"])
    assert [(one.doc_id, one.skipped, one.metadata) for one in found] == [
        ("x.parquet:1", None, {"n": ["1.5"]}),
        ("x.parquet:2", "no_text", {}),
        ("x.parquet:3", None, {}),
    ]
    pieces = split_row_groups(Unit(str(path), "x.parquet", 9), 1)
    assert [(one.start, one.end, one.first_record) for one in pieces] == [(0, 1, 0), (1, 2, 1), (2, 3, 2)]


def test_unpacked_files_go_before_the_archive_they_came_from(tmp_path: Path) -> None:
    write_tar(tmp_path / "r.tar.gz", {"reut2-000.sgm": STORY})
    write(tmp_path, {"reut2-000.sgm": STORY})
    archive, *stories = read("reuters", tmp_path)
    assert (archive.doc_id, archive.skipped, len(stories)) == ("r.tar.gz", "archive_beside_files", 4)


def test_a_broken_archive_is_counted_and_what_came_before_is_kept(tmp_path: Path) -> None:
    import random

    noise = random.Random(0).randbytes(200_000)
    whole = write_tar(tmp_path / "w.tar.gz", {"a.sgm": STORY, "noise.bin": noise, "b.sgm": STORY}).read_bytes()
    (tmp_path / "w.tar.gz").write_bytes(whole[: len(whole) // 2])
    found = read("reuters", tmp_path)
    assert [one.skipped for one in found][-2:] == ["other_format", "unreadable_file"]
    assert len(found) == 6


def test_the_first_documents_are_the_same_ones_every_time(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}.txt": f"Text {name}.".encode() for name in "dcba"})
    assert [one.doc_id for one in read("text", tmp_path, max_documents=2)] == ["a.txt", "b.txt"]


def test_bundles_keep_order_and_lose_nothing() -> None:
    units = [Unit(f"{number}", f"{number}", number % 5) for number in range(50)]
    bundles = bundle(units, 4, size=20)
    assert [one for some in bundles for one in some] == units
    assert all(sum(one.size for one in some) <= 20 for some in bundles)
    assert len(bundles) >= 4
