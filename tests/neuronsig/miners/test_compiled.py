"""Where the machine code is kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neuronsig.miners import compiled

MINE = """
import numpy as np
from neuronsig.miners import compiled
from neuronsig.miners.mined_patterns import sentence_support
sentence_support(np.array([1]), np.array([0, 1]), 2)
hits = len(sentence_support.stats.cache_hits)
print(compiled.HERE.parents[1], compiled.code_folder(), hits, compiled.settings.CACHE_DIR)
"""


@pytest.fixture(autouse=True)
def anew(monkeypatch, tmp_path):
    compiled.code_folder.cache_clear()
    compiled._sources.cache_clear()
    monkeypatch.setattr(compiled.settings, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    yield
    compiled.code_folder.cache_clear()
    compiled._sources.cache_clear()


def test_the_next_process_finds_the_code_from_another_checkout_too_and_numba_s_own_folder_is_left_alone(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)} | {"NUMBA_CACHE_DIR": ""}
    another = tmp_path / "another"
    # Without the times of its files, which are those of a checkout.
    shutil.copytree(compiled.HERE.parent, another / "neuronsig", copy_function=shutil.copyfile)
    said = []
    for checkout in (compiled.HERE.parents[1], another):
        command = [sys.executable, "-c", MINE]
        done = subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True, check=True)
        said.append(done.stdout)
    # A fourth word would be a folder that all numba code of the process is kept in.
    (here, first, hits), (there, second, hits_again) = (line.split() for line in said)
    assert (here, there) == (str(compiled.HERE.parents[1]), str(another))
    assert first == second
    assert Path(first).parent == tmp_path / "neuronsig"
    assert (hits, hits_again) == ("0", "1")
    assert list(compiled.HERE.glob("__pycache__/*.nbi")) == []


def test_numba_s_folder_comes_first_where_it_is_set(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled.settings, "CACHE_DIR", str(tmp_path / "numba"))
    assert Path(compiled.code_folder()).parent == tmp_path / "numba"


def test_without_a_home_the_code_goes_to_a_private_temporary_folder(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("no folder")
    folder = Path(compiled.code_folder()).parent
    assert folder == tmp_path / f"neuronsig-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_that_others_can_write_is_not_trusted(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("no folder")
    shared = tmp_path / f"neuronsig-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    assert compiled.code_folder() == ""


def test_a_changed_source_gets_a_folder_of_its_own(monkeypatch, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    monkeypatch.setattr(compiled, "HERE", sources)
    (sources / "a.py").write_text("one")
    before = compiled.code_folder()
    (sources / "a.py").write_text("two")
    compiled.code_folder.cache_clear()
    compiled._sources.cache_clear()
    assert compiled.code_folder() != before


def test_a_function_s_code_is_kept_by_all_sources_of_its_package(tmp_path):
    def loop() -> None:
        pass

    (tmp_path / "loops.py").write_text("from helpers import helper")
    places = []
    for helper in ("one", "two", "one"):
        (tmp_path / "helpers.py").write_text(helper)
        compiled._sources.cache_clear()
        place = compiled.CodePlace.from_function(loop, str(tmp_path / "loops.py"))
        places.append((place.get_cache_path(), place.get_source_stamp()))
    assert places[0] == places[2]
    assert all(one != other for one, other in zip(places[0], places[1], strict=True))


def test_from_an_archive_nothing_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "HERE", tmp_path / "package.zip" / "miners")
    assert compiled.code_folder() == ""
