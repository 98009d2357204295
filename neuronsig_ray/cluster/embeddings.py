"""fastText word vectors (P1 4.1): trained on the run's own sentences, or read from a .bin or .vec file.

Training is skip-gram: at a corpus of a million words its neighbours are words of like meaning where those of cbow are
look-alikes (*movie*: film, films against realty, postpone). Settings are fastText's own for skip-gram (window 5, 5
negatives, subsampling 1e-4, rate 0.05) with the 5-grams of its published vectors (Grave et al. 2018), which train
half as fast again as 3- to 6-grams. Tokens are lower-cased. One thread trains, so that the same sentences give the same
bits on the same kind of machine; a second one gains little, because producer and trainer share Python's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors, load_facebook_vectors
from gensim.models.keyedvectors import KeyedVectors
from numpy.typing import NDArray

from neuronsig.analysis.vectors import Floats
from neuronsig.analysis.word_vectors import LowerCased
from neuronsig.config import AnalysisConfig
from neuronsig.errors import InputError
from neuronsig.storage.files import local_copy
from neuronsig.storage.location import location

MODEL_FILE = "words.model"
WINDOW, NEGATIVES, SUBSAMPLING, RATE, NGRAM = 5, 5, 1e-4, 0.05, 5


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
