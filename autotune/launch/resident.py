"""A resident session, seen from outside: one start of the user's command that makes many runs on its built network.

It must never wait without a limit, disturb the run that it waits for, or be believed by itself: whether its runs equal
fresh ones is for its user to find out.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from autotune.agent.protocol import REPORT_PATTERN, Job, RankReport, ended_file, request_file, to_json, write_text
from autotune.launch.judge import RunFailed
from autotune.launch.process import Finished, Process
from autotune.launch.run import EndWatch, FreshRunner, Run
from autotune.store.records import Settings

SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.002, 0.05  # how often the answer is looked for; each look costs some 20 µs
LENGTHEN = 1.2


@dataclass(frozen=True)
class Takeover:
    """How a model is made to serve."""

    at: int
    """The number, from 0, of the finitialize that begins its run."""
    until_ms: float
    """The t at which the watched run ended."""
    psolve: bool
    """It integrates by `pc.psolve`."""
    ways: tuple[str, ...] = ()
    """How the network may be started again (agent.resident.WAYS), the first one is used; none with fork."""
    fork: bool = False
    """Each run is a copy of the process."""
    v_mv: float | None = None
    """The voltage that finitialize gave to all segments, if it did."""
    own: Settings = field(default_factory=dict)
    """The model's own settings, as far as they can be read after a run only."""


class Session:
    """One start of the command with `launch` (settings that need a process of their own); close() ends it."""

    def __init__(self, runner: FreshRunner, launch: Settings, takeover: Takeover, ranks: int) -> None:
        self._runner = runner
        self._takeover = takeover
        self._ranks = ranks
        self._requests = 0
        self._folder = runner.new_folder()
        try:
            job = Job(
                folder=str(self._folder),
                settings=launch,
                shared=runner.shared,
                serve_at=takeover.at,
                fork=takeover.fork,
                own=takeover.own,
            )
            self._files = runner.start(self._folder, job)
            self._process = Process(**self._files)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    @property
    def pid(self) -> int:
        """Every process of the session descends from this one."""
        return self._process.pid

    def run(
        self,
        settings: Settings,
        *,
        voltages: int = 0,
        timeout_s: float | None = None,
        perturb_mv: float = 0.0,
        perturb_seed: int = 0,
    ) -> Run:
        """One run with `settings`, those of the launch among them; `perturb_mv` and `perturb_seed` as in Job.

        Raises RunFailed; the session may be of no use any more then.
        """
        folder = self._runner.new_folder()
        request = request_file(str(self._folder), self._requests)
        job = Job(
            folder=str(folder),
            settings=settings,
            voltages=voltages,
            shared=self._runner.shared,
            clock=self._runner.timing == "clock",
            stop_ms=self._runner.stop_ms,
            perturb_mv=perturb_mv,
            perturb_seed=perturb_seed,
            way="" if self._takeover.fork else self._takeover.ways[0],
            v_mv=self._takeover.v_mv,
            until_ms=self._takeover.until_ms,
            psolve=self._takeover.psolve,
        )
        try:
            write_text(request, to_json(job))
            self._requests += 1
            return self._runner.read(folder, self._wait(folder, timeout_s), settings)
        finally:
            request.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Kill it and remove its files."""
        self._process.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, folder: Path, timeout_s: float | None) -> Finished:
        """Sleep until the run has been answered, cannot be any more, or takes too long."""
        started = time.monotonic()
        watch = EndWatch(folder, self._runner.end_grace_s)
        look_s = SHORTEST_LOOK_S
        while not self._answered(folder):
            if self._process.ended(look_s):
                raise self._ended(self._process.finished())
            wall_s = time.monotonic() - started
            if timeout_s is not None and wall_s > timeout_s:
                return self._finished(wall_s, timed_out=True)
            if watch.stuck():
                return self._finished(wall_s, stopped=True)
            look_s = min(LENGTHEN * look_s, LONGEST_LOOK_S)
        return self._finished(time.monotonic() - started)

    def _ended(self, finished: Finished) -> RunFailed:
        """The session is over; a rank that never came to serve says why in a report of its own."""
        reports = [RankReport.from_json(file.read_text()) for file in sorted(self._folder.glob(REPORT_PATTERN))]
        errors = [error for report in reports for error in report.errors]
        why = f": {errors[0]}" if errors else ""
        return RunFailed("crashed", f"the session {finished.describe()}{why}", details=finished.tail())

    def _answered(self, folder: Path) -> bool:
        if self._takeover.fork:
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
