"""What a model can do to a run: it costs that run, and leaves nothing alive."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed
from autotune.launch.leftovers import runs_in
from autotune.launch.run import FreshRunner
from autotune.raster.metrics import identical

pytestmark = pytest.mark.ci

MOST_MEMORY_BYTES = 1 << 28


@pytest.fixture
def failing(fresh_runner: Callable[..., FreshRunner], monkeypatch: Any) -> Callable[..., FreshRunner]:
    """`failing(fault, ranks=1, **more)`: a runner of the ring with that fault."""

    def make(fault: str, ranks: int = 1, **more: str) -> FreshRunner:
        for name, value in {"FAULT": fault, **more}.items():
            monkeypatch.setenv(name, value)
        return fresh_runner("faulty.py", ranks=ranks)

    return make


@pytest.mark.parametrize(
    ("fault", "said"),
    [("segfault", "SIGSEGV"), ("abort", "SIGABRT"), ("out of memory", "MemoryError")],
)
def test_a_model_that_dies_costs_its_run(failing: Any, made: Any, fault: str, said: str) -> None:
    runner = failing(fault)
    with pytest.raises(RunFailed, match=said) as caught:
        runner.run(Ask(60.0))
    assert caught.value.failure == "crashed"
    assert runs_in(runner.scratch) == []
    assert not any(runner.scratch.iterdir())
    made(f"{fault}, for real")


@pytest.mark.mpi
def test_a_rank_that_is_killed_costs_its_run_and_takes_the_others_with_it(failing: Any, made: Any) -> None:
    runner = failing("kill", ranks=2, FAULT_RANK="1")
    with pytest.raises(RunFailed) as caught:
        runner.run(Ask(60.0))
    assert caught.value.failure == "crashed"
    assert runs_in(runner.scratch) == []
    made("SIGKILL")


@pytest.mark.mpi
def test_a_rank_that_hangs_costs_its_run(failing: Any, made: Any) -> None:
    runner = failing("hang", ranks=2, FAULT_RANK="1")
    with pytest.raises(RunFailed, match="still running") as caught:
        runner.run(Ask(5.0))
    assert caught.value.failure == "timeout"
    assert runs_in(runner.scratch) == []
    made("it sleeps for ever")


@pytest.mark.parametrize(
    "stream",
    ["1", pytest.param("2", marks=pytest.mark.slow)],
    ids=["standard output", "standard error"],
)
def test_a_model_that_prints_a_gigabyte_is_run_and_not_read_into_memory(
    failing: Any, made: Any, tmp_path: Path, stream: str
) -> None:
    if shutil.disk_usage(tmp_path).free < 4 << 30:
        pytest.skip("there is no room for a gigabyte")
    runner = failing("prints", FAULT_TO=stream)
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    own = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    monkey = (own + MOST_MEMORY_BYTES, limits[1])
    read = FreshRunner.read

    def read_with_little_memory(*words: Any) -> Any:
        resource.setrlimit(resource.RLIMIT_DATA, monkey)
        try:
            return read(*words)
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, limits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FreshRunner, "read", read_with_little_memory)
        run = runner.run(Ask(120.0))
    assert len(run.raster) > 20
    assert not any(runner.scratch.iterdir())
    made("for real")


def test_a_model_that_forks_leaves_nothing(failing: Any, made: Any) -> None:
    runner = failing("forks")
    assert len(runner.run(Ask(60.0)).raster) > 20
    assert runs_in(runner.scratch) == []
    made("a child that sleeps")


def test_a_model_that_changes_its_folder_is_run_again_and_again(failing: Any, made: Any) -> None:
    runner = failing("folder")
    runs = [runner.run(Ask(60.0)) for _ in range(2)]
    assert identical(runs[0].raster, runs[1].raster)
    made("chdir")


def test_a_model_that_reads_all_of_its_input_finds_none(failing: Any, made: Any) -> None:
    assert len(failing("reads all of stdin").run(Ask(60.0)).raster) > 20
    made("for real")
