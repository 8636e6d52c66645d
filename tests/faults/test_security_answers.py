"""best.json is passed on: applying it sets what a study can find, and runs nothing that the user has not typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotune.best import Best, as_json, read_best
from autotune.errors import UsageError
from autotune.export import make_best
from autotune.handover.production import production
from autotune.handover.shims import shell_lines
from autotune.store.folder import open_finished

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"
MODEL = Path(__file__).parents[1] / "handover" / "prints.py"
EVIL = "#!/bin/sh\ntouch {taken}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and beside it everything that an evil answer may name: each would leave the file `taken`."""
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "cache"))
    shutil.copy(MODEL, tmp_path)
    for name in ("bin/python", "bin/nrnivmodl", "bin/nrniv", "mpi", "binding"):
        program = tmp_path / "evil" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(EVIL.format(taken=tmp_path / "taken"))
        program.chmod(0o755)
    (tmp_path / "evil" / "evil.mod").write_text('VERBATIM\nsystem("touch taken");\nENDVERBATIM\n')
    return tmp_path


@pytest.fixture
def answer(folder: Path) -> Callable[..., Best]:
    """The demo's answer with other changes, as somebody else may have written it."""
    said = json.loads(as_json(make_best(*open_finished(DEMO))))

    def written(launch: dict[str, Any] | None = None, command: list[str] | None = None, **changes: Any) -> Best:
        data = {**said, "changes": changes, "launch": {**said["launch"], **(launch or {})}}
        if command is not None:
            data["model"] = {**said["model"], "command": command}
        (folder / "best.json").write_text(json.dumps(data))
        return read_best(folder / "best.json")

    return written


def apply(best: Best, folder: Path, *words: str, **options: Any) -> Any:
    return production(best, words or (sys.executable, "prints.py"), folder, force=True, **options)


@pytest.mark.parametrize(
    "changes",
    [
        {"mod_flags": "-O3 -fplugin=evil.so"},
        {"mod_flags": "-O3 -march=native; touch taken"},
        {"binding": "--mca evil"},
        {"dt": "__import__('os').mkdir('taken')"},
        {"nspike": [1]},
        {"threads": 10**12},
        {"ranks": {"a": 1}},
        {"neuron": 3},
        {"warp": 9},
    ],
    ids=str,
)
def test_what_no_study_finds_is_not_applied(answer: Callable[..., Best], folder: Path, changes: dict[str, Any]):
    with pytest.raises(UsageError, match=r"is no value of|has no knob"):
        apply(answer(**changes), folder)
    with pytest.raises(UsageError, match=r"is no value of|has no knob"):
        list(shell_lines(answer(**changes), folder / "best.json"))


def test_another_environment_must_be_named(answer: Callable[..., Best], folder: Path):
    best = answer(neuron=str(folder / "evil"))
    with pytest.raises(UsageError, match=r"another environment, .*\nIf it is yours, name it: .*--env"):
        apply(best, folder)
    lines = list(shell_lines(best, folder / "best.json"))
    assert all(line.startswith("#") for line in "\n".join(lines).splitlines())
    named = apply(best, folder, environments=(folder / "evil",))
    assert named.argv[0] == str(folder / "evil" / "bin" / "python")
    assert not (folder / "taken").exists()


def test_words_of_the_launcher_come_from_the_launcher(answer: Callable[..., Best], folder: Path):
    if shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
        pytest.skip("there is no mpiexec here")
    evil = {"binding": {"core": [str(folder / "evil" / "binding"), ":"], "none": [str(folder / "evil" / "mpi")]}}
    ready = apply(answer(launch=evil, binding="core"), folder, "mpiexec", "-n", "2", sys.executable, "prints.py", "mpi")
    assert not any("evil" in word for word in ready.argv)
    assert any("bind" in word for word in ready.argv)


def test_what_is_built_and_by_what_comes_from_the_users_own_command(answer: Callable[..., Best], folder: Path):
    evil = {"nrnivmodl": str(folder / "evil/bin/nrnivmodl"), "mod_files": [str(folder / "evil" / "evil.mod")]}
    best = answer(launch=evil, mod_flags="-O3 -march=native")
    with pytest.raises(UsageError, match="its mechanisms must be built anew: none are found for this command"):
        apply(best, folder)
    assert not (folder / "taken").exists()
    assert not list(folder.rglob("libnrnmech*"))


@pytest.mark.parametrize(
    "word", ["", ".", "..", "a b; touch taken", "$(touch taken)", "x\ntouch taken", "'; touch taken"]
)
def test_lines_for_a_job_script_run_nothing(answer: Callable[..., Best], folder: Path, word: str):
    best = answer(command=[word, "it's; touch taken", "$(touch taken)\ntouch taken"], dt=0.05)
    lines = "\n".join(shell_lines(best, folder / "best.json"))
    before = sorted(folder.iterdir())
    done = subprocess.run(["sh", "-c", 'eval "$LINES_"; true'], cwd=folder, env={"LINES_": lines}, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(folder.iterdir()) == before
