"""Treebanks and averaged perceptrons: what training the shipped annotators needs beside an engine.

A *sentence* is a list of `Word`s. A *perceptron* is the text that Spark NLP writes of its parser's and tagger's
weights: `perceptron.seen=[N]`, then for every feature template a block of `value[class:current,total,seen|...]`
lines.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from neuronsig.errors import InputError

# Averaged weights are kept as whole multiples of 1/SCALE, because Spark NLP's are integers. A hundredth is
# far below any difference of scores that decides a move, and 1e5 * SCALE * 70 features still fits a float32.
SCALE = 100


class Word(NamedTuple):
    """One token of a treebank: form, Penn tag (XPOS) and 1-based head, 0 = root."""

    form: str
    tag: str
    head: int


def read_conllu(path: Path | str) -> list[list[Word]]:
    """Sentences of a CoNLL-U file, without comments, multiword ranges (`1-2`) and empty nodes (`1.1`).

    Raises InputError that names the file and line when a line has not ten columns or a head is no index of
    its sentence.
    """
    sentences: list[list[Word]] = []
    words: list[Word] = []
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"treebank {path} cannot be read ({error}); give a UD treebank's .conllu file") from None
    for number, line in enumerate([*lines, ""], start=1):
        if not line.strip():
            if words:
                if any(not 0 <= word.head <= len(words) for word in words):
                    raise InputError(f"{path} line {number}: a head is outside its sentence of {len(words)} words")
                sentences.append(words)
            words = []
        elif not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != 10:
                raise InputError(f"{path} line {number}: {len(columns)} columns, CoNLL-U has 10")
            if columns[0].isdigit():
                if not columns[6].isdigit():
                    raise InputError(
                        f"{path} line {number}: head {columns[6]!r} is no number; the treebank needs heads"
                    )
                words.append(Word(re.sub(r"\s", "", columns[1]), columns[4], int(columns[6])))
    if not sentences:
        raise InputError(f"treebank {path} holds no sentence; give a UD treebank's .conllu file")
    return sentences


def to_conllu(sentences: Iterable[Sequence[Word]]) -> str:
    """CoNLL-U for Spark NLP's parser trainer.

    The tag stands in both tag columns (its typed trainer reads UPOS, the untyped one XPOS), and the text ends
    with a blank line, without which the trainer loses the last sentence.
    """
    rows = []
    for words in sentences:
        for index, (form, tag, head) in enumerate(words, start=1):
            rows.append("\t".join((str(index), form, "_", tag, tag, "_", str(head), "_", "_", "_")))
        rows.append("")
    return "\n".join(rows) + "\n"


def to_tagged_lines(sentences: Iterable[Sequence[Word]], delimiter: str) -> str:
    """One `form<delimiter>tag form<delimiter>tag` line a sentence, for Spark NLP's `POS().readDataset`.

    Raises InputError when a form or tag contains the delimiter.
    """
    lines = []
    for words in sentences:
        for word in words:
            if delimiter in word.form or delimiter in word.tag:
                raise InputError(f"the word {word.form!r} contains the delimiter {delimiter!r}; choose another")
        lines.append(" ".join(f"{word.form}{delimiter}{word.tag}" for word in words))
    return "\n".join(lines) + "\n"


def interleaved(sentences: Sequence[list[Word]], parts: int) -> list[list[list[Word]]]:
    """`parts` lists, sentence i in list i mod parts, so that each holds every genre of a sorted treebank."""
    return [list(sentences[part::parts]) for part in range(parts)]


def agreement(gold: Sequence[Sequence[object]], predicted: Sequence[Sequence[object]]) -> float:
    """Share of tokens that agree: accuracy for tags, unlabelled attachment score (UAS) for heads.

    Punctuation counts as any other token. Raises ValueError when the token counts differ.
    """
    right = total = 0
    for wanted, got in zip(gold, predicted, strict=True):
        right += sum(a == b for a, b in zip(wanted, got, strict=True))
        total += len(wanted)
    return right / total if total else 0.0


def pruned(perceptron: Iterable[str], least: float) -> Iterator[str]:
    """The lines of a perceptron with its averaged weights made final, and those below `least` dropped.

    A weight's average over training is (current * (seen - since) + total) / seen. Spark NLP computes it anew
    for every use and in integers, so that any average between -1 and 1 counts as 0 there. Here the exact average
    is written as round(average * SCALE) with `seen` = 1, which that formula gives back unchanged: scores grow
    by a common factor and no decision depends on it. Averages with an absolute value below `least` are left out,
    and so are features that have no weight left.
    """
    seen = 0
    for line in perceptron:
        if line.startswith("perceptron.seen=["):
            seen = int(line[len("perceptron.seen=[") : -1])
            yield "perceptron.seen=[1]"
        elif seen and line.endswith("]") and "[" in line:
            value, _, weights = line[:-1].rpartition("[")
            kept = []
            for weight in weights.split("|"):
                label, _, numbers = weight.partition(":")
                current, total, since = (int(number) for number in numbers.split(","))
                average = (current * (seen - since) + total) / seen
                scaled = round(average * SCALE)
                if scaled and abs(average) >= least:
                    kept.append(f"{label}:0,{scaled},0")
            if kept:
                yield f"{value}[{'|'.join(kept)}]"
        else:
            yield line


def without_separators(tagger: Iterable[str]) -> list[str]:
    """A tagger's lines, without the dictionary's words that hold `|` or `=`, which its own reader splits at."""
    lines = []
    for line in tagger:
        if line.startswith("tagger.tag_dict=["):
            # An entry is word=number; pieces of a word with a bar in it do not have that form.
            words = re.findall(r"(?:^|(?<=\|))[^|=]+=\d+(?=\||$)", line[len("tagger.tag_dict=[") : -1])
            line = f"tagger.tag_dict=[{'|'.join(words)}]"
        lines.append(line)
    return lines


def count_weights(perceptron: Iterable[str]) -> int:
    """Number of (feature, class) weights of a perceptron."""
    return sum(
        line.count("|") + 1
        for line in perceptron
        if line.endswith("]") and not line.startswith(("perceptron.", "tagger."))
    )
