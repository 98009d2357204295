import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("gensim", reason="gensim is not installed")

from gensim.models import FastText
from gensim.models.fasttext import save_facebook_model

from neuronsig.analysis.word_vectors import (
    GensimVectors,
    LowerCased,
    WordSource,
    check_vectors,
    opened_words,
    read_vectors,
    save_vectors,
    train,
)
from neuronsig.config import AnalysisConfig
from neuronsig.errors import ConfigError, InputError

ANIMALS = [["The", "cat", "chases", "a", "mouse"], ["A", "dog", "chases", "the", "cat"]] * 30
MONEY = [["Banks", "lend", "money", "at", "interest"], ["Money", "and", "interest", "worry", "banks"]] * 30
SMALL = AnalysisConfig(dimension=16, epochs=5, min_count=2, buckets=500)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    for number, rows in enumerate((ANIMALS, MONEY)):
        pq.write_table(pa.table({"tokens": rows}), folder / f"part-{number}.parquet")
    return sorted(folder.iterdir())


def test_training_twice_gives_the_same_bits(files):
    one, two = (train(files, 120, SMALL) for _ in range(2))
    assert one.vectors.tobytes() == two.vectors.tobytes()
    assert one.vectors_ngrams.tobytes() == two.vectors_ngrams.tobytes()


def test_another_seed_gives_other_vectors(files):
    other = AnalysisConfig(dimension=16, epochs=5, min_count=2, buckets=500, seed=1)
    assert train(files, 120, SMALL).vectors.tobytes() != train(files, 120, other).vectors.tobytes()


def test_words_are_lower_cased_in_training_and_in_look_up(files):
    vectors = train(files, 120, SMALL)
    assert "the" in vectors.key_to_index
    assert "The" not in vectors.key_to_index
    found, known = GensimVectors(vectors, lower=True).lookup(["The", "the"])
    assert known.all()
    assert found[0].tobytes() == found[1].tobytes()


def test_an_unknown_word_gets_its_n_grams_mean_and_a_word_too_short_for_any_gets_none(files):
    vectors = train(files, 120, SMALL)
    found, known = GensimVectors(vectors, lower=True).lookup(["catlike", "ox"])
    assert known.tolist() == [True, False]
    assert found[0] == pytest.approx(vectors.get_vector("catlike"))
    assert not found[1].any()


def test_saved_vectors_are_the_same_when_they_are_mapped(files, tmp_path):
    vectors = train(files, 120, SMALL)
    save_vectors(vectors, tmp_path / "words")
    mapped = opened_words(WordSource(str(tmp_path / "words"), lower=True))
    words = ["money", "catlike", "zzz"]
    assert mapped.lookup(words)[0].tobytes() == GensimVectors(vectors, lower=True).lookup(words)[0].tobytes()


def test_the_sentences_kept_are_spread_over_all_files(files):
    kept = list(LowerCased(files, 120, 4))
    assert len(kept) == 4
    assert sum("money" in sentence for sentence in kept) == 2


def test_a_corpus_without_a_repeated_word_is_one_clear_error(tmp_path):
    pq.write_table(pa.table({"tokens": [["one", "two"], ["three"]]}), tmp_path / "part-0.parquet")
    with pytest.raises(InputError, match=r"analysis\.min_count=2: no word of the sentences occurs so often"):
        train([tmp_path / "part-0.parquet"], 2, SMALL)


def test_a_facebook_bin_gives_its_words_and_n_grams(tmp_path):
    model = FastText(ANIMALS, vector_size=8, min_count=1, bucket=200, epochs=1, seed=1, workers=1)
    save_facebook_model(model, str(tmp_path / "small.bin"))
    config = AnalysisConfig(vectors=str(tmp_path / "small.bin"), dimension=8)
    check_vectors(config)
    words = GensimVectors(read_vectors(config), lower=False)
    found, known = words.lookup(["cat", "The", "catlike"])
    assert known.all()
    assert found == pytest.approx(np.stack([model.wv["cat"], model.wv["The"], model.wv["catlike"]]), abs=1e-6)


def test_a_vec_file_gives_its_words_falls_back_to_lower_case_and_knows_no_others(tmp_path):
    (tmp_path / "small.vec").write_text("2 3\ncat 1 2 3\nParis 4 5 6\n")
    config = AnalysisConfig(vectors=str(tmp_path / "small.vec"), dimension=3)
    check_vectors(config)
    found, known = GensimVectors(read_vectors(config), lower=False).lookup(["Cat", "Paris", "paris", "dog"])
    assert known.tolist() == [True, True, False, False]
    assert found.tolist() == [[1, 2, 3], [4, 5, 6], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("gone.vec", None, InputError, "no such file"),
        ("a.bin", b"not fastText at all", InputError, "is not a fastText .bin file"),
        ("a.bin", b"", InputError, "is not a fastText .bin file"),
        ("a.vec", b"cat 1 2 3\n", InputError, "first line must be 'words dimensions'"),
        ("a.txt", b"2 3\n", ConfigError, "must be train, or a file that ends in .bin or .vec"),
        (
            "a.vec",
            b"2 100\ncat 1\n",
            ConfigError,
            "has 100 dimensions, analysis.dimension=3; set analysis.dimension=100",
        ),
    ],
)
def test_bad_vector_files_are_named_before_any_work(tmp_path, name, content, error, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said.replace("(", r"\(")) as caught:
        check_vectors(AnalysisConfig(vectors=str(tmp_path / name), dimension=3))
    assert "\n" not in str(caught.value)


def test_a_vec_file_that_ends_early_is_one_clear_error(tmp_path):
    (tmp_path / "torn.vec").write_text("3 3\ncat 1 2 3\ndog 4 5\n")
    with pytest.raises(InputError, match=r"torn\.vec cannot be read"):
        read_vectors(AnalysisConfig(vectors=str(tmp_path / "torn.vec"), dimension=3))
