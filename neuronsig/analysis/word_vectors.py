"""fastText word vectors (P1 4.1): trained on the run's own sentences, or read from a .bin or .vec file.

Training is skip-gram: at a corpus of a million words its neighbours are words of like meaning where those of cbow are
look-alikes (*movie*: film, films against realty, postpone). Settings are fastText's own for skip-gram (window 5, 5
negatives, subsampling 1e-4, rate 0.05) with the 5-grams of its published vectors (Grave et al. 2018), which train
half as fast again as 3- to 6-grams. Tokens are lower-cased. One thread trains, so that the same sentences give the same
bits on the same kind of machine; a second one gains little, because producer and trainer share Python's lock.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors, load_facebook_vectors
from gensim.models.keyedvectors import KeyedVectors
from numpy.typing import NDArray

from neuronsig.analysis.vectors import Floats
from neuronsig.config import AnalysisConfig
from neuronsig.config.signatures import TRAIN, TRAIN_SENTENCES
from neuronsig.errors import ConfigError, InputError, first_line
from neuronsig.progress import Done, task, uncounted
from neuronsig.ragged import lowered_lists
from neuronsig.readers import token_batches
from neuronsig.run.directory import RunDirectory
from neuronsig.run.rules import work_fingerprint
from neuronsig.storage.files import local_copy
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import table_files
from neuronsig.storage.whole_files import is_whole, written_folder

MODEL_FILE = "words.model"
WINDOW, NEGATIVES, SUBSAMPLING, RATE, NGRAM = 5, 5, 1e-4, 0.05, 5


def check_vectors(config: AnalysisConfig) -> None:
    """What can be known before any work: the file is there and says that it is .bin or .vec of the right size.

    Raises ConfigError (name, dimension) or InputError (missing, broken).
    """
    if config.vectors == TRAIN:
        return
    path = Path(config.vectors)
    if not path.is_file():
        raise InputError(
            f"analysis.vectors={path}: no such file; give a fastText .bin or .vec file, or analysis.vectors=train"
        )
    if path.suffix == ".bin":
        with open(path, "rb") as stream:
            header = np.frombuffer(stream.read(12), dtype="<i4")
        if len(header) < 3 or header[0] != 793712314:
            raise InputError(f"analysis.vectors={path} is not a fastText .bin file (its first bytes say otherwise)")
        dimension = int(header[2])
    elif path.suffix == ".vec":
        with open(path, "rb") as stream:
            fields = stream.readline(200).split()
        if len(fields) != 2 or not all(f.isdigit() for f in fields):
            raise InputError(f"analysis.vectors={path} is not a .vec file: its first line must be 'words dimensions'")
        dimension = int(fields[1])
    else:
        raise ConfigError(f"analysis.vectors={path}: must be train, or a file that ends in .bin or .vec")
    if dimension != config.dimension:
        raise ConfigError(
            f"analysis.vectors={path} has {dimension} dimensions, analysis.dimension={config.dimension}; "
            f"set analysis.dimension={dimension}"
        )


def words_plan(config: AnalysisConfig, sentences: str) -> dict[str, Any]:
    """All that determines the word vectors: how they are trained and on what, or which file they are."""
    if config.vectors == TRAIN:
        settings = {key: getattr(config, key) for key in ("dimension", "epochs", "min_count", "buckets", "seed")}
        return {"train": sentences, "max_train_sentences": TRAIN_SENTENCES, **settings}
    path = Path(config.vectors)
    return {"file": path.name, "bytes": path.stat().st_size, "ends": _ends_of(path)}


def _ends_of(path: Path, size: int = 1 << 20) -> str:
    """Fingerprint of a file's first and last MiB: pretrained files have gigabytes."""
    with open(path, "rb") as stream:
        head = stream.read(size)
        stream.seek(max(0, path.stat().st_size - size))
        return hashlib.sha256(head + stream.read(size)).hexdigest()[:16]


def word_source(run: RunDirectory, config: AnalysisConfig, plan: dict[str, Any], total: int) -> WordSource:
    """Train or read the word vectors once; every model of the run shares them."""
    folder = run.work("words", work_fingerprint("cluster", plan))
    trained = config.vectors == TRAIN
    if not is_whole(folder):
        if trained:
            with task("training word vectors", total * (config.epochs + 1), "sentences") as t:
                vectors = train(table_files(run.sentences), total, config, t.advance)
        else:
            run.require_space(2 * Path(config.vectors).stat().st_size)
            with task(f"reading {config.vectors}", 1, "file") as t:
                vectors = read_vectors(config)
                t.advance()
        with written_folder(folder) as path:
            save_vectors(vectors, path)
    return WordSource(absolute(folder), lower=trained)


class LowerCased:
    """Sentences for training, read file by file in every epoch: lists of lower-cased tokens, `keep` of `total`.

    When fewer than all are kept they are spread evenly over the table.
    """

    def __init__(self, files: Sequence[Path], total: int, keep: int, seen: Done = uncounted) -> None:
        self.files, self.total, self.keep, self.seen = files, total, min(keep, total), seen

    def __iter__(self) -> Iterator[list[str]]:
        row = 0
        for file in self.files:
            for batch in token_batches(file):
                for sentence in lowered_lists(batch.column("tokens")).to_pylist():
                    if (row + 1) * self.keep // self.total > row * self.keep // self.total:
                        yield sentence
                    row += 1
                self.seen(len(batch))


def train(files: Sequence[Path], total: int, config: AnalysisConfig, seen: Done = uncounted) -> KeyedVectors:
    """Train fastText on the `tokens` of Parquet files that hold `total` sentences; `seen` counts sentences read.

    Raises InputError when no word is frequent enough to be learnt.
    """
    logging.getLogger("gensim").setLevel(logging.ERROR)
    sentences = LowerCased(files, total, TRAIN_SENTENCES, seen)
    model = FastText(
        vector_size=config.dimension,
        sg=1,
        window=WINDOW,
        negative=NEGATIVES,
        sample=SUBSAMPLING,
        alpha=RATE,
        min_n=NGRAM,
        max_n=NGRAM,
        min_count=config.min_count,
        bucket=config.buckets,
        seed=config.seed,
        workers=1,
    )
    model.build_vocab(sentences)
    if not len(model.wv):
        raise InputError(
            f"analysis.min_count={config.min_count}: no word of the sentences occurs so often; lower it or add text"
        )
    model.train(sentences, total_examples=sentences.keep, epochs=config.epochs)
    return model.wv


def read_vectors(config: AnalysisConfig) -> KeyedVectors:
    """Read the pretrained file that the config names; raises InputError when it is broken."""
    path = config.vectors
    logging.getLogger("gensim").setLevel(logging.ERROR)
    try:
        if path.endswith(".bin"):
            return load_facebook_vectors(path)
        return KeyedVectors.load_word2vec_format(path, binary=False, unicode_errors="replace")
    except (ValueError, EOFError, OSError, NotImplementedError, AssertionError, KeyError) as error:
        raise InputError(
            f"analysis.vectors={path} cannot be read ({first_line(error)}); fetch the file again"
        ) from error


def save_vectors(vectors: KeyedVectors, folder: Path) -> None:
    """Write vectors into a folder from which every process of a machine can map them without a copy."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors.save(str(folder / MODEL_FILE), sep_limit=1 << 20)


@dataclass(frozen=True)
class WordSource:
    """Where a task finds the word vectors: a folder that every node sees; `lower`: trained on lower-cased tokens."""

    folder: str
    lower: bool


@lru_cache(maxsize=2)
def opened_words(words: WordSource) -> GensimVectors:
    """Saved vectors mapped read-only, once a process; of a store's folder a copy on this machine, made once."""
    folder = local_copy(location(words.folder))
    return GensimVectors(KeyedVectors.load(str(folder / MODEL_FILE), mmap="r"), words.lower)


class GensimVectors:
    """Word vectors of gensim; a word not in the vocabulary is tried lower-cased, then through its n-grams."""

    def __init__(self, vectors: KeyedVectors, lower: bool) -> None:
        self.vectors, self.lower = vectors, lower
        self.dimension = int(vectors.vector_size)
        arrays = [vectors.vectors, getattr(vectors, "vectors_ngrams", None)]
        # No component of a vector is larger; sums are scaled by it so that they cannot overflow.
        self.largest = max(float(np.abs(a).max()) for a in arrays if a is not None and len(a))

    def lookup(self, words: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Vectors (n, d) float32 and which words have one; the others' rows are zero."""
        index = self.vectors.key_to_index
        names = [word.lower() for word in words] if self.lower else list(words)
        place = np.array([index.get(n, index.get(n.lower(), -1)) for n in names], dtype=np.int64)
        found = np.zeros((len(names), self.dimension), dtype=np.float32)
        listed = place >= 0
        found[listed] = self.vectors.vectors[place[listed]]
        if isinstance(self.vectors, FastTextKeyedVectors) and self.vectors.bucket:
            for row in np.flatnonzero(~listed):
                found[row] = self.vectors.get_vector(names[row])
        return found, np.asarray(found.any(axis=1))
