"""Where annotator models come from, and what the shipped ones do."""

from __future__ import annotations

import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from neuronsig.errors import InputError
from spark_jobs.annotators import TAGGER, load_parser, load_tagger, plainly_named, scala_lane, unpacked
from spark_jobs.parser import MODELS, PARSER
from spark_jobs.tables import uri


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("metadata/part-00000", "{}")
        target.writestr("fields/weights", "x" * 100_000)
    return path


def test_an_archive_is_unpacked_once_and_found_again(archive, tmp_path):
    first = unpacked(archive, tmp_path / "cache")
    inode = first.stat().st_ino
    assert (first / "metadata" / "part-00000").read_text() == "{}"
    assert unpacked(archive, tmp_path / "cache").stat().st_ino == inode


def test_many_processes_unpacking_at_once_get_one_whole_folder(archive, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: unpacked(archive, tmp_path / "cache"), range(16)))
    (folder,) = found
    assert len((folder / "fields" / "weights").read_text()) == 100_000
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_content_gets_another_folder(archive, tmp_path):
    first = unpacked(archive, tmp_path / "cache")
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr("more", "y")
    assert unpacked(archive, tmp_path / "cache") != first


def test_a_folder_that_is_no_model_is_one_error(spark, tmp_path):
    with pytest.raises(InputError, match=r"annotator.pos_model=.*no metadata in it"):
        load_tagger(spark, str(tmp_path))


def test_a_broken_saved_model_is_one_error(spark, tmp_path):
    (tmp_path / "metadata").mkdir()
    with pytest.raises(InputError, match=r"annotator.parser_model=.*cannot be loaded"):
        load_parser(str(tmp_path))


def test_the_shipped_models_take_15_megabytes_at_most_and_say_whose_they_are(spark):
    archives = [MODELS / scala_lane(spark) / TAGGER, MODELS / PARSER]
    assert sum(path.stat().st_size for path in archives) <= 15e6
    attribution = (MODELS / "ATTRIBUTION.md").read_text()
    assert "UD English EWT" in attribution
    assert "CC BY-SA 4.0" in attribution


@pytest.mark.slow
def test_a_model_is_loaded_from_a_folder_of_any_name(spark, tmp_path):
    cache = tmp_path / "ca che[1]{x}* %20#ü"
    unpacked_there = load_tagger(spark, "", cache)
    (folder,) = (cache / "annotators").iterdir()
    assert load_tagger(spark, str(folder)).uid == unpacked_there.uid


@pytest.mark.parametrize(
    ("place", "plain"),
    [("/cache/tagger-1f/2.0", True), ("/a b", False), ("/a[1]", False), ("/a%20b", False), ("s3://b/a[1]", True)],
)
def test_spark_nlp_is_given_another_name_where_it_would_misread_a_folder_s_own(place, plain):
    with plainly_named(place) as address:
        assert (address == uri(place)) == plain
        assert plain or os.readlink(address.removeprefix("file://")) == place
    assert plain or not Path(address.removeprefix("file://")).is_symlink()
