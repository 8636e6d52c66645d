"""Where a study writes: full, read-only, taken away or damaged while it runs. It ends with words, and goes on."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_study import overwrite, remove

from autotune.errors import UsageError
from autotune.launch.ask import Ask
from autotune.launch.run import FreshRunner
from autotune.search.sampler import make_sampler
from autotune.store import disk
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study, tell_measured

pytestmark = pytest.mark.ci

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


@pytest.fixture
def little(make_study: Any, tmp_path: Path) -> Path:
    """A study of two trials, each run a fresh process."""
    search = {"trials": 2, "knobs": ["self_queue"]}
    study: Path = make_study(
        tmp_path / "ring", "{python} faulty.py", "faulty.py", search=search, run={"resident": "never"}
    )
    return study


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path | None]]:
    """`small_disk(kilobytes, *options)`: a new file system of that size, or None where nothing may be mounted here.

    It is never mounted again with other options: that could hit what lies under it.
    """
    mounted = []

    def mount(kilobytes: int, *options: str) -> Path | None:
        place = tmp_path / f"disk {len(mounted)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={kilobytes}k", *options]), "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
            return None
        assert os.path.ismount(place)
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_is_told_and_the_study_goes_on_when_there_is_room(
    small_disk: Any, little: Path, autotune: Any, made: Any
) -> None:
    place = small_disk(20_000)
    if place is None:
        pytest.skip("no tmpfs may be mounted here: the write hook of test_resume_at_any_write.py stands in")
    ballast = place / "ballast"
    ballast.write_bytes(bytes(19_800 << 10))  # not even the agent finds room
    words = ("run", "--out", place / "out", little)
    answer = autotune(*words, cwd=little.parent)
    assert answer.code == 2, str(answer)
    assert "the disk is full" in answer.stderr
    assert "it goes on where it stopped" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert autotune.all_gone()
    ballast.unlink()
    assert autotune(*words, cwd=little.parent).code == 0
    made("a tmpfs")


def test_a_run_for_which_the_disk_is_too_small_is_no_failed_trial(
    fresh_runner: Any, small_disk: Any, made: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("FAULT", "prints")
    runner: FreshRunner = fresh_runner("faulty.py", ranks=1)
    place = small_disk(4000)
    way = "a tmpfs"
    if place is None:
        place, way = runner.scratch, "a probe that is refused"
        monkeypatch.setattr("autotune.launch.run.what_is_refused", lambda folder: errno.ENOSPC)
        monkeypatch.setenv("FAULT", "abort")
    runner = FreshRunner(runner.command, {**os.environ, **runner.environment}, runner.agent, place / "scratch")
    with pytest.raises(UsageError, match="the disk is full"):
        runner.run(Ask(60.0))
    made(way)


def test_a_folder_that_may_not_be_written_is_told_before_anything_runs(
    little: Path, small_disk: Any, autotune: Any, tmp_path: Path, made: Any
) -> None:
    closed = tmp_path / "mine"
    closed.mkdir(mode=0o555)
    places = {"its mode": closed, "a file system mounted read-only": small_disk(1000, "ro")}
    for way, place in places.items():
        if place is not None:
            words = ("run", "--out", place / "out", little)
            driver = autotune.start(*words, cwd=little.parent, preexec_fn=_obey_modes)
            said = driver.communicate(timeout=60)[1]
            assert driver.returncode == 2, said
            assert "read-only" in said or "may not write" in said
            assert "--out" in said
            assert "Traceback" not in said
            made(way)


def _obey_modes() -> None:
    """Root without the right to overlook the modes of files is as any other user to a folder that is closed."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_what_a_file_system_refuses_is_told_with_what_to_do(tmp_path: Path, number: int) -> None:
    with pytest.raises(UsageError) as caught, disk.disk_errors_told(tmp_path):
        raise OSError(number, os.strerror(number), "some.json")
    assert caught.value.message == f"some.json: {disk.REFUSED[number][0]}"
    assert "the same command again" in caught.value.cure


def test_a_mistake_of_our_own_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk.disk_errors_told(tmp_path):
        Path("/no/such/file").read_text()
    gone = tmp_path / "gone.json"
    with pytest.raises(UsageError, match="removed while the study ran"), disk.disk_errors_told(tmp_path):
        gone.read_text()


# The storage


@pytest.mark.parametrize("harm", [remove, pytest.param(overwrite, marks=pytest.mark.slow)])
def test_a_journal_that_is_lost_while_the_study_runs_costs_no_trial(
    little: Path, autotune: Any, wait: Any, listing: Any, made: Any, harm: Callable[[Path], None]
) -> None:
    out = little.parent / "out"
    words = ("run", "--out", out, little)
    driver = autotune.start(*words, cwd=little.parent)
    assert wait((out / "trials" / "0000.json").is_file, driver=driver)
    harm(out / "optuna.journal")
    _, complained = driver.communicate(timeout=120)
    assert driver.returncode == 2, complained
    assert "was removed or damaged while the study ran" in complained
    assert "Traceback" not in complained
    kept = {name: what for name, what in listing(out / "trials").items() if not name.startswith(".")}
    answer = autotune(*words, cwd=little.parent)
    assert answer.code == 0, str(answer)
    assert kept.items() <= listing(out / "trials").items()
    assert sorted(listing(out / "trials")) == ["0000.json", "0001.json"]
    made("the journal, in the middle of a search")


def test_a_database_that_another_program_has_locked_is_waited_for(tmp_path: Path, made: Any) -> None:
    file = tmp_path / "optuna.db"
    study = open_study(open_storage(tmp_path, f"sqlite:///{file}"), "ring", 0, make_sampler)
    other = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    other.execute("begin exclusive")
    timer = threading.Timer(6.0, other.close)  # longer than SQLite waits by itself
    timer.start()
    asked = study.ask()
    asked.suggest_categorical("dt", (0.025, 0.05))
    timer.join()
    tell_measured(study, asked, 0.9, 0.0)
    assert [trial.value for trial in study.trials] == [0.9]
    made("an exclusive lock for 6 s")
