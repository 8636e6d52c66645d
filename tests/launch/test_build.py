"""Mechanisms that the tuner builds: in its own cache, once, whole or not at all, and never stale."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.launch import build as module
from autotune.launch.build import BuildFailed, Recipe, build, cache_folder

LEAK = """NEURON { SUFFIX slowleak NONSPECIFIC_CURRENT i RANGE g THREADSAFE }
INCLUDE "reversal.inc"
PARAMETER { g = 1e-4 }
ASSIGNED { v i }
BREAKPOINT { i = g * (v - reversal) }
"""

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler (g++)")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """One mod file with an include, and an empty cache."""
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "model"
    model.mkdir()
    (model / "slowleak.mod").write_text(LEAK)
    (model / "reversal.inc").write_text("PARAMETER { reversal = -65 }\n")
    return Recipe(Path(sys.executable).with_name("nrnivmodl"), (model / "slowleak.mod",))


@needs_compiler
def test_two_builders_make_one_build_and_write_nothing_beside_the_mod_files(recipe, tmp_path, monkeypatch):
    made = []
    original = module._make
    monkeypatch.setattr(module, "_make", lambda *words: (made.append(1), original(*words)))
    answers = []
    builders = [threading.Thread(target=lambda: answers.append(build(recipe, os.environ))) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert len(made) == 1
    assert answers[0] == answers[1]
    library = Path(answers[0].library)
    assert library.is_file()
    assert library.is_relative_to(tmp_path / "cache")
    assert "slowleak" in (library.parent.parent / "build.log").read_text()
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == ["reversal.inc", "slowleak.mod"]


@needs_compiler
def test_a_failed_build_tells_the_last_lines_of_its_log_and_leaves_no_half_build(recipe):
    recipe.mod_files[0].write_text(LEAK.replace("ASSIGNED", "ASIGNED"))
    with pytest.raises(BuildFailed) as failure:
        build(recipe, os.environ)
    assert "slowleak" in failure.value.details or "syntax" in failure.value.details.lower()
    left = {file.suffix for file in (cache_folder() / "mechanisms").iterdir()}
    assert left == {".lock", ".log"}


def test_whatever_a_build_depends_on_gives_it_another_place(recipe):
    environment = dict(os.environ)
    keys = {
        recipe.key(environment),
        replace(recipe, flags="-O3").key(environment),
        replace(recipe, coreneuron=True).key(environment),
        replace(recipe, nrnivmodl=Path("/elsewhere/nrnivmodl")).key(environment),
        recipe.key({**environment, "CXX": "true"}),
    }
    (recipe.mod_files[0].parent / "reversal.inc").write_text("PARAMETER { reversal = -70 }\n")
    keys.add(recipe.key(environment))
    assert len(keys) == 6
    assert recipe.key(environment) == recipe.key(environment)
