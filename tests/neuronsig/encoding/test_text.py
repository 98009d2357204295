import itertools

import pyarrow as pa
import pytest

from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from tests.neuronsig.evaluation.texts import ANIMALS, table_of


def names(text: Text) -> list[str]:
    codes = {code: name for layer in text.codes.values() for name, code in layer.items()}
    return [codes[code] for code in range(text.vocabulary.n_codes)]


def test_words_are_lower_cased_and_tags_and_metadata_have_codes_of_their_own():
    metadata = [{"topic": ["earn", "a=b"]}, {}, {"topic": ["earn"]}, {}]
    text = Text.of(table_of(ANIMALS, metadata))
    assert text.ids.tolist() == [0, 1, 2, 3]
    assert text.lengths.tolist() == [7, 4, 6, 3]
    assert [names(text)[code] for code in text.sentences.words[:5]] == ["the", "cat", "sat", "on", "the"]
    assert [names(text)[code] for code in text.tag_codes[7:11]] == ["RB", "DT", "NN", "."]
    items, offsets = text.sentences.transactions(text.vocabulary)
    held = [{names(text)[code] for code in items[a:b]} for a, b in itertools.pairwise(offsets)]
    assert held[0] == {"the", "cat", "sat", "on", "mat", ".", "DT", "NN", "VBD", "IN", "domain=news"} | {
        "topic=earn",
        "topic=a=b",
    }
    assert held[3] == {"cats", "ran", ".", "NNS", "VBD", "domain=news"}


def test_what_no_sentence_has_has_no_code():
    text = Text.of(table_of(ANIMALS))
    assert text.code("CAT", "words") == text.code("cat", "words") >= 0
    assert text.code("domain=news", "metadata") == len(text.vocabulary.words)
    assert text.code("NN", "tags") >= text.vocabulary.n_items
    assert [text.code(*of) for of in (("zebra", "words"), ("nn", "tags"), ("domain=book", "metadata"))] == [-1] * 3


def test_rows_come_in_the_order_of_their_ids_from_any_chunks():
    table = table_of(ANIMALS)
    shuffled = pa.concat_tables([table.slice(2), table.slice(0, 2)])
    assert Text.of(shuffled).lengths.tolist() == [7, 4, 6, 3]


def test_lists_of_different_lengths_are_refused():
    table = table_of(ANIMALS)
    broken = table.set_column(6, table.schema.field("pos"), pa.array([["DT"]] * 4, pa.list_(pa.string())))
    with pytest.raises(InputError, match="sentence_id 0 has 7 tokens and 1 pos; run"):
        Text.of(broken)


def test_a_sentence_that_is_there_twice_is_refused():
    with pytest.raises(InputError, match="sentence_id 2 is there twice"):
        Text.of(pa.concat_tables([table_of(ANIMALS), table_of(ANIMALS).slice(2, 1)]))


def test_no_sentences_are_no_error():
    text = Text.of(table_of(ANIMALS).slice(0, 0))
    assert len(text) == len(text.sentences.words) == len(text.trees) == 0
