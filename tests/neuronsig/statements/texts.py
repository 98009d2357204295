"""Invented sentences with all that statements are about, and what they are said to have, by plain loops."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from neuronsig.statements.tokens import COLUMNS, lemma
from neuronsig.tables import SENTENCES

Row = dict[str, Any]

WORDS = {
    tag: words.split()
    for tag, words in {
        "NN": "boat river table stone music garden window letter kitchen nation station motion option village",
        "NNS": "boats rivers tables stones gardens windows letters nations stations houses",
        "NNP": "Rome Anna Paris NASA Peter IBM London Maria",
        "VBD": "went saw took made ran found kept lost",
        "VBZ": "goes sees takes makes runs finds has keeps",
        "VBP": "have go see take make",
        "VBN": "taken seen gone made found written",
        "VBG": "going taking making running singing",
        "JJ": "old unhappy unclear green small unkind heavy great soooo veeery biiig bright",
        "RB": "not quickly often never very",
        "IN": "of in under with from about",
        "DT": "the a this every",
        "PRP": "I you he they it",
        "CD": "12 1987 3 40",
        "CC": "and but or",
        "UH": "oh wow hey",
        "RP": "up out",
    }.items()
}
SHARES = {
    "NN": 9, "NNS": 4, "NNP": 3, "VBD": 4, "VBZ": 3, "VBP": 2, "VBN": 2, "VBG": 2, "JJ": 5, "RB": 4, "IN": 7, "DT": 8,
    "PRP": 5, "CD": 1, "CC": 3, "UH": 0.5, "RP": 0.5,
}  # fmt: skip
TOPICS = ("sport", "trade", "art", "law", "food")


def make_rows(n: int, seed: int = 0) -> list[Row]:
    draw = random.Random(seed)
    tags, weights = list(SHARES), list(SHARES.values())
    rows = []
    for number in range(n):
        length = 3 + min(int(draw.expovariate(1 / 9)), 35)
        pos = draw.choices(tags, weights, k=length)
        tokens = [draw.choice(WORDS[tag]) for tag in pos]
        for place in range(1, length - 1):
            if draw.random() < 0.05:
                tokens[place], pos[place] = draw.choice([(",", ","), ("(", "-LRB-")])
        if draw.random() < 0.002 * 1.5:
            tokens[length // 2], pos[length // 2] = "zebra", "NN"
        tokens.append(draw.choices("?!.", [1, 1, 6])[0])
        pos.append(".")
        document = number // 12
        heads = [0] + [draw.randint(1, i) for i in range(1, len(tokens))]
        rows.append(
            {
                "sentence_id": number,
                "domain": "news" if document % 3 else "book",
                "doc_id": f"d{document}",
                "position": number % 12,
                "text": " ".join(tokens),
                "tokens": tokens,
                "pos": pos,
                "heads": heads,
                "metadata": [("topic", [TOPICS[document % 5]])],
            }
        )
    return rows


def table_of(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SENTENCES).select(COLUMNS)


def low(row: Row) -> list[str]:
    return [token.lower() for token in row["tokens"]]


def follows(items: list[Any], first: Any, second: Any, gap: int) -> bool:
    return any(a == first and second in items[i + 1 : i + 2 + gap] for i, a in enumerate(items))


def in_a_row(items: list[str], *wanted: str) -> bool:
    n = len(wanted)
    return any(tuple(items[i : i + n]) == wanted for i in range(len(items) - n + 1))


def with_participle(row: Row) -> bool:
    lemmas = [lemma(token, "en") for token in row["tokens"]]
    return any(a == "have" and "VBN" in row["pos"][i + 1 : i + 4] for i, a in enumerate(lemmas))


RULES: dict[str, Callable[[Row], bool]] = {
    "with “music”": lambda r: "music" in low(r),
    "with “very”": lambda r: "very" in low(r),
    "with “not … the”": lambda r: follows(low(r), "not", "the", 2),
    "with “of the”": lambda r: in_a_row(low(r), "of", "the"),
    "with a determiner, an adjective and a noun in a row": lambda r: in_a_row(r["pos"], "DT", "JJ", "NN"),
    "with a determiner and a plural noun in a row": lambda r: in_a_row(r["pos"], "DT", "NNS"),
    "with an -ing form": lambda r: "VBG" in r["pos"],
    "with an interjection": lambda r: "UH" in r["pos"],
    "with a preposition": lambda r: "IN" in r["pos"],
    "with a form of “have” and then a participle": with_participle,
    "with a form of “go”": lambda r: any(lemma(token, "en") == "go" for token in r["tokens"]),
    "with a word in -tion": lambda r: any(re.fullmatch(r"\w+tion", token) for token in low(r)),
    "with a word in un-": lambda r: any(re.match(r"un\w", token) for token in low(r)),
    "with a word in capitals": lambda r: any(len(t) > 1 and t.isupper() for t in r["tokens"]),
    "with digits": lambda r: any(c.isdigit() for t in r["tokens"] for c in t),
    "with an elongated word": lambda r: any(re.search(r"([a-z])\1\1", token) for token in low(r)),
    "beginning with “the”": lambda r: low(r)[0] == "the",
    "ending in “?”": lambda r: low(r)[-1] == "?",
    "with “,” (2 times or more)": lambda r: low(r).count(",") >= 2,
    "with a name (2 times or more)": lambda r: r["pos"].count("NNP") >= 2,
    "of at most 6 words": lambda r: len(r["tokens"]) <= 6,
    "of at least 22 words": lambda r: len(r["tokens"]) >= 22,
    "of 9 to 11 words": lambda r: 9 <= len(r["tokens"]) <= 11,
    "whose topic is art": lambda r: r["metadata"][0][1] == ["art"],
    "with “boat” or “stone”": lambda r: bool({"boat", "stone"} & set(low(r))),
    "either with “the” or with “a”, not both": lambda r: ("the" in low(r)) != ("a" in low(r)),
    "with “the”, but without “of”": lambda r: "the" in low(r) and "of" not in low(r),
    "with “great” and with a name": lambda r: "great" in low(r) and "NNP" in r["pos"],
    "among the first 2 of their documents": lambda r: r["position"] <= 1,
    "without a verb": lambda r: not any(tag.startswith("V") for tag in r["pos"]),
    "with “zebra”": lambda r: "zebra" in low(r),
    "with a noun": lambda r: "NN" in r["pos"],
    "with a determiner": lambda r: "DT" in r["pos"],
    "with a past verb": lambda r: "VBD" in r["pos"],
    "with a number (2 times or more)": lambda r: r["pos"].count("CD") >= 2,
    "with a mark (3 times or more)": lambda r: sum(not any(c.isalnum() for c in t) for t in r["tokens"]) >= 3,
    "without “,”": lambda r: "," not in r["tokens"],
    "with “the” among the first three words": lambda r: "the" in low(r)[:3],
    "whose last word is a noun": lambda r: r["pos"][-2] == "NN",
    "whose last word is “boat”": lambda r: low(r)[-2] == "boat",
    "beginning with a pronoun": lambda r: r["pos"][0] == "PRP",
    "with an adjective and a noun in a row": lambda r: in_a_row(r["pos"], "JJ", "NN"),
    "with “old” or “small”": lambda r: bool({"old", "small"} & set(low(r))),
    "either with “of” or with “in”, not both": lambda r: ("of" in low(r)) != ("in" in low(r)),
    "with “i”, but without “not”": lambda r: "i" in low(r) and "not" not in low(r),
    "with a plural noun and with a past verb": lambda r: {"NNS", "VBD"} <= set(r["pos"]),
    "with a form of “find”": lambda r: any(lemma(token, "en") == "find" for token in r["tokens"]),
    "whose domain is book": lambda r: r["domain"] == "book",
    "after the first 10 of their documents": lambda r: r["position"] >= 10,
    "of at least 30 words": lambda r: len(r["tokens"]) >= 30,
}
"""What is said first of the sentences that a rule holds of."""
