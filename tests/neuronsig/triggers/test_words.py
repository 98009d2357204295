import unicodedata

from neuronsig.triggers.words import word_of_tokens, word_spans


def test_words_are_found_from_left_to_right_whatever_their_case():
    assert word_spans("The cat, the CAT.", ["The", "cat", ",", "the", "cat", "."]) == [
        (0, 3),
        (4, 7),
        (7, 8),
        (9, 12),
        (13, 16),
        (16, 17),
    ]


def test_a_word_that_is_not_there_is_empty_and_the_next_ones_are_found():
    assert word_spans("He can not go", ["He", "cannot", "go"]) == [(0, 2), (2, 2), (11, 13)]


def test_pieces_join_the_word_they_share_most_characters_with():
    text, words = "don't unhappily", ["do", "n't", "unhappily"]
    pieces = [(0, 0), (0, 3), (3, 4), (4, 5), (6, 8), (8, 15), (0, 0)]  # [CLS] don ' t un ##happily [SEP]
    assert word_of_tokens(pieces, word_spans(text, words)).tolist() == [-1, 0, 1, 1, 2, 2, -1]


def test_a_piece_over_several_words_joins_one_of_them_and_leaves_none_to_the_others():
    spans = word_spans("a.b c", ["a", ".", "b", "c"])
    assert word_of_tokens([(0, 3), (3, 5)], spans).tolist() == [0, 3]


def test_pieces_between_words_have_none():
    assert word_of_tokens([(0, 1), (1, 2), (2, 3)], [(0, 1), (2, 3)]).tolist() == [0, -1, 1]
    assert word_of_tokens([(0, 2)], []).tolist() == [-1]


def test_composed_words_are_found_in_text_that_is_not_and_have_its_places():
    text = "Le cafe\u0301 de\u0301ja\u0300 vu, \u1112\u1161\u11ab!"
    words = ["Le", "caf\u00e9", "d\u00e9j\u00e0", "nowhere", "vu", ",", "\ud55c", "!"]
    spans = word_spans(text, words)
    assert [unicodedata.normalize("NFC", text[start:stop]) for start, stop in spans] == [*words[:3], "", *words[4:]]
    assert spans[1:5] == [(3, 8), (9, 15), (15, 15), (16, 18)]
