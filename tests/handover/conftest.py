"""A finished study to hand over: the records that docs/images keeps of `make demo`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from handed import HERE, write_answer

from autotune.handover.answer import Answer, read_answer
from autotune.store.folder import open_finished

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"


@pytest.fixture(scope="session")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What `make demo` found."""
    folder = tmp_path_factory.mktemp("handover") / "ring"
    shutil.copytree(DEMO, folder)
    return read_answer(*open_finished(folder))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the models of these tests."""
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "my model"
    model.mkdir()
    for name in ("prints.py", "prints.hoc", "spiking.py"):
        shutil.copy(HERE / name, model)
    return model


@pytest.fixture
def answer_to(folder: Path) -> Callable[..., Path]:
    """`answer_to(*command, **changes)`, see write_answer."""
    return partial(write_answer, folder)
