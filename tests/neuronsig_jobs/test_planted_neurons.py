"""Neurons that respond to known things, through the real pipeline from their top-K lists on: each is found again.

The text is invented and varied; a unit's activation is its trait plus noise, and it keeps its 120 strongest sentences.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from neuronsig.neuron import Neuron
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.summary import describe
from neuronsig.signature.view import NeuronView
from neuronsig_jobs.__main__ import main
from tests.spark_jobs.mining.small_run import MODEL, write_run

# What is planted and mined on Spark alone: spark_jobs/mining/test_signatures.py; what is told, without engines:
# neuronsig/statements/test_planted_rules.py. Here both are put together.
pytestmark = pytest.mark.slow

SENTENCES, K, DOCUMENT = 8000, 120, 20
TAGS = ["NN", "NN", "NNS", "VBD", "VBZ", "IN", "IN", "DT", "JJ", "RB", "PRP", "CC"]
SYLLABLES = ["ba", "ko", "ri", "ten", "lu", "mas", "vo", "pel", "dri", "gan"]
WORDS = [a + b for a in SYLLABLES for b in SYLLABLES] + [a + b + "s" for a in SYLLABLES for b in SYLLABLES]
UH, MD = ["oh", "wow", "hey"], ["must", "can", "will"]
TOPICS = ["crude", "grain", "gold", "ship", "trade", "money", "sugar", "coffee"]

Row = dict[str, Any]


def make_sentence(rng: random.Random, number: int) -> Row:
    """Words by Zipf's law, each of one part of speech, then what is planted, in a few of the sentences each."""
    length = 4 + min(int(rng.expovariate(1 / 9)), 40)
    chosen = rng.choices(range(len(WORDS)), [1 / (i + 3) for i in range(len(WORDS))], k=length)
    tokens, tags = [WORDS[i] for i in chosen], [TAGS[i % len(TAGS)] for i in chosen]
    heads = [0] + [1] * (length - 1)

    def put(place: int, word: str, tag: str) -> None:
        tokens[place], tags[place] = word, tag

    put(0, rng.choice(["says", "goes", "looks"]), "VBZ")
    # Some are put in the wrong order, or alone: only the right order tells.
    for first, second in (("not", "but"), ("but", "not")):
        if rng.random() < 0.025 and length > 6:
            at = rng.randrange(1, length - 3)
            put(at, first, "RB" if first == "not" else "CC")
            put(at + rng.randint(2, 3), second, "RB" if second == "not" else "CC")
    for word, tag in (("not", "RB"), ("but", "CC"), ("olympic", "JJ"), ("violin", "NN"), ("tariff", "NN")):
        if rng.random() < 0.02:
            put(rng.randrange(1, length), word, tag)
    for first, second in ((("UH", UH), ("MD", MD)), (("MD", MD), ("UH", UH))):
        if rng.random() < 0.02:
            at = rng.randrange(1, length - 2)
            put(at, rng.choice(first[1]), first[0])
            put(at + rng.randint(1, min(2, length - 1 - at)), rng.choice(second[1]), second[0])
    for child, parent in zip(range(1, length), range(2, length), strict=False):
        if tags[child] == "JJ" and tags[parent] == "NN" and rng.random() < 0.3:
            heads[child] = parent + 1  # an adjective below its noun; elsewhere all hang on the first word
    document = number // DOCUMENT
    news = document % 2 == 0
    field, value = ("topic", TOPICS[document // 2 % 8]) if news else ("author", f"author {document // 2 % 5}")
    return {
        "sentence_id": number,
        "domain": "news" if news else "book",
        "doc_id": f"document {document}",
        "position": number % DOCUMENT,
        "text": " ".join(tokens),
        "tokens": tokens,
        "pos": tags,
        "heads": heads,
        "metadata": [(field, [value])],
    }


def in_order(items: list[str], first: str, second: str, gap: int) -> bool:
    """Whether `second` follows `first` with at most `gap` items between."""
    return any(a == first and second in items[i + 1 : i + 2 + gap] for i, a in enumerate(items))


TRAITS: list[Callable[[Row], float]] = [
    lambda row: 5.0 * ("olympic" in row["tokens"]),
    lambda row: 5.0 * in_order(row["tokens"], "not", "but", 3),
    lambda row: 5.0 * in_order(row["pos"], "UH", "MD", 2),
    lambda row: -0.8 * len(row["tokens"]),
    lambda row: 5.0 * (row["metadata"] == [("topic", ["crude"])]),
    lambda row: 5.0 * bool({"violin", "tariff"} & set(row["tokens"])),
    lambda row: -1.0 * row["position"],
    lambda row: 0.1 * len(row["tokens"]),
    lambda row: 5.0 * any(row["heads"][i] > 1 for i in range(len(row["tokens"]))),
    lambda row: 0.0,
]
WORD, GAP, TAG_ORDER, SHORT, TOPIC, TWO, EARLY, LONG, SUBTREE, NOTHING = range(len(TRAITS))


@pytest.fixture(scope="module")
def views(spark: Any, local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> list[NeuronView]:
    rng = random.Random(11)
    rows = [make_sentence(rng, number) for number in range(SENTENCES)]
    top = {}
    for unit, trait in enumerate(TRAITS):
        scores = [trait(row) + rng.gauss(0, 1) for row in rows]
        top[1, unit] = sorted(range(SENTENCES), key=lambda i: -scores[i])[:K]
    made = write_run(tmp_path_factory.mktemp("planted"), rows, top)
    supports = [f"mining.{kind}_min_support=0.1" for kind in ("word", "pos", "mixed", "itemset", "subtree")]
    settings = [*supports, "mining.pos_max_length=3", "mining.subtree_max_nodes=3"]
    assert main(["mine", f"run={made.root}", *settings, "--brief"]) == 0
    assert main(["describe", f"run={made.root}", "--brief"]) == 0
    reader = SignatureReader(made, MODEL, sentences=1)
    return list(reader.views([Neuron("hidden", 1, unit) for unit in range(len(TRAITS))], with_sentences=False))


def first(view: NeuronView, kind: str) -> tuple[tuple[str, ...], bool]:
    row = view.of(kind)[0]
    return row.pattern, row.stands_out


def told_first(view: NeuronView) -> str:
    return view.told[0].text if view.told else ""


def beyond_chance(view: NeuronView) -> set[tuple[str, ...]]:
    return {row.pattern for kind in view.evidence for row in view.of(kind) if row.lrc != 0}


def test_a_word(views):
    assert first(views[WORD], "words") == (("olympic",), True)
    assert told_first(views[WORD]) == "with “olympic”"


def test_a_bigram_with_a_gap(views):
    assert first(views[GAP], "word_sequence") == (("not", "but"), True)
    assert not views[GAP].of("word_sequence")[0].explained_by
    assert told_first(views[GAP]) == "with “not … but”"


def test_a_tag_sequence(views):
    assert first(views[TAG_ORDER], "pos_sequence") == (("UH", "MD"), True)
    assert told_first(views[TAG_ORDER]) == "with an interjection and then a modal verb near it"


def test_shortness_and_no_word_of_short_sentences(views):
    effect = views[SHORT].effects["length"]
    assert effect.effect < -0.8
    assert effect.high < effect.reference
    assert beyond_chance(views[SHORT]) == set()
    assert told_first(views[SHORT]).startswith("of at most ")


def test_length_and_no_word_of_long_sentences(views):
    effect = views[LONG].effects["length"]
    assert effect.effect > 0.8
    assert effect.low > effect.reference
    assert beyond_chance(views[LONG]) == set()
    assert told_first(views[LONG]).startswith("of at least ")


def test_a_topic(views):
    assert first(views[TOPIC], "metadata") == (("topic", "crude"), True)
    assert told_first(views[TOPIC]) == "whose topic is crude"


def test_two_unrelated_things(views):
    rows = views[TWO].of("words")[:2]
    assert {row.text for row in rows} == {"violin", "tariff"}
    assert all(row.stands_out for row in rows)
    assert told_first(views[TWO]) == "with “violin” or “tariff”"
    assert not any({"violin", "tariff"} <= set(row.pattern) for row in views[TWO].of("word_sequence"))


def test_a_place_in_the_document(views):
    effect = views[EARLY].effects["relative_position"]
    assert effect.effect < -1
    assert effect.high < effect.reference
    assert told_first(views[EARLY]) == "among the first 2 of their documents"


def test_a_subtree_where_words_and_tags_in_order_say_less(views):
    assert first(views[SUBTREE], "subtree") == (("(VBZ (NN (JJ)))",), True)
    assert told_first(views[SUBTREE]) == "with a noun that an adjective hangs on"
    strongest = views[SUBTREE].of("subtree")[0]
    assert all(row.lrc < strongest.lrc for kind in ("words", "pos_sequence") for row in views[SUBTREE].of(kind))


def test_nothing(views):
    assert beyond_chance(views[NOTHING]) == set()
    assert describe(views[NOTHING]).text.startswith("Nothing stands out")
