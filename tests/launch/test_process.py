"""A run is started as it is, watched, and leaves nothing alive, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest

from autotune.errors import AutotuneError, UsageError
from autotune.launch import find_mpi, launch_environment, mpi_environment, parse_command
from autotune.launch.guard import GRACE_S
from autotune.launch.process import GUARD, Finished, run

MARKER = "AUTOTUNE_TEST_MARKER"


class Bench:
    """Runs commands in a folder of the test's own; every process of theirs carries a mark in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        command = parse_command(["mpiexec", "-n", "2", "python"], folder)
        env = launch_environment(command, os.environ)
        self.env = {**env, **mpi_environment(find_mpi(command, env), env), MARKER: self.mark, "TMPDIR": str(folder)}

    def run(self, *argv: str, **options) -> Finished:
        settings = {"cwd": self.folder, "env": self.env, "stdout": self.folder / "out", "stderr": self.folder / "err"}
        return run(argv, **(settings | options))

    def python(self, code: str, **options) -> Finished:
        return self.run(sys.executable, "-c", code, **options)

    def alive(self) -> list[psutil.Process]:
        """Every process that carries the mark."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARKER) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def ready(self) -> int:
        """How many processes have said that they sleep now (SLEEP, DEAF)."""
        return len(list(self.folder.glob("ready-*")))

    def wait_for(self, count: int, timeout_s: float = 20.0) -> list[psutil.Process]:
        """Wait until `count` marked processes are alive (0: until none is)."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = self.alive()
            if len(found) == count == 0 or len(found) >= count > 0:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(self.alive())} processes are alive, not {count}")


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    for process in bench.alive():
        process.kill()


SLEEP = "import time; open(f'ready-{__import__(\"os\").getpid()}', 'w').close(); time.sleep(60)"
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    + SLEEP
)
DAEMON = f"""
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {DEAF}
    os._exit(0)
"""


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_passed_on(bench, code):
    finished = bench.python(f"raise SystemExit({code})")
    assert (finished.exit_code, finished.signal, finished.ok) == (code, None, code == 0)
    assert not finished.timed_out
    assert f"exit code {code}" in finished.describe()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGPIPE])
def test_the_signal_that_ended_the_command_is_passed_on(bench, number):
    finished = bench.run("sh", "-c", f"kill -{int(number)} $$")
    assert (finished.exit_code, finished.signal, finished.ok) == (None, number, False)
    assert number.name in finished.describe()


def test_folder_environment_and_signals_are_what_the_command_would_see_without_us(bench):
    env = {"PATH": "/usr/bin:/bin", "ODD": "line\nbreak, \udcff and é"}
    seen = bench.run("sh", "-c", "pwd; env -0; grep -E 'Sig(Ign|Blk)' /proc/self/status", env=env)
    plain = subprocess.run(
        ["sh", "-c", "pwd; env -0; grep -E 'Sig(Ign|Blk)' /proc/self/status"],
        cwd=bench.folder,
        env=env,
        capture_output=True,
    )
    assert seen.stdout.read_bytes() == plain.stdout


def test_output_goes_straight_into_the_files(bench):
    code = "import sys; print(('y' * 79 + '\\n') * 200000 + 'last'); sys.stderr.write('oops\\n')"
    finished = bench.python(code)
    assert finished.stdout.stat().st_size == 80 * 200_000 + 5
    assert finished.stderr.read_text() == "oops\n"
    assert finished.tail(2) == f"[standard output]\n{'y' * 79}\nlast\n[standard error]\noops"


def test_both_outputs_can_share_a_file(bench):
    both = bench.folder / "both"
    finished = bench.run("sh", "-c", "echo a; echo b >&2; echo c", stdout=both, stderr=both)
    assert both.read_text() == "a\nb\nc\n"
    assert finished.tail(2) == "b\nc"


def test_standard_input_is_empty_unless_given(bench):
    assert bench.run("cat").stdout.read_text() == ""
    (bench.folder / "in").write_text("hello")
    assert bench.run("cat", stdin=bench.folder / "in").stdout.read_text() == "hello"


def test_a_command_that_cannot_start_is_the_users_to_mend(bench):
    with pytest.raises(UsageError, match="no-such-program: cannot be started: No such file"):
        bench.run("no-such-program")
    with pytest.raises(UsageError, match="no such folder"):
        bench.run("true", cwd=bench.folder / "gone")
    with pytest.raises(UsageError, match="no command"):
        bench.run()


def test_wall_time_is_the_commands_own_and_not_that_of_what_it_left_behind(bench):
    code = "import time; began = time.monotonic(); time.sleep(0.1); print(time.monotonic() - began)"
    start = time.monotonic()
    finished = bench.run("sh", "-c", f"sleep 60 & exec {sys.executable} -c '{code}'")
    outside_s = time.monotonic() - start
    assert float(finished.stdout.read_text()) <= finished.wall_s <= outside_s - GRACE_S


def test_the_guard_imports_next_to_nothing(bench):
    """Every run pays for its start, some 25 ms; `typing` or `json` would double that."""

    def imported(names: str) -> set[str]:
        code = f"import sys; sys.path.insert(0, {str(GUARD.parent)!r}); import {names}; print(*sys.modules)"
        said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        return set(said.stdout.split())

    assert imported("guard, ctypes") - imported("ctypes, marshal, os, select, signal, time") == {"guard", "__future__"}


def test_the_guard_and_the_driver_sleep_while_the_run_is_timed(bench):
    before = os.times()
    finished = bench.run("sleep", "1", timeout_s=10)
    used = [now - then for now, then in zip(os.times()[:4], before[:4], strict=True)]
    assert sum(used) < 0.5 * finished.wall_s


@pytest.mark.parametrize("code", [SLEEP, DEAF], ids=["sleeping", "deaf to SIGTERM"])
def test_the_time_limit_ends_a_serial_run(bench, code):
    finished = bench.python(code, timeout_s=0.5)
    assert finished.timed_out
    assert not finished.ok
    assert finished.wall_s >= 0.5
    assert "time limit" in finished.describe()
    assert bench.alive() == []


@pytest.mark.mpi
@pytest.mark.parametrize("code", [SLEEP, DEAF], ids=["sleeping", "deaf to SIGTERM"])
def test_a_run_that_is_ended_leaves_no_rank_and_no_file_of_its_launcher(bench, code):
    rank = "from mpi4py import MPI; " + code
    finished = bench.run("mpiexec", "-n", "2", sys.executable, "-c", rank, poll=lambda: bench.ready() == 2)
    assert finished.stopped
    assert bench.alive() == []
    assert not list(bench.folder.glob("*mpi*"))  # the launcher had the time to remove its temporary folder


@pytest.mark.mpi
def test_the_last_lines_are_those_of_the_model_and_not_what_its_launcher_says_of_any_abort(bench):
    code = (
        "import sys; from mpi4py import MPI; print('gid=46 already exists', file=sys.stderr); MPI.COMM_WORLD.Abort(1)"
    )
    finished = bench.run("mpiexec", "-n", "2", sys.executable, "-c", code)
    assert "MPI_ABORT was invoked" in finished.stderr.read_text()
    assert set(finished.tail().splitlines()) == {"gid=46 already exists"}


@pytest.mark.mpi
def test_a_launcher_that_is_killed_leaves_no_folder_in_the_way_of_the_next(bench):
    """Open MPI 5 does not start with the process id of a killed one whose folder lies there: exit code 213."""

    killed = []

    def kill_the_launcher() -> None:
        if bench.ready() == 2 and not killed:  # once: its folder is removed while its ranks still end
            assert list(bench.folder.glob("ompi.*"))
            killed.extend(each for each in bench.alive() if each.name() in ("mpiexec", "prterun"))
            for process in killed:
                process.kill()

    finished = bench.run("mpiexec", "-n", "2", sys.executable, "-c", SLEEP, poll=kill_the_launcher)
    assert finished.signal == signal.SIGKILL
    assert bench.alive() == []
    assert list(bench.folder.glob("ompi.*")) == []


@pytest.mark.mpi
def test_no_launcher_gets_a_process_id_whose_folder_a_killed_one_has_left(bench):
    newest = subprocess.Popen(["true"])
    newest.wait()
    for process in range(newest.pid, newest.pid + 30):
        folder = bench.folder / f"ompi.{process}"
        folder.mkdir()
        (folder / "pmix.vm.tool").touch()
    assert [bench.run("mpiexec", "-n", "2", sys.executable, "-c", "").exit_code for _ in range(4)] == [0] * 4
    assert len(list(bench.folder.glob("ompi.*/pmix.vm.tool"))) == 30


@pytest.mark.mpi
def test_stopped_ranks_and_a_stopped_launcher_die_too(bench):
    def stop_all() -> bool:
        if bench.ready() < 2:
            return False
        for process in bench.alive():
            process.send_signal(signal.SIGSTOP)
        return True

    finished = bench.run("mpiexec", "-n", "2", sys.executable, "-c", DEAF, poll=stop_all)
    assert finished.stopped
    assert bench.alive() == []


def test_a_daemon_does_not_outlive_a_run_that_ended_well(bench):
    until_ready = "import glob, time\nwhile not glob.glob('ready-*'):\n    time.sleep(0.01)"
    finished = bench.python(DAEMON + until_ready)
    assert finished.ok
    assert bench.ready() == 1
    assert bench.alive() == []


def test_helpers_that_end_by_themselves_may_finish(bench):
    bench.run("sh", "-c", "(sleep 0.05; echo late) & echo early")
    assert (bench.folder / "out").read_text() == "early\nlate\n"


def test_a_command_that_kills_its_own_process_group_is_still_reported(bench):
    finished = bench.run("sh", "-c", "kill -KILL 0")
    assert finished.signal == signal.SIGKILL


def test_poll_is_called_and_can_end_the_run(bench):
    calls = []
    finished = bench.python(SLEEP, poll=lambda: calls.append(1) or len(calls) == 2)
    assert finished.stopped
    assert not finished.timed_out
    assert len(calls) == 2
    assert bench.alive() == []


def test_an_error_while_waiting_kills_the_run_and_is_raised_again(bench):
    def fail() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.python(DEAF, poll=fail)
    assert bench.alive() == []


def test_two_runs_at_once_do_not_hold_each_other(bench):
    """Neither keeps the other's lifeline open, nor waits for it."""
    enough = threading.Event()
    how = {"poll": enough.is_set, "timeout_s": 30, "stdout": bench.folder / "o2"}
    long = threading.Thread(target=bench.python, args=(SLEEP,), kwargs=how)
    long.start()
    bench.wait_for(1)
    assert bench.run("true").ok
    assert len(bench.alive()) == 1
    enough.set()
    long.join()
    assert bench.alive() == []


def test_a_guard_that_is_killed_is_an_error_and_its_command_dies(bench):
    def kill_guard() -> bool:
        guard = next(child for child in psutil.Process().children() if "guard.py" in " ".join(child.cmdline()))
        guard.kill()
        return False

    with pytest.raises(AutotuneError, match="killed from outside"):
        bench.python(SLEEP, poll=kill_guard)
    bench.wait_for(0)


DRIVER = """
import os, sys
from pathlib import Path
from autotune.launch.process import run
here = Path.cwd()
{before}
run(sys.argv[1:], cwd=here, env=dict(os.environ), stdout=here / "out", stderr=here / "err")
"""


def start_driver(bench: Bench, *argv: str, before: str = "") -> subprocess.Popen[bytes]:
    """A driver in a process of its own, which does not carry the mark itself."""
    code = DRIVER.format(before=f"{before}\nos.environ[{MARKER!r}] = {bench.mark!r}")
    env = {name: value for name, value in bench.env.items() if name != MARKER}
    return subprocess.Popen([sys.executable, "-c", code, *argv], cwd=bench.folder, env=env, stderr=subprocess.PIPE)


@pytest.mark.mpi
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_driver_is_killed(bench, number):
    driver = start_driver(bench, "mpiexec", "-n", "2", sys.executable, "-c", DEAF)
    bench.wait_for(3)
    while bench.ready() < 2:
        time.sleep(0.02)
    driver.send_signal(number)
    _, errors = driver.communicate(timeout=10)
    if number == signal.SIGINT:  # run() returns only when the run is dead, and hands on the interruption
        assert bench.alive() == []
        assert b"KeyboardInterrupt" in errors
    bench.wait_for(0, timeout_s=5)


def test_nothing_is_left_of_a_daemon_when_the_driver_is_killed(bench):
    driver = start_driver(bench, sys.executable, "-c", DAEMON + DEAF)
    bench.wait_for(2)
    driver.kill()
    driver.communicate(timeout=10)
    bench.wait_for(0, timeout_s=5)


COPY_ITSELF = """
import threading, time
def copy():
    while not list(here.glob("ready-*")):
        time.sleep(0.01)
    pid = os.fork()
    if pid == 0:
        os.closerange(0, 3)
        time.sleep(60)
        os._exit(0)
    (here / "part").write_text(str(pid))
    (here / "part").rename(here / "copy")
threading.Thread(target=copy, daemon=True).start()
"""


def test_a_copy_of_the_driver_that_holds_the_lifeline_does_not_keep_the_run_alive(bench):
    driver = start_driver(bench, sys.executable, "-c", SLEEP, before=COPY_ITSELF)
    while not (bench.folder / "copy").exists():
        time.sleep(0.02)
    copy = psutil.Process(int((bench.folder / "copy").read_text()))
    try:
        driver.kill()
        driver.communicate(timeout=10)
        bench.wait_for(0)
        assert copy.is_running()
    finally:
        copy.kill()
