"""Nothing is left: what launchers, models and the tuner put into the folder for temporary files is gone at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nothing_temporary_is_left(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A folder for temporary files of our own, as long as a test lasts; its name is short for sockets' sake."""
    tmp_path_factory.getbasetemp()  # pytest's own lies where it always does
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    with monkeypatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    shutil.rmtree(folder)
    assert left == []
