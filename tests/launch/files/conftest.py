"""A user's tree with a model in it, a study beside it, and runs of small programs under each of the three means."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from autotune.launch.files import NAMES, Files, Start, choose


@dataclass(frozen=True)
class Home:
    """The user's folders, and the study that must leave them alone."""

    root: Path
    environment: dict[str, str]

    @property
    def model(self) -> Path:
        return self.root / "my model"

    @property
    def study(self) -> Path:
        return self.model / "runs" / "study"

    def files(self, *allowed: str) -> Files:
        return choose(self.study / "files", self.model, self.environment, ours=[self.study], allowed=allowed or NAMES)

    def watch(self, files: Files, argv: Sequence[str | Path]) -> str:
        return self._run(files.watched(self._start(argv)))

    def trial(self, files: Files, argv: Sequence[str | Path], layer: str = "layer") -> str:
        return self._run(files.trial(self._start(argv), self.study / "scratch" / layer))

    def tree(self) -> dict[str, str]:
        """Every file of the user's, with what it holds; links by what they point to."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_relative_to(self.study) or "__pycache__" in name:
                continue
            if path.is_symlink():
                found[name] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[name] = path.read_bytes().decode("latin-1")
            else:
                found[name] = "folder"
        return found

    def _start(self, argv: Sequence[str | Path]) -> Start:
        return Start(tuple(map(str, argv)), self.environment, self.model)

    def _run(self, running: AbstractContextManager[Start]) -> str:
        with running as start:
            done = subprocess.run(start.argv, env=start.env, cwd=start.cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A model with files of its own, results of an earlier run, and folders beside it and behind a link."""
    for name in ("my model/data", "out", "elsewhere/deep", "my model/runs/study"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "cfg.json").write_text("{}")
    (tmp_path / "out" / "old.txt").write_text("user\n")
    (tmp_path / "elsewhere" / "deep" / "old.txt").write_text("user\n")
    (tmp_path / "my model" / "old.txt").write_text("user\n")
    (tmp_path / "my model" / "log.txt").write_text("user\n")
    (tmp_path / "my model" / "gone.txt").write_text("user\n")
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


Writer = Callable[..., list[str]]
