"""The folders of a user, a study among them that must leave them alone, and how a program is run in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

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
        return self._run(files.watched(self.start(argv)))

    def trial(self, files: Files, argv: Sequence[str | Path], layer: str = "layer") -> str:
        return self._run(files.trial(self.start(argv), self.study / "scratch" / layer))

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

    def start(self, argv: Sequence[str | Path]) -> Start:
        return Start(tuple(map(str, argv)), self.environment, self.model)

    def _run(self, running: AbstractContextManager[Start]) -> str:
        with running as start:
            done = subprocess.run(start.argv, env=start.env, cwd=start.cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
