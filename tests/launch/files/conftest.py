"""A user's tree with a model in it, and each of the three means by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from user_home import Home

from autotune.launch.files import NAMES, Files


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A model with files of its own, results of an earlier run, and folders beside it and behind a link."""
    for name in ("my model/data", "out", "elsewhere/deep", "my model/runs/study"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "cfg.json").write_text("{}")
    for name in ("out/old.txt", "elsewhere/deep/old.txt", "my model/old.txt", "my model/log.txt", "my model/gone.txt"):
        (tmp_path / name).write_text("user\n")
    (tmp_path / "my model" / "data" / "a.txt").write_text("a\n")
    (tmp_path / "my model" / "link").symlink_to("../elsewhere/deep")
    return Home(tmp_path, dict(os.environ))


@pytest.fixture(params=NAMES)
def means(request: pytest.FixtureRequest) -> str:
    """Each of the three, by itself."""
    name: str = request.param
    return name


@pytest.fixture
def files(home: Home, means: str) -> Files:
    return home.files(means)
