"""A scratch copy of the model's folder is made once; every run finds it as the first one did."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from autotune.launch.files import Start, choose
from autotune.launch.files.choice import Files

CHANGES = "echo x >> a.txt; rm b.txt; mkdir -p made/deep; echo y > made/deep/c.txt; mv sub moved; touch -d @0 a.txt"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "sub/d.txt", "large.dat"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def files(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "cache"))
    made = choose(tmp_path / "study" / "files", model, os.environ, allowed=("copy",))
    with made.watched(start(model, "true")) as begun:
        subprocess.run(begun.argv, cwd=begun.cwd, check=True)
    return made


def start(model: Path, script: str) -> Start:
    return Start(("sh", "-c", script), dict(os.environ), model)


def trial(files: Files, model: Path, number: int, script: str) -> dict[str, tuple[int, str]]:
    """What a run finds in its folder, before it does this: the number and the text of each file."""
    layer = model.parent / "study" / "scratch" / str(number) / "layer"
    layer.parent.mkdir(parents=True)
    with files.trial(start(model, script), layer) as begun:
        found = {
            str(file.relative_to(layer)): (file.stat().st_ino, file.read_text())
            for file in layer.rglob("*")
            if file.is_file()
        }
        subprocess.run(begun.argv, cwd=begun.cwd, check=True)
    assert not layer.exists()
    return found


def test_the_same_copy_serves_every_run(files: Files, model: Path):
    first = trial(files, model, 1, "true")
    assert trial(files, model, 2, "true") == first


def test_what_a_run_has_changed_is_made_as_it_was(files: Files, model: Path):
    first = trial(files, model, 1, CHANGES)
    second = trial(files, model, 2, CHANGES)
    assert {name: text for name, (_, text) in second.items()} == {name: text for name, (_, text) in first.items()}
    assert second["large.dat"] == first["large.dat"]
    place = next((model.parent / "study" / "scratch").glob("*-copy"))
    assert sorted(path.name for path in place.iterdir()) == ["a.txt", "b.txt", "large.dat", "sub"]


def test_a_folder_that_the_user_has_changed_is_copied_anew(files: Files, model: Path):
    trial(files, model, 1, "true")
    (model / "a.txt").write_text("another model")
    assert trial(files, model, 2, "true")["a.txt"][1] == "another model"


def test_two_runs_at_once_have_a_copy_each(files: Files, model: Path):
    layer = model.parent / "study" / "scratch" / "session" / "layer"
    layer.parent.mkdir(parents=True)
    with files.trial(start(model, "true"), layer):
        assert trial(files, model, 1, "true").keys() == {"a.txt", "b.txt", "sub/d.txt", "large.dat"}
        assert layer.is_dir()
