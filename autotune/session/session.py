"""A session, seen from outside: one start of the user's command that makes many runs on its built network.

It must never wait without a limit, disturb the run that it waits for, or be believed by itself: whether its runs equal
fresh ones is for proof.py to find out.
"""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from autotune.agent.protocol import (
    REPORT_PATTERN,
    Again,
    Request,
    Service,
    ended_file,
    request_file,
    to_json,
    write_text,
)
from autotune.launch.ask import Ask, Run
from autotune.launch.files import WroteElsewhere
from autotune.launch.judge import RunFailed
from autotune.launch.process import Finished, Process
from autotune.launch.reports import read_report
from autotune.launch.run import EndWatch, FreshRunner
from autotune.observe import SessionStart
from autotune.settings import Changes

SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.002, 0.05  # how often the answer is looked for; each look costs some 20 µs
LENGTHEN = 1.2


class Session:
    """One start of the command with `launch` (settings that need a process of their own); close() ends it."""

    def __init__(self, fresh: FreshRunner, launch: Changes, how: SessionStart, ranks: int) -> None:
        self._fresh = fresh
        self._how = how
        self._ranks = ranks
        self._requests = 0
        self._folder = fresh.new_folder()
        self._started = ExitStack()
        try:
            shared = fresh.manner.shared
            service = Service("", how.at, how.fork, settings=launch, own=how.own, shared=shared)
            self._files = self._started.enter_context(fresh.starting(self._folder, service, launch))
            self._process = Process(**self._files)
        except BaseException:
            self._started.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    @property
    def pid(self) -> int:
        """Every process of the session descends from this one."""
        return self._process.pid

    def run(self, ask: Ask) -> Run:
        """One run, whose changes hold those of the launch. Raises RunFailed; the session may be of no use any more
        then.
        """
        folder = self._fresh.new_folder()
        request = request_file(str(self._folder), self._requests)
        how = self._how
        again = None if how.fork else Again(how.ways[0], how.v_mv, how.until_ms, how.psolve)
        try:
            write_text(request, to_json(Request(replace(self._fresh.job(ask), folder=str(folder)), again)))
            self._requests += 1
            return self._fresh.read(folder, self._wait(folder, ask.limit_s), ask, "session")
        finally:
            request.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Kill it and remove its files."""
        self._process.close()
        with suppress(WroteElsewhere):  # no time of it is believed without a fresh run, which tells
            self._started.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, folder: Path, limit_s: float) -> Finished:
        """Sleep until the run has been answered, cannot be any more, or takes too long."""
        started = time.monotonic()
        watch = EndWatch(folder, self._fresh.end_grace_s)
        look_s = SHORTEST_LOOK_S
        while not self._answered(folder):
            if self._process.ended(look_s):
                raise self._ended(self._process.finished())
            wall_s = time.monotonic() - started
            if wall_s > limit_s:
                return self._finished(wall_s, timed_out=True)
            if watch.stuck():
                return self._finished(wall_s, stopped=True)
            look_s = min(LENGTHEN * look_s, LONGEST_LOOK_S)
        return self._finished(time.monotonic() - started)

    def _ended(self, finished: Finished) -> RunFailed:
        """The session is over; a rank that never came to serve says why in a report of its own."""
        reports = []
        for file in sorted(self._folder.glob(REPORT_PATTERN)):
            with suppress(ValueError, OSError):  # a torn one says nothing
                reports.append(read_report(file))
        errors = [error for report in reports for error in report.errors]
        last = finished.tail(1).splitlines()[-1:]
        why = "".join(f": {line}" for line in (errors or last)[:1])
        return RunFailed("crashed", f"the session {finished.describe()}{why}", details=finished.tail())

    def _answered(self, folder: Path) -> bool:
        if self._how.fork:
            return ended_file(str(folder)).is_file()
        return len(list(folder.glob(REPORT_PATTERN))) >= self._ranks

    def _finished(self, wall_s: float, *, timed_out: bool = False, stopped: bool = False) -> Finished:
        """How one run ended, in the words for a whole command; its last lines are those of the session."""
        return Finished(
            argv=tuple(self._files["argv"]),
            exit_code=0,
            signal=None,
            timed_out=timed_out,
            stopped=stopped,
            wall_s=wall_s,
            stdout=self._files["stdout"],
            stderr=self._files["stderr"],
        )
