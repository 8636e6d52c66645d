"""Nothing is left: what launchers, models and the tuner put into the folder for temporary files is gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package", autouse=True)
def temporary() -> Iterator[None]:
    """A folder for temporary files of our own, as long as these tests last; its name is short for sockets' sake."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    shutil.rmtree(folder)
    assert left == []


@pytest.fixture(autouse=True)
def nothing_temporary(temporary: None) -> Iterator[None]:
    """Told with the test that has left it."""
    yield
    assert sorted(os.listdir(os.environ["TMPDIR"])) == []
