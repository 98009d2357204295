"""Spark NLP's dependency parser written out plainly: every feature a string, looked up in dictionaries."""

from __future__ import annotations

import re

FIRST, LAST = ["%START%", "%PAD%"], ["%ROOT%", "%END%"]
SHIFT, RIGHT, LEFT = range(3)


def read_weights(text: str) -> dict[tuple[str, str], dict[int, int]]:
    weights: dict[tuple[str, str], dict[int, int]] = {}
    name = ""
    for line in text.partition("perceptron.learning={\n")[2].split("\n"):
        if line.endswith("{"):
            name = line[:-1]
        elif found := re.fullmatch(r"(.*)\[(.*)\]", line):
            pairs = (pair.split(":") for pair in found[2].split("|"))
            weights[name, found[1]] = {int(label): int(numbers.split(",")[1]) for label, numbers in pairs}
    return weights


def units(word: str, start: int | None, stop: int | None = None) -> str:
    """A slice of Java's characters."""
    data = word.encode("utf-16-le", "surrogatepass")
    cut = slice(start and 2 * start, stop and 2 * stop)
    return data[cut].decode("utf-16-le", "surrogatepass")


def norm(word: str) -> str:
    digits = [len(mark.encode("utf-16-le")) == 2 and mark.isdecimal() for mark in word]
    if len(word) == 1:
        return "#NUM#" if digits[0] else word
    if all(digit or mark in "-." for digit, mark in zip(digits, word, strict=True)):
        return "#YEAR#" if all(digits) and len(word) == 4 else "#NUM#"
    return word


class SlowParser:
    def __init__(self, tagger: str, moves: str) -> None:
        lines = tagger.split("\n")
        self.classes = re.fullmatch(r"tagger\.classes=\[(.*)\]", lines[0])[1].split("|")
        entries = re.fullmatch(r"tagger\.tag_dict=\[(.*)\]", lines[1])[1].split("|")
        self.dictionary = {word: int(tag) for word, tag in (entry.split("=") for entry in entries)}
        self.tagger, self.moves = read_weights(tagger), read_weights(moves)

    def heads(self, sentence: list[str]) -> list[int]:
        words = [norm(word) for word in sentence]
        tags = self.tags(words)
        n, stack, at = len(words), [0], 1
        heads = [0] * n
        lefts: list[list[int]] = [[] for _ in range(n + 1)]
        rights: list[list[int]] = [[] for _ in range(n + 1)]
        while valid := [SHIFT] * (at < n) + [RIGHT] * (len(stack) > 1) + [LEFT] * (len(stack) > 0):
            scores = self.score(self.moves, features(words, tags, at, stack, lefts, rights), 3)
            move = max(valid, key=lambda move: scores[move])
            if move == SHIFT:
                stack.insert(0, at)
                at += 1
            else:
                child = stack.pop(0)
                head = stack[0] if move == RIGHT else at
                heads[child] = head
                (lefts if child < head else rights)[head].insert(0, child)
        return [0 if head == n else head + 1 for head in heads]

    def tags(self, words: list[str]) -> list[str]:
        w, tags = [*FIRST, *words, *LAST], list(FIRST)
        for i in range(2, len(words) + 2):
            known = self.dictionary.get(w[i])
            if known is None:
                found = {
                    ("bias", ""),
                    *(("word", w[i]), ("w suffix", units(w[i], -3)), ("w pref1", units(w[i], None, 1))),
                    *(("tag-1", tags[i - 1]), ("tag-2", tags[i - 2]), ("tag-1-2", f"{tags[i - 1]} {tags[i - 2]}")),
                    *(("w,tag-1", f"{w[i]} {tags[i - 1]}"), ("w-1", w[i - 1]), ("w-1 suffix", units(w[i - 1], -3))),
                    *(("w-2", w[i - 2]), ("w+1", w[i + 1]), ("w+1 suffix", units(w[i + 1], -3)), ("w+2", w[i + 2])),
                }
                scores = self.score(self.tagger, found, len(self.classes))
                known = scores.index(max(scores))
            tags.append(self.classes[known])
        return tags[2:]

    @staticmethod
    def score(weights: dict[tuple[str, str], dict[int, int]], found: set[tuple[str, str]], labels: int) -> list[int]:
        scores = [0] * labels
        for feature in found:
            for label, weight in weights.get(feature, {}).items():
                scores[label] += weight
        return scores


def features(words, tags, at, stack, lefts, rights) -> set[tuple[str, str]]:
    n, top = len(words), stack[0] if stack else None

    def of(texts: list[str], numbers: list[int], count: int) -> list[str]:
        return [*(texts[number] for number in numbers[:count]), *[""] * (count - len(numbers))]

    def around(texts: list[str]) -> tuple[str, ...]:
        children = [lefts[at], lefts[top] if stack else [], rights[top] if stack else []]
        return (
            *of(texts, list(range(at, n)), 3),
            *of(texts, stack, 3),
            *(text for numbers in children for text in of(texts, numbers, 2)),
        )

    w, t = around(words), around(tags)
    wn, ws, tn, ts = w[0], w[3], t[0], t[3]
    left, right, apart = (len(lefts[top]), len(rights[top]), min(at - top, 5)) if stack else (0, 0, 0)
    trigrams = [
        *((tn, t[1], t[2]), (ts, tn, t[1]), (ts, t[4], tn), (ts, t[4], t[4]), (ts, t[10], tn), (ts, t[10], tn)),
        *((ts, tn, t[6]), (ts, t[8], t[9]), (ts, t[10], t[11]), (tn, t[6], t[7])),
    ]
    valencies = [
        *((ws, right), (ws, left), (wn, len(lefts[at])), (ts, right), (ts, left), (tn, len(lefts[at]))),
        *((ws, apart), (wn, apart), (ts, apart), (tn, apart), (f"t{tn}{ts}", apart), (f"w{wn}{ws}", apart)),
    ]
    return {
        ("bias", ""),
        *(("w", word) for word in w),
        *(("t", tag) for tag in t),
        *((f"wt{i}", f"w={w[i]} t={t[i]}") for i in range(4)),
        *(("w s0n0", f"{ws} {wn}"), ("t s0n0", f"{ts} {tn}"), ("t n0n1", f"{tn} {t[1]}")),
        *(("wtw nns", f"{wn}/{tn} {ws}"), ("wtt nns", f"{wn}/{tn} {ts}")),
        *(("wtw ssn", f"{ws}/{ts} {wn}"), ("wtt ssn", f"{ws}/{ts} {tn}"), ("wtwt", f"{ws}/{ts} {wn}/{tn}")),
        *((f"ttt-{i}", " ".join(trigram)) for i, trigram in enumerate(trigrams)),
        *((f"val{i}", f"{text} {number}") for i, (text, number) in enumerate(valencies) if text or number),
    }
