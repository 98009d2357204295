"""Paragraphs of documents, and the tokenizer that says how long a sentence is."""

import pytest

from neuronsig.annotation.sentences import wordpiece_json
from neuronsig.errors import InputError


def test_a_tokenizer_that_is_not_there_is_one_error(tmp_path):
    with pytest.raises(InputError, match=r"annotator.wordpieces=.*holds no tokenizer"):
        wordpiece_json(str(tmp_path))


def test_a_tokenizer_file_is_read_without_its_cut_and_padding(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.enable_truncation(2)
    made.enable_padding(length=9)
    made.save(str(tmp_path / "tokenizer.json"))
    read = Tokenizer.from_str(wordpiece_json(str(tmp_path)))
    assert len(read.encode("a a a a")) == 4
