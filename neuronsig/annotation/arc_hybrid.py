"""A greedy arc-hybrid dependency parser with a tagger of its own, in compiled loops.

Templates and transitions are those of Spark NLP's `DependencyMaker` and of the `Tagger` in it (5.5.3), whose weights
these take: the heads are the same, to the last one. What differs is that no feature is ever a string.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig.annotation.hashed_features import BASE, ONE, Perceptron, Texts, add_weights, hash_text
from neuronsig.miners.compiled import compiled

TAG_TEMPLATES = (
    *("bias", "word", "w suffix", "w pref1", "tag-1", "tag-2", "tag-1-2", "w,tag-1"),
    *("w-1", "w-1 suffix", "w-2", "w+1", "w+1 suffix", "w+2"),
)
MOVE_TEMPLATES = (
    *("bias", "w", "t", "wt0", "wt1", "wt2", "wt3", "w s0n0", "t s0n0", "t n0n1"),
    *("wtw nns", "wtt nns", "wtw ssn", "wtt ssn", "wtwt"),
    *(f"ttt-{i}" for i in range(10)),
    *(f"val{i}" for i in range(12)),
)
_WORD, _TAG, _COMBINED, _VALENCIES = 1, 2, 3, 25  # where these begin among MOVE_TEMPLATES
_FEATURES = 12 + 12 + len(MOVE_TEMPLATES)
_TAG_TRIGRAMS = (
    *((0, 1, 2), (3, 0, 1), (3, 4, 0), (3, 4, 4), (3, 10, 0), (3, 10, 0)),
    *((3, 0, 6), (3, 8, 9), (3, 10, 11), (0, 6, 7)),
)
N0, S0, N0_LEFT, S0_LEFT, S0_RIGHT = 0, 3, 6, 8, 10
"""Places that features are of: three words that are next, the top three of the stack, and the last two children on the
left of the next word, on the left of the top, on its right."""
SHIFT, RIGHT, LEFT = range(3)
_SPACE, _SLASH = hash_text(" "), hash_text("/")
_W, _T, _T_POWER = hash_text("w="), hash_text(" t="), np.uint64(int(BASE) ** 3 % 2**64)
_WORD_LETTER, _TAG_LETTER = hash_text("w"), hash_text("t")


class Vocabulary(NamedTuple):
    """The words of some sentences and all tags; the last four words stand before and behind a sentence, the last two
    tags before it."""

    words: Texts
    tags: Texts
    only_tag: NDArray[np.int64]  # (words,) that of a word that has but one; -1: it is found


class Tree(NamedTuple):
    """What is parsed of a sentence of n words; n stands for the root."""

    heads: NDArray[np.int32]  # (n,)
    children: NDArray[np.int32]  # (n + 1, 2, 2) the last two on the left and on the right; -1: none
    valency: NDArray[np.int32]  # (n + 1, 2) how many there are on the left and on the right


@compiled
def parse(
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    vocabulary: Vocabulary,
    tagger: Perceptron,
    mover: Perceptron,
) -> NDArray[np.int32]:
    """Heads (tokens,) of the words of sentences, each [offsets[i], offsets[i + 1]): 1-based in the sentence, 0 = root.

    tokens: numbers of words. Several words of a sentence may have the root as their head.
    """
    heads = np.zeros(len(tokens), np.int32)
    for sentence in range(len(offsets) - 1):
        words = tokens[offsets[sentence] : offsets[sentence + 1]]
        n = len(words)
        if n:
            tags = _tag(words, vocabulary, tagger)
            found = heads[offsets[sentence] : offsets[sentence + 1]]
            _parse(words, tags, vocabulary, mover, found)
            for word in range(n):
                found[word] = 0 if found[word] == n else found[word] + 1
    return heads


@compiled
def _tag(words: NDArray[np.int32], vocabulary: Vocabulary, tagger: Perceptron) -> NDArray[np.int64]:
    """Tags (n,) of a sentence's words, each found with the two before it."""
    n, count = len(words), len(vocabulary.only_tag)
    around = np.empty(n + 4, np.int64)
    for word in range(n):
        around[word + 2] = words[word]
    around[0], around[1], around[n + 2], around[n + 3] = count - 4, count - 3, count - 2, count - 1
    labels = tagger.weights.shape[1]
    tags = np.empty(n + 2, np.int64)
    tags[0], tags[1] = labels, labels + 1
    scores, features = np.empty(labels, np.int64), np.empty(len(TAG_TEMPLATES), np.uint64)
    for word in range(2, n + 2):
        tag = vocabulary.only_tag[around[word]]
        if tag < 0:
            _tag_features(around[word - 2 : word + 3], tags[word - 2 : word], vocabulary, features)
            for template in range(len(features)):
                features[template] ^= tagger.mixes[template]
            add_weights(tagger, features, len(features), scores)
            tag = 0
            for label in range(1, labels):
                if scores[label] > scores[tag]:
                    tag = label
        tags[word] = tag
    return tags[2:]


@compiled
def _tag_features(
    around: NDArray[np.int64], before: NDArray[np.int64], vocabulary: Vocabulary, features: NDArray[np.uint64]
) -> None:
    """The texts of TAG_TEMPLATES for the third of five words, after two tags."""
    whole, suffix, tag = vocabulary.words.whole, vocabulary.words.suffix, vocabulary.tags.whole
    last, last_power = tag[before[1]], vocabulary.tags.power[before[1]]
    features[0] = 0
    features[1], features[2], features[3] = whole[around[2]], suffix[around[2]], vocabulary.words.first[around[2]]
    features[4], features[5] = last, tag[before[0]]
    features[6] = _joined(last, _SPACE, tag[before[0]], vocabulary.tags.power[before[0]])
    features[7] = _joined(whole[around[2]], _SPACE, last, last_power)
    features[8], features[9], features[10] = whole[around[1]], suffix[around[1]], whole[around[0]]
    features[11], features[12], features[13] = whole[around[3]], suffix[around[3]], whole[around[4]]


@compiled
def _parse(
    words: NDArray[np.int32],
    tags: NDArray[np.int64],
    vocabulary: Vocabulary,
    mover: Perceptron,
    heads: NDArray[np.int32],
) -> None:
    """Heads (n,), 0-based, n = root, set by the best transition at each step."""
    n = len(words)
    tree = Tree(heads, np.full((n + 1, 2, 2), -1, np.int32), np.zeros((n + 1, 2), np.int32))
    stack, depth, following = np.zeros(n + 1, np.int64), np.int64(1), np.int64(1)
    scores, features, places = np.empty(3, np.int64), np.empty(_FEATURES, np.uint64), np.empty(12, np.int64)
    # Words and tags of the places, and the polynomials' powers of both; nothing is the empty text.
    at = np.empty((4, 12), np.uint64)
    while following < n or depth:
        _look(stack[:depth], following, tree, places)
        for place in range(12):
            at[0, place] = at[2, place] = 0
            at[1, place] = at[3, place] = ONE
            if places[place] >= 0:
                word, tag = words[places[place]], tags[places[place]]
                at[0, place], at[1, place] = vocabulary.words.whole[word], vocabulary.words.power[word]
                at[2, place], at[3, place] = vocabulary.tags.whole[tag], vocabulary.tags.power[tag]
        count = _single(at, mover.mixes, features)
        count += _combined(at, mover.mixes, features[count:])
        count += _valencies(at, places[S0], following, tree.valency, mover.mixes, features[count:])
        add_weights(mover, features, count, scores)
        move = SHIFT
        if following == n or (depth > 1 and scores[RIGHT] > scores[SHIFT]):
            move = RIGHT if depth > 1 else LEFT
        if depth and scores[LEFT] > scores[move]:
            move = LEFT
        if move == SHIFT:
            stack[depth] = following
            depth, following = depth + 1, following + 1
        else:
            depth -= 1
            _attach(tree, stack[depth], stack[depth - 1] if move == RIGHT else following)


@compiled
def _look(stack: NDArray[np.int64], following: int, tree: Tree, places: NDArray[np.int64]) -> None:
    """The twelve places, words by their numbers in the sentence; -1: there is none."""
    n = len(tree.heads)
    for place in range(12):
        places[place] = -1
    for ahead in range(min(3, n - following)):
        places[N0 + ahead] = following + ahead
    for below in range(min(3, len(stack))):
        places[S0 + below] = stack[len(stack) - 1 - below]
    for child in range(2):
        places[N0_LEFT + child] = tree.children[following, 0, child]
        if len(stack):
            places[S0_LEFT + child] = tree.children[places[S0], 0, child]
            places[S0_RIGHT + child] = tree.children[places[S0], 1, child]


@compiled
def _attach(tree: Tree, child: int, head: int) -> None:
    side = 0 if child < head else 1
    tree.heads[child] = head
    tree.children[head, side, 1] = tree.children[head, side, 0]
    tree.children[head, side, 0] = child
    tree.valency[head, side] += 1


@compiled
def _single(at: NDArray[np.uint64], mixes: NDArray[np.uint64], features: NDArray[np.uint64]) -> int:
    """The bias, and the words and tags of all places, each once; returns how many."""
    features[0] = mixes[0]
    count = 1
    for row, template in ((0, _WORD), (2, _TAG)):
        for place in range(12):
            text, seen = at[row, place], False
            for other in range(place):
                seen |= at[row, other] == text
            if not seen:
                features[count] = text ^ mixes[template]
                count += 1
    return count


@compiled
def _combined(at: NDArray[np.uint64], mixes: NDArray[np.uint64], features: NDArray[np.uint64]) -> int:
    """Two or more words and tags at once, the templates from `wt0` to `ttt-9`; returns how many."""
    words, word_powers, tags, tag_powers = at[0], at[1], at[2], at[3]
    for pair, place in enumerate((0, 1, 2, S0)):
        features[pair] = _word_and_tag(words[place], word_powers[place], tags[place], tag_powers[place])
    word, word_power, tag, tag_power = words[N0], word_powers[N0], tags[N0], tag_powers[N0]
    top, top_tag = words[S0], tags[S0]
    both, top_both = _joined(word, _SLASH, tag, tag_power), _joined(top, _SLASH, top_tag, tag_powers[S0])
    features[4] = _joined(top, _SPACE, word, word_power)
    features[5] = _joined(top_tag, _SPACE, tag, tag_power)
    features[6] = _joined(tag, _SPACE, tags[1], tag_powers[1])
    features[7] = _joined(both, _SPACE, top, word_powers[S0])
    features[8] = _joined(both, _SPACE, top_tag, tag_powers[S0])
    features[9] = _joined(top_both, _SPACE, word, word_power)
    features[10] = _joined(top_both, _SPACE, tag, tag_power)
    features[11] = _joined(top_both, _SPACE, both, word_power * BASE * tag_power)
    for trigram, (first, second, third) in enumerate(_TAG_TRIGRAMS):
        two = _joined(tags[first], _SPACE, tags[second], tag_powers[second])
        features[12 + trigram] = _joined(two, _SPACE, tags[third], tag_powers[third])
    count = _VALENCIES - _COMBINED
    for template in range(count):
        features[template] ^= mixes[_COMBINED + template]
    return count


@compiled
def _joined(left: np.uint64, mark: np.uint64, right: np.uint64, power: np.uint64) -> np.uint64:
    """The hash of two texts with a mark of one unit between them, the second's `power` given."""
    return (left * BASE + mark) * power + right


@compiled
def _word_and_tag(word: np.uint64, power: np.uint64, tag: np.uint64, tag_power: np.uint64) -> np.uint64:
    """`w=WORD t=TAG`."""
    return ((_W * power + word) * _T_POWER + _T) * tag_power + tag


@compiled
def _valencies(
    at: NDArray[np.uint64],
    top: int,
    following: int,
    valency: NDArray[np.int32],
    mixes: NDArray[np.uint64],
    features: NDArray[np.uint64],
) -> int:
    """Words and tags with the number of their children, or with how far top and next word are apart; returns how many.

    There is none of an empty text with 0.
    """
    words, word_powers, tags, tag_powers = at[0], at[1], at[2], at[3]
    left = right = apart = np.int64(0)
    if top >= 0:
        left, right, apart = np.int64(valency[top, 0]), np.int64(valency[top, 1]), np.int64(min(following - top, 5))
    numbers = (right, left, np.int64(valency[following, 0]))
    count = 0
    for template in range(12):
        place = N0 if template in (2, 5, 7, 9) else S0
        number = numbers[template % 3] if template < 6 else apart
        text, power = words[place], word_powers[place]
        if template in (3, 4, 5, 8, 9):
            text, power = tags[place], tag_powers[place]
        elif template == 10:
            text, power = (_TAG_LETTER * tag_powers[N0] + tags[N0]) * tag_powers[S0] + tags[S0], BASE
        elif template == 11:
            text, power = (_WORD_LETTER * word_powers[N0] + words[N0]) * word_powers[S0] + words[S0], BASE
        if power != ONE or number:
            features[count] = _numbered(text, number) ^ mixes[_VALENCIES + template]
            count += 1
    return count


@compiled
def _numbered(text: np.uint64, number: int) -> np.uint64:
    """`TEXT NUMBER`."""
    unit = 1
    while unit * 10 <= number:
        unit *= 10
    whole = text * BASE + _SPACE
    while unit:
        whole = whole * BASE + np.uint64(49 + number // unit % 10)
        unit //= 10
    return whole
