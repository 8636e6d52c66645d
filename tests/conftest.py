"""What the tests share: the tuner as a subprocess, small studies, finished ones, and real runs with the agent inside.

Every process that a test starts carries a mark in its environment, so that whatever survives a test is found and ended.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

from autotune.agent.protocol import Sampling
from autotune.launch import find_mpi, launch_environment, mpi_environment, parse_command
from autotune.launch.ask import Ask, Run
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import Observation, observe
from autotune.raster import Raster

pytest_plugins = ["minutes", "networks", "simulated", "ways"]

MODELS = Path(__file__).parent / "models"
MARK = "AUTOTUNE_TEST_MARK"
TWO_RANKS = "mpiexec -n 2 {python} small_ring.py"
LIMIT_S = 120.0  # of a run in a test
FIRST_KNOBS = ["dt", "nspike", "gid_compress", "bin_queue", "self_queue", "cache_efficient"]
# As short as a study can be; a test that is about one of these keys names its own value.
QUICK: dict[str, dict[str, Any]] = {
    "search": {"trials": 4, "repeats": 0},
    "noise": {"runs": 4},
    "confirm": {"pairs": 5, "finalists": 1, "alpha": 0.05},
}

# At every start the Open MPI of the PyPI wheel looks for fast networks for a second; hundreds of runs are started here.
os.environ.setdefault("OMPI_MCA_btl", "^ofi")

# An example that takes long says something of the machine only.
hypothesis.settings.register_profile("without a deadline", deadline=None)
hypothesis.settings.load_profile("without a deadline")

# A shell that starts the tests in the background makes them, and so every driver that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Answer:
    """What a command of the tuner gave back."""

    code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.stdout}\n{self.stderr}"


@dataclass(frozen=True)
class Finished:
    """A study that has come to its end: the study, its folder, what was printed, and the model's files before it."""

    study: Path
    out: Path
    answer: Answer
    before: dict[str, str]

    def record(self, name: str) -> Any:
        return json.loads((self.out / f"{name}.json").read_text())

    def trials(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in sorted((self.out / "trials").glob("*.json"))]


def _heard() -> None:
    """In a driver that is started: what this run of pytest may have been told to ignore (nohup, a script's `&`)."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Tuner:
    """`python -m autotune ...` as a user types it."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex

    def __call__(self, *words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Answer:
        process = self.start(*words, cwd=cwd, env=env)
        out, err = process.communicate(timeout=240)
        return Answer(process.returncode, out, err)

    def start(
        self, *words: str | Path, cwd: Path, env: dict[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start it and do not wait; in a session of its own, so that a signal reaches the driver alone."""
        return subprocess.Popen(
            [sys.executable, "-m", "autotune", *map(str, words)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", MARK: self.mark, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{"preexec_fn": _heard, **options},
        )

    def alive(self) -> list[psutil.Process]:
        """Every process of ours that still runs, the driver among them."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def all_gone(self, within_s: float = 10.0) -> bool:
        return wait_until(lambda: not self.alive(), within_s)

    def end(self) -> None:
        for process in self.alive():
            process.kill()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def wait_until(
    condition: Callable[[], object], within_s: float = 60.0, driver: subprocess.Popen[str] | None = None
) -> bool:
    """Whether it comes true in time; fails at once, with what was printed, when `driver` ends before that."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if condition():
            return True
        if driver is not None and driver.poll() is not None:
            out, err = driver.communicate()
            pytest.fail(f"the driver ended too early: {Answer(driver.returncode, out, err)}")
        time.sleep(0.02)
    return bool(condition())


def write_study(folder: Path, command: str = TWO_RANKS, *models: str, **tables: dict[str, Any]) -> Path:
    """A study folder with copies of `models` and a study.toml that is as QUICK as can be, but for what `tables` say."""
    folder.mkdir(parents=True)
    for model in models or ("small_ring.py",):
        shutil.copy(MODELS / model, folder)
    lines = [f"command = {json.dumps(command)}"]
    for table in {**QUICK, **tables}:
        lines.append(f"[{table}]")
        values = {**QUICK.get(table, {}), **tables.get(table, {})}
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    (folder / "study.toml").write_text("\n".join(lines) + "\n")
    return folder


def list_files(folder: Path) -> dict[str, str]:
    """Every file and folder under `folder`, with the files' SHA-256."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def list_half_written(folder: Path) -> list[Path]:
    """What a writer that died left under `folder`: the temporary files of `write_atomically` (".NAME.XXXX")."""
    return [path for path in folder.rglob(".*.*") if path.is_file()]


def run_study(tuner: Tuner, study: Path, out: Path, *options: str) -> Finished:
    before = list_files(study)
    answer = tuner("run", *options, "--out", out, study, cwd=study.parent)
    assert answer.code == 0, str(answer)
    return Finished(study, out, answer, before)


@pytest.fixture
def autotune() -> Iterator[Tuner]:
    """The tuner; whatever of it outlives the test is ended."""
    tuner = Tuner()
    yield tuner
    tuner.end()


@pytest.fixture(scope="session")
def shared_autotune() -> Iterator[Tuner]:
    """The tuner, for fixtures that several tests share."""
    tuner = Tuner()
    yield tuner
    tuner.end()


@pytest.fixture(scope="session")
def make_study() -> Callable[..., Path]:
    """`make_study(folder, command, *models, **tables)`, see write_study."""
    return write_study


@pytest.fixture(scope="session")
def listing() -> Callable[[Path], dict[str, str]]:
    """`listing(folder)`, see list_files."""
    return list_files


@pytest.fixture(scope="session")
def half_written() -> Callable[[Path], list[Path]]:
    """`half_written(folder)`, see list_half_written."""
    return list_half_written


@pytest.fixture(scope="session")
def wait() -> Callable[..., bool]:
    """`wait(condition, within_s, driver)`, see wait_until."""
    return wait_until


@pytest.fixture(scope="session")
def recipe_study(tmp_path_factory: pytest.TempPathFactory, shared_autotune: Tuner) -> Finished:
    """A finished study on two ranks: the baseline, the published recipe and one setting of the sampler's. Read only."""
    folder = tmp_path_factory.mktemp("recipe")
    study = write_study(folder / "ring", search={"trials": 5, "knobs": FIRST_KNOBS})
    return run_study(shared_autotune, study, folder / "out")


@pytest.fixture(scope="session")
def dt_study(tmp_path_factory: pytest.TempPathFactory, shared_autotune: Tuner) -> Finished:
    """A finished study of a serial model over dt alone, in which steps up to 0.0625 ms are right and fast. Read only.

    Its spikes shift by at most 0.40 ms at 0.0625 ms, and by 0.80 ms at 0.1 ms, where the limit is 0.5 ms.
    """
    folder = tmp_path_factory.mktemp("dt")
    command = "{python} small_ring.py --cells 1024 --delay 4 --tstop 40"
    study = write_study(
        folder / "ring",
        command,
        search={"trials": 24, "knobs": ["dt"]},
        accept={"window_ms": 0.5, "sampled_segments": 5, "files.keep_winner": True},
        confirm={"confidence": 0.9},
    )
    return run_study(shared_autotune, study, folder / "out")


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Finished], Finished]:
    """`copy_of(finished)`: the same study, with a copy of its folder to go on with."""

    def copy(finished: Finished) -> Finished:
        out = tmp_path / "copied"
        shutil.copytree(finished.out, out)
        return Finished(finished.study, out, finished.answer, finished.before)

    return copy


def make_runner(
    folder: Path, model: str | Path, *arguments: str, ranks: int = 2, end_grace_s: float = 60.0
) -> FreshRunner:
    """Runs a model of tests/models, or a file, in `folder` with the agent inside."""
    launcher = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
    command = parse_command([*launcher, sys.executable, str(MODELS / model), *arguments], folder)
    environment = launch_environment(command, os.environ)
    environment |= mpi_environment(find_mpi(command, environment), environment)
    stage_agent(folder / "agent")
    return FreshRunner(command, environment, folder / "agent", folder / "scratch", end_grace_s)


@pytest.fixture(scope="session")
def runner_in() -> Callable[..., FreshRunner]:
    """`runner_in(folder, model, *arguments, ranks=2)`, see make_runner."""
    return make_runner


@pytest.fixture
def fresh_runner(tmp_path: Path) -> Callable[..., FreshRunner]:
    """`fresh_runner(model, *arguments, ranks=2)`, see make_runner."""
    return partial(make_runner, tmp_path)


@dataclass(frozen=True)
class Watched:
    """small_ring.py on two ranks: how it is run, what was observed, and one more run with the same settings."""

    runner: FreshRunner
    observation: Observation
    baseline: Raster
    run: Run


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A watched real run, for tests of what is concluded from it."""
    runner = make_runner(tmp_path_factory.mktemp("watched"), "small_ring.py")
    observation, baseline = observe(runner, find_mpi(runner.command, runner.environment), LIMIT_S)
    return Watched(runner, observation, baseline, runner.run(Ask(LIMIT_S, voltages=Sampling.most)))


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where test environments survive: the folder that AUTOTUNE_TEST_ENVIRONMENTS names, else pytest's cache."""
    named = os.environ.get("AUTOTUNE_TEST_ENVIRONMENTS")
    cache = getattr(request.config, "cache", None)
    own = cache.mkdir("environments") if cache else tmp_path_factory.mktemp("environments")
    root = Path(named) if named else Path(own)
    root.mkdir(parents=True, exist_ok=True)
    return root


@pytest.fixture(scope="session")
def environments(kept: Path) -> Callable[..., Path]:
    """A function: requirements (and an interpreter) to the folder of programs of an environment that has them, and
    that knows nothing of the tuner. Made once with pip.
    """

    def make(*requirements: str, python: str = sys.executable) -> Path:
        said = subprocess.run([python, "-c", "import sys; print('%d%d' % sys.version_info[:2])"], capture_output=True)
        home = kept / "-".join(
            ["py" + said.stdout.decode().strip(), *(word.replace("==", "-") for word in requirements)]
        )
        with (kept / (home.name + ".lock")).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (home / "ready").exists():
                shutil.rmtree(home, ignore_errors=True)
                subprocess.run([python, "-m", "venv", home], check=True)
                subprocess.run([home / "bin/pip", "install", "--quiet", *requirements], check=True)
                (home / "ready").touch()
        return home / "bin"

    return make


@pytest.fixture
def interrupted() -> Callable[[subprocess.Popen[str]], Answer]:
    """`interrupted(process)`: what a driver answers to Ctrl-C."""

    def interrupt(process: subprocess.Popen[str]) -> Answer:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        return Answer(process.returncode, out, err)

    return interrupt
