"""A study writes into its own folder only, whatever lies in it and whatever the model's folder is called."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from autotune.errors import UsageError
from autotune.launch.files import Store
from autotune.launch.files.seal import KEY
from autotune.store.folder import StudyFolder

NAMES = ["; touch x", "a:b", "line\nbreak", 'it\'s "ü" $(touch y) `touch z`']


@pytest.mark.parametrize("name", ["trials", "scratch", "agent", "files", "spent.json", "optuna.journal", ".lock"])
def test_a_link_in_a_study_folder_is_not_followed(tmp_path: Path, name: str):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text("{}")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "study" / name).symlink_to(precious)
    with pytest.raises(UsageError, match="is a link"):
        StudyFolder(tmp_path / "study").create()
    assert precious.read_text() == "mine"


def kept(folder: Path, name: Path) -> Path:
    """Copies of files as a killed driver leaves them: one is to be put back under `name`."""
    store = Store(folder)
    store.begin()
    copy = store.before / str(name).lstrip("/")
    copy.parent.mkdir(parents=True)
    copy.write_text("as it was")
    return folder


def test_copies_of_files_are_put_back_where_they_were_made_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "cache"))
    name = tmp_path / "results.dat"
    own = kept(tmp_path / "study" / "files", name)
    assert (tmp_path / "cache" / KEY).stat().st_mode & 0o777 == 0o600
    shutil.copytree(own.parent, tmp_path / "another")
    with pytest.raises(UsageError, match="were not made here"):
        Store(tmp_path / "another" / "files").recover()
    assert not name.exists()
    Store(own).recover()
    assert name.read_text() == "as it was"


def test_nor_are_those_of_somebody_elses_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "theirs"))
    folder = kept(tmp_path / "study" / "files", tmp_path / "bashrc")
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "ours"))
    with pytest.raises(UsageError, match=r"put back.*\nSee what in"):
        Store(folder).recover()
    assert not (tmp_path / "bashrc").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_with_each_of_these_names(tmp_path: Path, make_study: Any, autotune: Any, name: str):
    study = make_study(tmp_path / name, "mpiexec -n 2 {python} small_ring.py", search={"trials": 3})
    answer = autotune("run", ".", cwd=study)
    assert answer.code == 0, str(answer)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
