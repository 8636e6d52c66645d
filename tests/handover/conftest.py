"""A finished study to hand over: the records that docs/images keeps of `make demo`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autotune.handover.answer import Answer, read_answer
from autotune.store.folder import open_finished

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"


@pytest.fixture(scope="session")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What `make demo` found."""
    folder = tmp_path_factory.mktemp("handover") / "ring"
    shutil.copytree(DEMO, folder)
    return read_answer(*open_finished(folder))
