"""Words shuffled by plain lists, for tokenizers with marks of every kind, and what is said of the activations."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import spearmanr
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.collection.shard_files import ShardText
from neuronsig.errors import InputError
from neuronsig.evaluation import word_order
from neuronsig.evaluation.word_order import WORD_ORDERS, WordOrders, contextuality, shuffled_places, word_orders
from neuronsig.splitmix import stream
from neuronsig.triggers.model_tokens import pieces

TEXTS = {
    7: (
        "Unbelievably, the cat's whiskers twitched!",
        ["Unbelievably", ",", "the", "cat", "'s", "whiskers", "twitched", "!"],
    ),
    3: ("don't stop believing", ["do", "n't", "stop", "believing"]),
    11: ("twitched", ["twitched"]),
    12: ("the naïve 🐈 stop the cat (here)", ["the", "naïve", "🐈", "stop", "the", "cat", "(", "here", ")"]),
}
TABLE = pa.table(
    {
        "sentence_id": list(TEXTS),
        "text": [text for text, _ in TEXTS.values()],
        "tokens": [words for _, words in TEXTS.values()],
    }
)
SPECIAL = ["[UNK]", "[CLS]", "[SEP]"]


def shuffled_slowly(word, special, sentence_id, seed):
    """The definition, with lists: what `shuffled_places` must equal."""
    groups: list[list[int]] = []
    after = last = -1
    for place in reversed(range(len(word))):
        if special[place]:
            continue
        after = word[place] if word[place] >= 0 else after
        if groups and after == last:
            groups[0].insert(0, place)
        else:
            groups.insert(0, [place])
        last = after
    drawn = stream(sentence_id, len(groups), word_order._SEED + seed)
    moved = [place for _, group in sorted(zip(drawn, groups, strict=True)) for place in group]
    return [place if special[place] else moved.pop(0) for place in range(len(word))]


def word_pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return trained(tokenizer, trainers.WordPieceTrainer)


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return trained(tokenizer, trainers.BpeTrainer, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def sentence_pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return trained(tokenizer, trainers.UnigramTrainer, unk_token="[UNK]")


def pieces_without_words() -> Tokenizer:
    """As Llama's first ones: spaces become marks, and nothing is cut before it is merged."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained(tokenizer, trainers.BpeTrainer, texts=[word for text, _ in TEXTS.values() for word in text.split()])
    return tokenizer


def trained(tokenizer: Tokenizer, trainer, texts=None, **settings) -> Tokenizer:
    # So few merges that words are of several pieces.
    made = trainer(vocab_size=70 if "initial_alphabet" not in settings else 290, special_tokens=SPECIAL, **settings)
    tokenizer.train_from_iterator(texts or [text for text, _ in TEXTS.values()], made)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, tokenizer.token_to_id(name)) for name in SPECIAL[1:]]
    )
    return tokenizer


KINDS = [word_pieces, byte_pairs, sentence_pieces, pieces_without_words]


def spec_of(tokenizer: Tokenizer, limit: int = 0) -> TokenizerSpec:
    return TokenizerSpec("t", tokenizer.to_str(), "", limit, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_words_move_as_a_whole_and_nothing_else_changes(kind: Callable[[], Tokenizer]) -> None:
    tokenizer = kind()
    orders = dict(zip(TEXTS, word_orders(TABLE, spec_of(tokenizer), 0)["places"].to_pylist(), strict=True))
    of_several = 0
    for (i, places), (ids, word, special) in zip(
        orders.items(), pieces(tokenizer, *(TABLE[name].to_pylist() for name in ("text", "tokens"))), strict=True
    ):
        assert sorted(places) == list(range(len(ids)))
        assert places[0] == 0
        assert places[-1] == len(ids) - 1
        assert places == shuffled_slowly(word.tolist(), special.tolist(), i, 0)
        for number in range(len(TEXTS[i][1])):
            if not (of := np.flatnonzero(word == number).tolist()):
                continue  # its letters are in a piece that is more of another word
            start = places.index(of[0])
            assert places[start : start + len(of)] == of
            of_several += len(of) > 1
    assert of_several > 3
    assert orders[7] != sorted(orders[7])
    assert orders[11] == sorted(orders[11])


def test_a_sentence_is_shuffled_the_same_way_wherever_it_is_and_by_another_seed_in_another() -> None:
    spec = spec_of(word_pieces())
    whole = word_orders(TABLE, spec, 0)
    assert pa.concat_tables([word_orders(TABLE.slice(i, 1), spec, 0) for i in range(len(TEXTS))]).equals(whole)
    assert not word_orders(TABLE, spec, 1).equals(whole)


def test_a_mark_of_the_space_before_a_word_goes_with_it() -> None:
    word = np.array([0, -1, 1, 1, -1, 2, -1])
    for i in range(20):
        places = shuffled_places(word, np.zeros(7, bool), i, 0).tolist()
        assert places == shuffled_slowly(word.tolist(), [False] * 7, i, 0)
        for group in ([1, 2, 3], [4, 5], [6], [0]):
            start = places.index(group[0])
            assert places[start : start + len(group)] == group


def test_all_orders_are_as_likely() -> None:
    word, special = np.array([-1, 0, 0, 1, 2, -1]), np.array([True, False, False, False, False, True])
    found = [tuple(shuffled_places(word, special, i, 0).tolist()) for i in range(1200)]
    counts = {order: found.count(order) for order in set(found)}
    assert len(counts) == 6
    assert all(150 < count < 250 for count in counts.values())


def test_what_the_model_does_not_read_is_not_shuffled_in() -> None:
    cut = word_orders(TABLE, spec_of(word_pieces(), 6), 0)["places"].to_pylist()
    assert sorted(cut[0]) == list(range(6))


def orders_of(tmp_path, places: dict[int, list[int]]) -> WordOrders:
    file = tmp_path / "orders.parquet"
    pq.write_table(pa.table([pa.array(places), pa.array(places.values())], schema=WORD_ORDERS), file)
    return WordOrders.read(file)


def test_the_sentences_of_a_shard_come_twice_in_the_same_order(tmp_path) -> None:
    text = ShardText(np.array([5, 2, 9]), np.array([0, 2, 5, 8]), np.array([50, 51, 20, 21, 22, 90, 91, 92], np.int32))
    plain, mixed = orders_of(tmp_path, {9: [0, 2, 1], 5: [1, 0], 7: [0]}).of(text)
    assert plain.sentence_ids.tolist() == mixed.sentence_ids.tolist() == [5, 9]
    assert plain.tokens.tolist() == [50, 51, 90, 91, 92]
    assert mixed.tokens.tolist() == [51, 50, 90, 92, 91]
    assert plain.offsets.tolist() == mixed.offsets.tolist() == [0, 2, 5]
    none, _ = orders_of(tmp_path, {1: [0]}).of(text)
    assert not len(none.sentence_ids)
    with pytest.raises(
        InputError, match="tokenized/ has 3 tokens of sentence_id=2, and its text in sentences/ makes 2;"
    ):
        orders_of(tmp_path, {2: [0, 1]}).of(text)
    assert replace(plain, tokens=mixed.tokens).lengths.tolist() == [2, 3]


def test_contextuality_is_of_ranks_and_kept_of_the_best() -> None:
    random = np.random.default_rng(3)
    plain = random.normal(size=(60, 4)).astype(np.float32)
    mixed = plain + random.normal(size=(60, 4)).astype(np.float32)
    mixed[:, 1] = plain[:, 1]
    plain[:, 2] = 1.5
    mixed[:, 3] = np.round(mixed[:, 3])  # ties
    found = list(contextuality(plain, mixed, 10))
    for unit in (0, 1, 3):
        expected = 1 - spearmanr(plain[:, unit], mixed[:, unit]).statistic
        assert found[unit]["contextuality"] == pytest.approx(expected, abs=1e-9)
        best = [set(sorted(range(60), key=lambda i: (-of[i], i))[:10]) for of in (plain[:, unit], mixed[:, unit])]
        assert found[unit]["kept_shuffled"] == len(best[0] & best[1]) / 10
    assert found[1] == {"contextuality": pytest.approx(0, abs=1e-12), "kept_shuffled": 1.0}
    assert found[2] == {"contextuality": None, "kept_shuffled": None}
