import numpy as np
import pyarrow as pa
import pytest

from neuronsig.encoding.text import Text
from neuronsig.tables import SENTENCES
from neuronsig.triggers.locate import locate
from neuronsig.triggers.model_tokens import ModelTokens

WORD = [-1, 0, 0, 1, -1]  # [CLS] un ##happy cat [SEP]
SPECIAL = [True, False, False, False, True]


def tokens_of(*sentences, skip_prefix=0, skip_suffix=0):
    """Sentences of (words, each token's word, whether it is special)."""
    rows = [
        {
            **dict.fromkeys(SENTENCES.names),
            "heads": [],
            "metadata": [],
            "sentence_id": i,
            "tokens": ["x"] * words,
            "pos": ["X"] * words,
        }
        for i, (words, *_) in enumerate(sentences)
    ]
    offsets = np.cumsum([0, *(len(word) for _, word, _ in sentences)])
    word, special = (np.concatenate([np.array(s[i]) for s in sentences]) for i in (1, 2))
    text = Text.of(pa.Table.from_pylist(rows, schema=SENTENCES))
    return ModelTokens(text, offsets, np.zeros(len(word), np.int64), word, special, skip_prefix, skip_suffix)


def located(activations, baselines, tokens, places=None):
    """Activations by pair; by default all of sentence 0."""
    offsets = np.cumsum([0, *map(len, activations)])
    flat = np.concatenate([np.array(of, np.float32) for of in activations])
    places = np.zeros(len(activations), np.int64) if places is None else np.array(places)
    return locate(flat, offsets, np.array(baselines, np.float32), places, tokens)


TOKENS = tokens_of((3, WORD, SPECIAL))


def test_a_word_s_activation_is_the_highest_of_its_pieces_and_the_trigger_the_highest_word():
    found = located([[0, 1, 4, 2, -1], [0, -3, -2, -1, -5]], [0, 0], TOKENS)
    assert [of[:2].tolist() for of in found.words] == [[4, 2], [-2, -1]]
    assert np.isnan([of[2] for of in found.words]).all()
    assert found.trigger.tolist() == [0, 1]
    assert found.special.tolist() == [0, 0]
    assert found.on_special.tolist() == [False, True]
    assert found.strongest.tolist() == [2, 0]


def test_concentration_is_the_strongest_token_s_share_above_the_baseline():
    activations = [[1, 2, 3, 1, 1], [1, 1, 1, 1, 1]]
    found = located(activations, [1, 2], TOKENS)
    assert found.concentration[0] == pytest.approx(2 / 3)
    assert np.isnan(found.concentration[1])
    assert located(activations, [0, 0], TOKENS).concentration.tolist() == pytest.approx([3 / 8, 1 / 5])


def test_what_is_not_pooled_counts_nowhere():
    found = located([[9, 1, 2, 9, 9]], [0], tokens_of((3, WORD, SPECIAL), skip_prefix=1, skip_suffix=2))
    assert found.words[0].tolist()[:1] == [2]
    assert np.isnan(found.words[0][1])
    assert np.isnan(found.special[0])
    assert not found.on_special[0]
    assert found.strongest.tolist() == [2]
    assert found.concentration[0] == pytest.approx(2 / 3)


def test_a_sentence_without_words_has_no_trigger():
    found = located([[1, 1]], [0], tokens_of((0, [-1, -1], [True, False])))
    assert found.trigger.tolist() == [-1]
    assert found.words[0].shape == (0,)
    assert found.on_special.tolist() == [True]


def test_sentences_of_several_lengths_are_located_as_each_alone():
    random = np.random.default_rng(0)
    sentences = [(3, WORD, SPECIAL), (4, [-1, 0, 3, -1], [True, False, False, True]), (0, [-1], [True])]
    places = [1, 0, 2, 1, 0, 0]
    activations = [random.normal(size=len(sentences[place][1])) for place in places]
    baselines = random.normal(size=len(places))
    together = located(activations, baselines, tokens_of(*sentences), places)
    for i, place in enumerate(places):
        alone = located([activations[i]], [baselines[i]], tokens_of(sentences[place]))
        np.testing.assert_array_equal(together.words[i], alone.words[0])
        for name in ("special", "trigger", "on_special", "strongest", "concentration"):
            np.testing.assert_array_equal(getattr(together, name)[i : i + 1], getattr(alone, name))
