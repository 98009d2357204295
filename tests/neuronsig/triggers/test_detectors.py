import pytest

from neuronsig.triggers.detectors import detector_row


def row(trigger=0, on_special=False, concentration=0.6, covered=True, offset=0):
    return {
        "trigger": trigger,
        "on_special": on_special,
        "concentration": concentration,
        "covered": covered,
        "offset": offset,
    }


@pytest.mark.parametrize(
    ("rows", "words", "tags", "detector"),
    [
        ([row()] * 4, ["Wait", "wait", "stop", "WAIT"], ["VB"] * 4, "token"),
        ([row()] * 5, ["went", "ran", "saw", "hit", "ran"], ["VBD"] * 5, "tag"),
        ([row()] * 4, ["went", "cat", "of", "."], ["VBD", "NN", "IN", "."], "context"),
        ([row(concentration=0.1)] * 4, ["went", "cat", "of", "."], ["VBD", "NN", "IN", "."], "diffuse"),
        ([row(concentration=0.1)] * 4, ["the"] * 4, ["DT"] * 4, "diffuse"),
        ([row(on_special=True)] * 2 + [row()] * 2, ["wait"] * 4, ["VB"] * 4, "special"),
        ([row(concentration=None)] * 3, ["a", "b", "c"], ["X"] * 3, "diffuse"),
    ],
)
def test_detectors_by_their_rules(rows, words, tags, detector):
    assert detector_row(rows, words, tags)["detector"] == detector


def test_shares_count_sentences_without_a_trigger_too():
    rows = [row(), row(covered=False, offset=-3), row(covered=False, offset=None), row(-1, covered=False, offset=None)]
    found = detector_row(rows, ["a", "b", "A", ""], ["X", "X", "Y", ""])
    assert (found["word"], found["word_share"]) == ("a", 0.5)
    assert (found["tag"], found["tag_share"]) == ("X", 0.5)
    assert (found["covered_share"], found["near_offset"]) == (0.25, 3.0)
    assert found["concentration"] == pytest.approx(0.6)


def test_equally_common_triggers_go_by_the_alphabet():
    found = detector_row([row()] * 2, ["b", "a"], ["Y", "X"])
    assert (found["word"], found["tag"]) == ("a", "X")
