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


@needs_compiler
def test_the_flags_reach_the_compiler(recipe):
    only_with_them = "VERBATIM\n#ifndef GIVEN\n#error the flags are missing\n#endif\nENDVERBATIM\n"
    recipe.mod_files[0].write_text(LEAK + only_with_them)
    assert Path(build(replace(recipe, flags="-O1 -DGIVEN"), os.environ).library).is_file()
    with pytest.raises(BuildFailed, match="the mechanisms cannot be built") as failure:
        build(replace(recipe, flags="-O1"), os.environ)
    assert "the flags are missing" in failure.value.details


@needs_compiler
def test_a_build_whose_library_is_gone_is_made_again(recipe):
    (cache_folder() / "mechanisms" / recipe.key(os.environ)[:32]).mkdir(parents=True)
    assert Path(build(recipe, os.environ).library).is_file()


@needs_compiler
def test_what_a_killed_builder_left_goes_with_the_next_build_of_it(recipe):
    key = recipe.key(os.environ)[:32]
    home = cache_folder() / "mechanisms"
    (home / f".{key}-killed" / "mod").mkdir(parents=True)
    (home / ".another-running").mkdir()
    build(recipe, os.environ)
    assert {file.name for file in home.iterdir()} == {key, f"{key}.lock", ".another-running"}


def test_a_cache_that_cannot_be_used_is_named_with_what_to_do(recipe, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(BuildFailed, match=r"(?s)file/cache/mechanisms .*Set AUTOTUNE_CACHE to a folder"):
        build(recipe, os.environ)


def test_what_a_mod_file_includes_from_elsewhere_gives_a_build_another_place(recipe, tmp_path):
    far, farther = tmp_path / "shared" / "far.inc", tmp_path / "shared" / "farther.h"
    far.parent.mkdir()
    recipe.mod_files[0].write_text(f'{LEAK}INCLUDE "{far}"\n')
    keys = set()
    for text in ("", "PARAMETER { w = 1 }\n", f'VERBATIM\n#include "{farther.name}"\nENDVERBATIM\n'):
        far.write_text(text)
        keys.add(recipe.key(os.environ))
    farther.write_text(f'#include "{far}"\n')
    keys.add(recipe.key(os.environ))
    assert len(keys) == 4


@pytest.mark.parametrize("variable", ["CC", "CFLAGS", "CXX", "CXXFLAGS"])
def test_the_variables_of_the_compiler_give_a_build_another_place(recipe, variable):
    keys = {recipe.key({**os.environ, variable: value}) for value in ("g++ -O0", "g++ -O1")}
    assert len(keys) == 2


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
