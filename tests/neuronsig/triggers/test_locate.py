import numpy as np
import pytest

from neuronsig.triggers.locate import Tokens, locate

# [CLS] un ##happy cat [SEP]
TOKENS = Tokens(np.array([-1, 0, 0, 1, -1]), np.array([True, False, False, False, True]), np.ones(5, bool), words=3)


def test_a_word_s_activation_is_the_highest_of_its_pieces_and_the_trigger_the_highest_word():
    found = locate(np.array([[0, 1, 4, 2, -1], [0, -3, -2, -1, -5]], np.float32), np.zeros(2, np.float32), TOKENS)
    assert found.activations[:, :2].tolist() == [[4, 2], [-2, -1]]
    assert np.isnan(found.activations[:, 2]).all()
    assert found.trigger.tolist() == [0, 1]
    assert found.special.tolist() == [0, 0]
    assert found.on_special.tolist() == [False, True]


def test_concentration_is_the_strongest_token_s_share_above_the_baseline():
    activations = np.array([[1, 2, 3, 1, 1], [1, 1, 1, 1, 1]], np.float32)
    found = locate(activations, np.array([1, 2], np.float32), TOKENS)
    assert found.concentration[0] == pytest.approx(2 / 3)
    assert np.isnan(found.concentration[1])
    assert locate(activations, np.zeros(2, np.float32), TOKENS).concentration.tolist() == pytest.approx([3 / 8, 1 / 5])


def test_what_is_not_pooled_counts_nowhere():
    pooled = np.array([False, True, True, False, False])
    found = locate(
        np.array([[9, 1, 2, 9, 9]], np.float32), np.zeros(1, np.float32), Tokens(TOKENS.word, TOKENS.special, pooled, 3)
    )
    assert found.activations[0].tolist()[:1] == [2]
    assert np.isnan(found.activations[0, 1])
    assert np.isnan(found.special[0])
    assert not found.on_special[0]
    assert found.concentration[0] == pytest.approx(2 / 3)


def test_a_sentence_without_words_has_no_trigger():
    tokens = Tokens(np.array([-1, -1]), np.array([True, False]), np.ones(2, bool), 0)
    found = locate(np.ones((1, 2), np.float32), np.zeros(1, np.float32), tokens)
    assert found.trigger.tolist() == [-1]
    assert found.activations.shape == (1, 0)
    assert found.on_special.tolist() == [True]
