"""A distribution tells each value's count beside the reference, where there is one."""

from neuronsig.signature.reader import metadata_distribution


def test_values_without_a_reference_keep_their_count_and_have_no_ratio() -> None:
    found = metadata_distribution([("author", [("Ida", 3)]), ("domain", [("book", 4)])], 5, [], {})
    assert list(found) == ["domain", "author"]
    row = found["author"][0]
    assert (row.f1, row.share, row.reference, row.ratio) == (3, 0.6, None, None)


def test_every_domain_stands_beside_its_share_of_the_rest_of_the_corpus() -> None:
    domains = {"book": 70, "news": 30, "total": 100}
    book, news = metadata_distribution([("domain", [("book", 15), ("news", 5)])], 20, [], domains)["domain"]
    assert (book.reference, news.reference) == (55 / 80, 25 / 80)
    assert not book.stands_out
