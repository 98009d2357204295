"""The compiled parser against one written out plainly, with the weights that ship."""

from __future__ import annotations

import random
import subprocess
import sys

import pyarrow as pa
import pytest

from neuronsig.annotation.hashed_features import hash_texts, read_perceptron
from neuronsig.annotation.parser import DependencyParser
from neuronsig.annotation.treebank import read_conllu
from spark_jobs.parser import parser_texts, shipped_parser
from tests.neuronsig.annotation.odd_words import ENGLISH, drawn_sentences
from tests.neuronsig.annotation.slow_parser import SlowParser

# In a process of its own: in this one other tests may have parsed before.
PARSE = """
import pyarrow as pa
from neuronsig.annotation import arc_hybrid, hashed_features
from neuronsig.annotation.__main__ import main
from spark_jobs.parser import shipped_parser
from tests.neuronsig.annotation.odd_words import drawn_sentences

KERNELS = {
    name: one for of in (arc_hybrid, hashed_features) for name, one in vars(of).items() if hasattr(one, "signatures")
}

def compiled():
    return {name: len(kernel.nopython_signatures) for name, kernel in KERNELS.items()}

main()
before = compiled()
shipped_parser().heads(pa.array(drawn_sentences(0, 5)))
assert compiled() == before
print(*(name for name, number in before.items() if number))
"""


@pytest.fixture(scope="module")
def slow():
    return SlowParser(*parser_texts())


@pytest.mark.parametrize("seed", range(4))
def test_heads_are_those_of_a_plain_parser_on_words_of_any_kind(slow, seed):
    sentences = drawn_sentences(seed, 40)
    assert shipped_parser().heads(pa.array(sentences)).to_pylist() == [slow.heads(words) for words in sentences]


def test_heads_do_not_depend_on_the_sentences_beside_them_nor_on_where_the_column_begins(slow):
    sentences = drawn_sentences(9, 20)
    wanted = [slow.heads(words) for words in sentences]
    whole = pa.array(sentences)
    assert shipped_parser().heads(whole.slice(7, 9)).to_pylist() == wanted[7:16]
    alone = [shipped_parser().heads(whole.slice(i, 1)).to_pylist()[0] for i in range(len(whole))]
    assert alone == wanted


def test_sentences_of_no_words_have_no_heads_and_a_batch_of_none_is_one_of_none():
    tokens = pa.array([[], ["Yes"], []], pa.list_(pa.string()))
    assert shipped_parser().heads(tokens).to_pylist() == [[], [0], []]
    assert shipped_parser().heads(tokens.slice(0, 0)).to_pylist() == []


def test_a_plain_sentence_is_parsed_as_a_person_would():
    (heads,) = shipped_parser().heads(pa.array([ENGLISH[0].split()])).to_pylist()
    assert heads == [2, 3, 0, 6, 6, 3, 3]


def test_what_is_compiled_beforehand_is_all_that_parsing_needs():
    done = subprocess.run([sys.executable, "-c", PARSE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"parse", "_hash_units", "_read_blocks", "_placed"} <= set(done.stdout.split())


@pytest.mark.slow
def test_heads_are_those_of_a_plain_parser_on_a_treebank(slow, data_folder):
    sentences = read_conllu(data_folder / "ud_english_ewt" / "en_ewt-ud-test.conllu")
    words = [[word.form for word in sentence] for sentence in sentences]
    assert shipped_parser().heads(pa.array(words)).to_pylist() == [slow.heads(one) for one in words]


def test_a_text_s_hash_tells_it_from_others_and_is_that_of_its_parts_joined():
    rng = random.Random(0)
    texts = {"".join(rng.choices("ab /=😀", k=rng.randrange(8))) for _ in range(3_000)}
    hashes = hash_texts(sorted(texts))
    assert len(set(hashes.whole.tolist())) == len(texts)
    (left, right, both), (_, power, _) = (row[:3].tolist() for row in hash_texts(["a 😀", "b/", "a 😀b/"])[:2])
    assert (left * power + right) % 2**64 == both


@pytest.mark.parametrize(
    "text", ["perceptron.seen=[7]\nperceptron.learning={\nw{\na[0:1,2,3]\n}\n}\n", "", "perceptron.seen=[1]\n"]
)
def test_weights_that_are_not_final_are_refused(text):
    with pytest.raises(ValueError, match="averages are not final"):
        read_perceptron(text, ["w"], 3)


def test_weights_are_read_whatever_marks_their_words_hold():
    block = "w{\na[b[0:0,-12,0|2:0,7,0]\n{[1:0,3,0]\n}[1:0,4,0]\n]:1,2|[2:0,-5,0]\n}\nbias{\n[0:0,1,0]\n}\n}\n"
    read = read_perceptron(f"perceptron.seen=[1]\nperceptron.learning={{\n{block}", ["w", "bias"], 3)
    words = hash_texts(["a[b", "{", "}", "]:1,2|", ""]).whole ^ read.mixes[[0, 0, 0, 0, 1]]
    rows = [read.weights[read.rows[list(read.slots).index(word)]].tolist() for word in words]
    assert rows == [[-12, 0, 7], [0, 3, 0], [0, 4, 0], [0, 0, -5], [1, 0, 0]]


def test_a_tagger_that_is_none_is_refused():
    with pytest.raises(ValueError, match="where a tagger's entries are due"):
        DependencyParser("nothing\nof the kind\n", "")
