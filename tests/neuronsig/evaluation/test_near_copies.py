import pyarrow as pa

from neuronsig.evaluation.near_copies import sentence_keys


def test_sentences_are_copies_but_for_case_digits_and_marks() -> None:
    texts = [
        "The cat sat .",
        "the cat , sat in 1987 !",
        "the CAT sat",
        "the cats sat",
        "12 .",
        "13 .",
        "Кот sat",
        "sat",
    ]
    one, _, two, other, number, another, cyrillic, alone = sentence_keys(pa.array([text.split() for text in texts]))
    assert one == two
    assert len({one, other, number, another, cyrillic, alone}) == 6


def test_words_that_differ_by_a_vowel_sign_are_others():
    one, other = sentence_keys(pa.array([["की"], ["का"]]))
    assert one != other
