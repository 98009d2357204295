"""What becomes of text before it is annotated (P1 4.1): documents to paragraphs, sentences judged; no engine.

Rules on strings and lists, and their carriers over batches of Arrow rows, which `spark_jobs.annotate` takes to the
data.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from neuronsig.checkpoint import TOKENIZER_FILES, model_folder, open_tokenizer, refused, require_themselves

# P1, footnote 8.
SYMBOLS = "!@#$%^&*()_+-=[]{};:?,."

# Why a sentence is not kept, in the order in which the reasons are tried.
EMPTY = "empty"
TOO_LONG = "too_long"
TOO_SHORT = "too_short"
DUPLICATE = "duplicate"
# Only where annotator.near_duplicates asks for it.
NEAR_DUPLICATE = "near_duplicate"
REASONS = (EMPTY, TOO_LONG, TOO_SHORT, DUPLICATE)

# A blank line ends a paragraph, and with it a sentence; a single line break is only a place where a line was
# full (mail, books and newswire break lines at 70 characters).
_PARAGRAPH_BREAK = re.compile(r"\n[ \t\f\v\r]*\n\s*")

# Spark NLP's Tokenizer takes, for each piece between blanks, the first infix pattern that fits between a prefix and
# a suffix, and makes a token of every group; a piece that none fits stays whole, with its full stop. These split
# as UD English EWT does: clitics, hyphens and slashes between words, marks one by one. F1 of the tokens on its dev
# set: 97.6 % (Spark NLP's own patterns: 95.2 %). Combining marks and joiners stay with the character they follow:
# vowel signs of Indic scripts are no letters to Java, and no marks of punctuation either.
_ON = r"\p{M}\u200c\u200d"
_LETTERS = rf"\p{{L}}[\p{{L}}{_ON}]*"
_WORD = rf"[\p{{L}}\p{{N}}][\p{{L}}\p{{N}}{_ON}]*"
_LAST = rf"[\p{{L}}\p{{N}}{_ON}]"
_JOINT = r"([-–/])"
INFIX_PATTERNS = (
    rf"({_LETTERS})((?i)n['’]t)",
    rf"(.*{_LAST}\.?)((?i)['’](?:s|re|ve|ll|d|m))",
    r"((?i)can)((?i)not)",
    r"((?:\p{L}\.){2,}|(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|Inc|Corp|Co|Ltd|No)\.)",
    r"([$£€]?)(\d+(?:[.,:/]\d+)*)(%?)",
    *(_JOINT.join([rf"({_WORD})"] * words) for words in (2, 3, 4)),
    rf"({_WORD})",
    # Addresses, numbers of parts, and whatever else holds a mark inside.
    rf"([\p{{L}}\p{{N}}]\S*{_LAST})",
)
PREFIX_PATTERN = r"\A" + rf"((?:[^\s\p{{L}}\p{{N}}{_ON}$£€#@.][{_ON}]*)?)" * 3
SUFFIX_PATTERN = rf"((?:[^\s\p{{L}}\p{{N}}{_ON}%][{_ON}]*)?)" * 3 + r"\z"

_RUN = re.compile("([" + re.escape(SYMBOLS) + r"])\1+")
# Control characters are blanks to a tokenizer; left in, they would sit inside words and in reports.
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\ufeff]+")


def normalize(text: str) -> str:
    """Runs of one same symbol become one (`+++` to `+`), any white space and control characters one blank.

    >>> normalize("So  what ?!!! ... --> ok")
    'So what ?! . -> ok'
    """
    return _RUN.sub(r"\1", _BLANK.sub(" ", text)).strip()


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a document, each on one line; paragraphs without a visible character are left out."""
    parts = (_BLANK.sub(" ", part).strip() for part in _PARAGRAPH_BREAK.split(text))
    return [part for part in parts if part]


def judge(
    texts: Sequence[str],
    count_pieces: Callable[[list[str]], list[int]],
    min_pieces: int,
    max_characters: int,
) -> list[tuple[str, str | None]]:
    """(normalised text, reason for dropping it or None) for every sentence, duplicates not yet considered.

    `count_pieces` gives the number of word pieces, special tokens excluded, of each of its texts. Only texts
    within `max_characters` reach it, so that an encoded file of a megabyte costs nothing.
    """
    judged: list[tuple[str, str | None]] = []
    open_cases: list[int] = []
    for text in texts:
        clean = normalize(text)
        if not clean:
            judged.append((clean, EMPTY))
        elif len(clean) > max_characters:
            judged.append((clean, TOO_LONG))
        else:
            open_cases.append(len(judged))
            judged.append((clean, None))
    for index, pieces in zip(open_cases, count_pieces([judged[i][0] for i in open_cases]), strict=True):
        if pieces < min_pieces:
            judged[index] = (judged[index][0], TOO_SHORT)
    return judged


def with_composed(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each row with its `text` in Unicode's form C, which tokens are cut of, and as it is written in `written`."""
    for part in parts:
        text, place = part.column("text"), part.schema.get_field_index("text")
        columns = [*part.columns[:place], pc.utf8_normalize(text, "NFC"), *part.columns[place + 1 :], text]
        yield pa.RecordBatch.from_arrays(columns, [*part.schema.names, "written"])


def one_root(heads: Sequence[int]) -> list[int]:
    """Heads (1-based, 0 = root) with one root: later roots hang on the first, as UD has it.

    A greedy transition parser may leave several words without a head. It never leaves none, and never makes
    a cycle.
    """
    roots = [index for index, head in enumerate(heads, start=1) if head == 0]
    return [roots[0] if head == 0 and index != roots[0] else head for index, head in enumerate(heads, start=1)]


def split_paragraphs(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row a paragraph. Several documents in one row are no way: Spark NLP sorts what it finds by offset."""
    for part in parts:
        split = [paragraphs(text or "") for text in part.column("text").to_pylist()]
        rows = pa.array([row for row, items in enumerate(split) for _ in items], pa.int64())
        columns = {
            "corpus_order": part.column("corpus_order").take(rows),
            "domain": part.column("domain").take(rows),
            "doc_id": part.column("doc_id").take(rows),
            "paragraph": pa.array([index for items in split for index in range(len(items))], pa.int32()),
            "text": pa.array([text for items in split for text in items], pa.string()),
            "metadata": part.column("metadata").take(rows),
        }
        yield pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def judge_sentences(
    parts: Iterable[pa.RecordBatch], tokenizer_json: str, min_pieces: int, max_characters: int
) -> Iterator[pa.RecordBatch]:
    """Every sentence found in paragraphs, with its place in its document and why it is dropped, null: it is not.

    The paragraphs of a document come one after the other, perhaps over several batches.
    """
    # The tasks already are one a core.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json)

    def count_pieces(texts: list[str]) -> list[int]:
        return [len(encoding) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]

    position = previous = -1
    for part in parts:
        found: list[str] = []
        rows: list[int] = []
        positions: list[int] = []
        given = zip(part.column("paragraph").to_pylist(), part.column("sentences").to_pylist(), strict=True)
        for row, (paragraph, texts) in enumerate(given):
            if paragraph == 0:
                position = -1
            elif paragraph != previous + 1:
                raise RuntimeError(f"paragraph {paragraph} follows {previous}: Spark has changed the rows' order")
            previous = paragraph
            for text in texts or ():
                position += 1
                found.append(text)
                rows.append(row)
                positions.append(position)
        parents = pa.array(rows, pa.int64())
        judged = judge(found, count_pieces, min_pieces, max_characters)
        # A dropped sentence is only counted; its text may be a megabyte of code.
        kept = [text if reason is None else "" for text, reason in judged]
        columns = {
            "corpus_order": part.column("corpus_order").take(parents),
            "domain": part.column("domain").take(parents),
            "doc_id": part.column("doc_id").take(parents),
            "position": pa.array(positions, pa.int32()),
            "text": pa.array(kept, pa.string()),
            "reason": pa.array([reason for _, reason in judged], pa.string()),
            "metadata": part.column("metadata").take(parents),
        }
        yield pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def wordpiece_json(path: str) -> str:
    """A fast tokenizer as one string, so that executors need no file. Raises InputError when there is none."""
    from tokenizers import Tokenizer

    named, remedy = f"annotator.wordpieces={path}", "give a model folder with tokenizer.json"
    place = model_folder(path, "annotator.wordpieces", TOKENIZER_FILES)
    require_themselves(place, TOKENIZER_FILES[1:], named)
    file = place / "tokenizer.json"
    with refused(f"{named} has no fast tokenizer", remedy):
        given = Tokenizer.from_file(str(file)) if file.is_file() else None
    tokenizer = given or open_tokenizer(place, named, remedy).backend_tokenizer
    # Both would falsify the count: a cut at 512, and padding to a fixed length.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return str(tokenizer.to_str())
