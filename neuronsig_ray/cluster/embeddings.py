"""fastText word vectors (P1 4.1): trained on the run's own sentences, or read from a .bin or .vec file.

Training is skip-gram: at a corpus of a million words its neighbours are words of like meaning where those of cbow are
look-alikes (*movie*: film, films against realty, postpone). Settings are fastText's own for skip-gram (window 5, 5
negatives, subsampling 1e-4, rate 0.05) with the 5-grams of its published vectors (Grave et al. 2018), which train
half as fast again as 3- to 6-grams. Tokens are lower-cased. One thread trains, so that the same sentences give the same
bits on the same kind of machine; a second one gains little, because producer and trainer share Python's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors, load_facebook_vectors
from gensim.models.keyedvectors import KeyedVectors
from numpy.typing import NDArray

from neuronsig.analysis.vectors import Floats
from neuronsig.config import AnalysisConfig
from neuronsig.errors import ConfigError, InputError
from neuronsig.ragged import lowered_lists
from neuronsig.storage.files import local_copy
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file

TRAIN = "train"
MODEL_FILE = "words.model"
WINDOW, NEGATIVES, SUBSAMPLING, RATE, NGRAM = 5, 5, 1e-4, 0.05, 5
_BATCH = 4096


class GensimVectors:
    """Word vectors of gensim; a word not in the vocabulary is tried lower-cased, then through its n-grams."""

    def __init__(self, vectors: KeyedVectors, lower: bool) -> None:
        self.vectors, self.lower = vectors, lower
        self.dimension = int(vectors.vector_size)
        arrays = [vectors.vectors, getattr(vectors, "vectors_ngrams", None)]
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


class LowerCased:
    """Sentences for training, read file by file in every epoch: lists of lower-cased tokens, `keep` of `total`.

    When fewer than all are kept they are spread evenly over the table.
    """

    def __init__(self, files: Sequence[Path], total: int, keep: int, seen: Callable[[int], None] | None) -> None:
        self.files, self.total, self.keep, self.seen = files, total, min(keep, total), seen

    def __iter__(self) -> Iterator[list[str]]:
        row = 0
        for file in self.files:
            for batch in parquet_file(file).iter_batches(_BATCH, columns=["tokens"]):
                for sentence in lowered_lists(batch.column(0)).to_pylist():
                    if (row + 1) * self.keep // self.total > row * self.keep // self.total:
                        yield sentence
                    row += 1
                if self.seen:
                    self.seen(len(batch))


def train(
    files: Sequence[Path], total: int, config: AnalysisConfig, seen: Callable[[int], None] | None = None
) -> KeyedVectors:
    """Train fastText on the `tokens` of Parquet files that hold `total` sentences; `seen` counts sentences read.

    Raises InputError when no word is frequent enough to be learnt.
    """
    logging.getLogger("gensim").setLevel(logging.ERROR)
    sentences = LowerCased(files, total, config.max_train_sentences, seen)
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
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"analysis.vectors={path} cannot be read ({reason}); fetch the file again") from error


def save_vectors(vectors: KeyedVectors, folder: Path) -> None:
    """Write vectors into a folder from which every process of a machine can map them without a copy."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors.save(str(folder / MODEL_FILE), sep_limit=1 << 20)


def open_vectors(folder: Path | str, lower: bool) -> GensimVectors:
    """Map saved vectors read-only; `lower`: whether they were trained on lower-cased tokens.

    Of a store's folder a copy on this machine is mapped, made once.
    """
    return GensimVectors(KeyedVectors.load(str(local_copy(location(folder)) / MODEL_FILE), mmap="r"), lower)
