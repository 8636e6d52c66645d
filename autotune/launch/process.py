"""Starts one command, waits for it, and leaves nothing of it alive, whatever happens to the command or to us.

The work is done by guard.py, a small process between us and the command; this module is the driver's end of it. The
command writes straight into the two output files. This module must never let a run outlive its call, busy-wait beside a
run that is being timed, or judge a run: an exit code of NEURON under MPI proves nothing.
"""

from __future__ import annotations

import marshal
import os
import select
import signal as signals
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from autotune.errors import AutotuneError, UsageError
from autotune.launch import launchers
from autotune.launch.secrets import as_shown

GUARD = Path(__file__).with_name("guard.py")
POLL_S = 0.25
TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class Finished:
    """How a run ended. Nothing of it is alive but `survivors` (empty unless a process could not be killed)."""

    argv: tuple[str, ...]
    exit_code: int | None  # None when a signal ended the command
    signal: int | None
    timed_out: bool
    stopped: bool  # `poll` asked for the end
    wall_s: float  # from just before the command's start to its own end (or to the decision to kill it)
    stdout: Path
    stderr: Path
    survivors: tuple[int, ...] = ()
    cpu_s: float | None = None
    """Of all its processes together; None where that is not known."""

    @property
    def ok(self) -> bool:
        """Exit code 0, and neither stopped nor timed out. Under MPI this is no proof that the model ran."""
        return self.exit_code == 0 and not self.timed_out and not self.stopped

    def describe(self) -> str:
        """Say in words how the run ended, e.g. "ended with exit code 1 after 0.3 s"."""
        if self.timed_out:
            return f"was stopped at its time limit, after {self.wall_s:.3g} s"
        if self.stopped:
            return f"was stopped by the tuner after {self.wall_s:.3g} s"
        if self.signal is not None:
            return f"was ended by signal {_signal_name(self.signal)} after {self.wall_s:.3g} s"
        return f"ended with exit code {self.exit_code} after {self.wall_s:.3g} s"

    def tail(self, n: int = 20) -> str:
        """Return the last n lines of standard output and of standard error, with a heading where both have some."""
        parts = {"standard output": _last_lines(self.stdout, n), "standard error": _last_lines(self.stderr, n)}
        if self.stdout == self.stderr:
            del parts["standard error"]
        texts = {name: text for name, text in parts.items() if text}
        if len(texts) < 2:
            return "".join(texts.values())
        return "\n".join(f"[{name}]\n{text}" for name, text in texts.items())


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: Path,
    stderr: Path,
    timeout_s: float | None = None,
    stdin: Path = Path(os.devnull),
    poll: Callable[[], bool | None] | None = None,
) -> Finished:
    """Run `argv` in `cwd` with exactly the environment `env`; return when nothing of it is alive any more.

    `timeout_s` is the time limit in seconds of wall time; `poll`, if given, is called every 0.25 s and ends the run by
    returning True. `stdout` and `stderr` are overwritten (they may be the same file). An exception while waiting, as
    KeyboardInterrupt, kills the run and is raised again.

    Raises UsageError if the command cannot be started, and AutotuneError if its guard was killed from outside.
    """
    process = Process(argv, cwd=cwd, env=env, stdout=stdout, stderr=stderr, timeout_s=timeout_s, stdin=stdin)
    with closing(process):
        while not process.ended(None if poll is None else POLL_S):
            if poll is not None and poll():
                return process.end()
        return process.finished()


class Process:
    """A command that runs under its guard until it ends, end() is called or we die. Raises as `run` does."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: Path,
        stderr: Path,
        timeout_s: float | None = None,
        stdin: Path = Path(os.devnull),
    ) -> None:
        _check(argv, cwd)
        self._argv, self._stdout, self._stderr = tuple(argv), stdout, stderr
        task = {
            "argv": list(argv),
            "cwd": str(cwd),
            "env": dict(env),
            "timeout_s": timeout_s,
            "driver": os.getpid(),
            "session_folders": launchers.session_folders(),
        }
        with ExitStack() as stack:
            files = _open_files(stack, stdin, stdout, stderr)
            self._guard, self._lifeline, self._report = _start_guard(files)
        try:
            _send(self._lifeline, marshal.dumps(task))
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Of the guard: every process of the command descends from it."""
        return self._guard.pid

    def ended(self, within_s: float | None = 0.0) -> bool:
        """Whether nothing of the command is alive any more; sleeps until then, at most `within_s` (None: as long as it
        takes)."""
        waiting = select.poll()
        waiting.register(self._report, select.POLLIN)
        return bool(waiting.poll(None if within_s is None else within_s * 1000))

    def end(self) -> Finished:
        """Kill the command, unless it has ended already."""
        stopped = not self.ended()
        self._lifeline.close()
        self.ended(None)
        return self.finished(stopped)

    def finished(self, stopped: bool = False) -> Finished:
        """How it ended; call it once, after ended()."""
        return _finished(self._argv, self._report.readall(), stopped, self._stdout, self._stderr)

    def close(self) -> None:
        """Leave nothing of it alive."""
        self._lifeline.close()
        self._guard.wait()
        self._report.close()


def _check(argv: Sequence[str], cwd: Path) -> None:
    if not argv:
        raise UsageError("There is no command to run.", cure="Give the command that runs your model.")
    if not cwd.is_dir():
        raise UsageError(
            f"{cwd}: there is no such folder to run {argv[0]} in.", cure="Make it, or correct folder in study.toml."
        )


def _open_files(stack: ExitStack, stdin: Path, stdout: Path, stderr: Path) -> list[BinaryIO]:
    out = stack.enter_context(stdout.open("wb"))
    err = out if stderr == stdout else stack.enter_context(stderr.open("wb"))
    return [stack.enter_context(stdin.open("rb")), out, err]


def _start_guard(files: list[BinaryIO]) -> tuple[subprocess.Popen[bytes], FileIO, FileIO]:
    """Start the guard; return it, the end of the lifeline that we hold, and the end of the report pipe that we read."""
    lifeline_read, lifeline_write = os.pipe()
    lifeline = FileIO(lifeline_write, "wb")
    report_read, report_write = os.pipe()
    report = FileIO(report_read, "rb")
    try:
        # The tuner's own interpreter, bare: no site packages, no PYTHON* variables. It gets our environment; the
        # command gets its own through the lifeline, because Python changes its environment when it starts (PEP 538).
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", str(GUARD), str(lifeline_read), str(report_write)],
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            pass_fds=(lifeline_read, report_write),
            start_new_session=True,
        )
    except BaseException:
        lifeline.close()
        report.close()
        raise
    finally:
        os.close(lifeline_read)
        os.close(report_write)
    return guard, lifeline, report


def _send(lifeline: FileIO, data: bytes) -> None:
    """Write the length of `data` (8 bytes) and `data`; a dead guard is noticed by its missing report."""
    rest = memoryview(len(data).to_bytes(8, "big") + data)
    with suppress(BrokenPipeError):
        while rest:
            rest = rest[lifeline.write(rest) or 0 :]


def _finished(argv: tuple[str, ...], answer: bytes, stopped: bool, stdout: Path, stderr: Path) -> Finished:
    if not answer:
        raise AutotuneError(
            f"The guard process of {argv[0]} was killed from outside, so the end of this run is not known.",
            cure="Look whether the machine ran out of memory, and for processes of the run that are still alive.",
        )
    report = marshal.loads(answer)
    if report["problem"]:
        raise UsageError(
            f"{argv[0]}: cannot be started: {report['problem']}.",
            cure="Check the name, its execute permission, and PATH.",
        )
    # A status of None: the command itself could not be killed, so it has no end; it is then one of the survivors.
    status = report["status"]
    code = None if status is None else os.waitstatus_to_exitcode(status)
    return Finished(
        argv=argv,
        exit_code=code if code is not None and code >= 0 else None,
        signal=-code if code is not None and code < 0 else None,
        timed_out=report["why"] == "timed out",
        stopped=stopped and report["why"] == "stopped",
        wall_s=report["wall_s"],
        stdout=stdout,
        stderr=stderr,
        survivors=tuple(report["survivors"]),
        cpu_s=report["cpu_s"],
    )


def _signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return str(number)


def _last_lines(path: Path, n: int) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = file.read().decode(errors="replace")
    lines = text.rstrip().splitlines()
    telling = launchers.without_farewell(lines)
    return "\n".join(as_shown(line) for line in (telling if any(map(str.strip, telling)) else lines)[-n:]).rstrip()
