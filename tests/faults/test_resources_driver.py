"""What the driver costs a trial does not grow with the trials before: handles, memory, bytes, files and time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from instant import searched

from autotune.launch.ask import Ask
from autotune.launch.command import parse_command
from autotune.launch.files import choose
from autotune.launch.run import FreshRunner
from autotune.observe.identity import identify_model

pytestmark = pytest.mark.ci


def test_a_trial_reads_and_writes_as_much_as_the_first_ones(ring: Any, tmp_path: Path):
    first, _, _, last = searched(ring, tmp_path / "study", 120).table()
    assert last["handles"] == first["handles"]
    assert last["read_kb"] < 1.2 * first["read_kb"] + 1
    assert last["written_kb"] < 1.2 * first["written_kb"] + 1
    assert last["files"] == pytest.approx(1.0)
    assert last["written_kb"] < 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_so_it_is_over_2000_trials(ring: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    quarters = searched(ring, tmp_path / "study", 2000).table()
    with capsys.disabled():
        print(json.dumps([{name: round(value, 2) for name, value in each.items()} for each in quarters], indent=1))
    first, last = quarters[0], quarters[-1]
    assert last["handles"] == first["handles"]
    assert last["read_kb"] < 1.1 * first["read_kb"] + 1
    assert last["written_kb"] < 1.1 * first["written_kb"] + 1
    assert last["resident_kb"] < 64
    assert last["driver_ms"] < 1.5 * first["driver_ms"]  # CPU time of one process, against itself


def test_a_large_model_folder_is_not_copied(tmp_path: Path, fresh_runner: Callable[..., FreshRunner]):
    """2 GB beside the model; nothing of it is on the disk a second time, in no trial."""
    (tmp_path / "model").mkdir()
    runner, kept = _beside(tmp_path, fresh_runner)
    with (tmp_path / "model" / "data.bin").open("wb") as file:
        file.truncate(2 << 30)
    for _ in range(2):
        runner.run(Ask(120.0))
    assert sum(file.stat().st_size for file in kept.rglob("*") if file.is_file()) < 50 << 20
    assert (tmp_path / "model" / "data.bin").stat().st_blocks == 0


@pytest.mark.slow
def test_a_folder_of_many_files_does_not_slow_a_trial(tmp_path: Path, fresh_runner: Callable[..., FreshRunner]):
    """Seconds of the driver around a run, without and with 10^5 files beside the model: CPU time of this process."""
    (tmp_path / "model").mkdir()
    runner, _ = _beside(tmp_path, fresh_runner)
    seconds = []
    for many in (False, True):
        if many:
            for number in range(100_000):
                (tmp_path / "model" / f"{number:06d}.dat").touch()
        began_s = time.process_time()
        for _ in range(3):
            runner.run(Ask(120.0))
        seconds.append(time.process_time() - began_s)
    assert seconds[1] < seconds[0] + 0.5
    began_s = time.process_time()
    identify_model(parse_command(["python", "small_ring.py"], tmp_path / "model"))  # once a study
    assert time.process_time() - began_s < 10


def _beside(folder: Path, fresh_runner: Callable[..., FreshRunner]) -> tuple[FreshRunner, Path]:
    """A runner in `folder`/model whose runs are kept from the files there, and where it keeps what it keeps."""
    from dataclasses import replace

    runner = fresh_runner("small_ring.py", ranks=1)
    command = replace(runner.command, cwd=folder / "model")
    files = choose(folder / "kept" / "files", command.cwd, os.environ, ours=(folder / "scratch", folder / "agent"))
    runner = replace(runner, command=command, files=files, scratch=folder / "scratch")
    with files.watched(_start(command.cwd)):
        pass
    return runner, folder / "kept"


def _start(cwd: Path) -> Any:
    from autotune.launch.files import Start

    return Start(("true",), dict(os.environ), cwd)
