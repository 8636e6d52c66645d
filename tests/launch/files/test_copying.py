"""A scratch copy of the command's folder: what counts as written there, what the copy holds, what it cannot protect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from user_home import Home

from autotune.errors import UsageError
from autotune.launch.files import copying
from autotune.launch.files.copying import copy_folder, snapshot, written


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_new_changed_and_removed_files_are_seen(tmp_path: Path) -> None:
    fill(tmp_path, "model.py", "old.txt", "same.txt")
    before = snapshot(tmp_path)
    fill(tmp_path, "results/new.txt")
    (tmp_path / "old.txt").unlink()
    (tmp_path / "model.py").write_text("changed")
    assert written(before, snapshot(tmp_path)) == ["model.py", "old.txt", "results/new.txt"]


def test_a_rewritten_file_of_the_same_size_is_seen(tmp_path: Path) -> None:
    fill(tmp_path, "result.txt")
    before = snapshot(tmp_path)
    os.utime(tmp_path / "result.txt", ns=(1, 1))
    assert written(before, snapshot(tmp_path)) == ["result.txt"]


def test_our_own_folders_and_caches_do_not_count(tmp_path: Path) -> None:
    fill(tmp_path, "model.py", "runs/x/study.json", "__pycache__/model.pyc")
    assert set(snapshot(tmp_path, [tmp_path / "runs" / "x"])) == {"model.py"}


def test_a_copy_holds_the_model_and_not_the_study_inside_it(tmp_path: Path) -> None:
    model = tmp_path / "model"
    fill(model, "model.py", "data/weights.txt", "runs/x/study.json", ".git/config")
    (model / "link.txt").symlink_to("data/weights.txt")
    copy_folder(model, tmp_path / "copy", [model / "runs" / "x"])
    assert set(snapshot(tmp_path / "copy")) == {"model.py", "data/weights.txt", "link.txt"}
    assert (tmp_path / "copy" / "link.txt").is_symlink()


def test_a_folder_too_large_to_copy_is_refused_with_a_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "model", "big.bin")
    monkeypatch.setattr(copying, "LARGEST_COPY", 3)
    with pytest.raises(UsageError, match="too much to copy") as refusal:
        copy_folder(tmp_path / "model", tmp_path / "copy")
    assert "--workspace" in refusal.value.cure
    assert not (tmp_path / "copy").exists()


def test_a_run_in_a_copy_finds_what_was_there_before_the_watched_run(home: Home) -> None:
    files = home.files("copy", "library")
    program = ["sh", "-c", "cat old.txt; test -e new.txt && echo found; echo $0 > old.txt; echo $0 > new.txt"]
    assert home.watch(files, [*program, "watched"]) == "user\n"
    written_now = home.tree()
    assert home.trial(files, [*program, "trial"]) == "user\n"
    assert home.tree() == written_now


def test_without_the_library_new_files_are_left_out_of_the_copy(home: Home) -> None:
    files = home.files("copy")
    home.watch(files, ["sh", "-c", "echo x > new.txt"])
    assert files.store.written() == (str(home.model / "new.txt"),)
    assert "new.txt" not in home.trial(files, ["ls"])


def test_absolute_words_of_the_command_lead_into_the_copy(home: Home) -> None:
    files = home.files("copy")
    home.watch(files, ["true"])
    before = home.tree()
    home.trial(files, ["sh", "-c", "echo x > $0", home.model / "old.txt"])
    assert home.tree() == before


def test_a_copy_that_does_not_protect_the_folder_is_told(home: Home) -> None:
    (home.model / "real").mkdir()
    (home.model / "through").symlink_to(home.model / "real")
    files = home.files("copy")
    home.watch(files, ["true"])
    with pytest.raises(UsageError, match=r"real/result.txt changed while a copy"):
        home.trial(files, ["sh", "-c", "echo x > through/result.txt"])
