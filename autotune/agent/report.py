"""What this rank says of one run, and the two files in which it says so: its report and its spikes.

Whatever goes wrong in the agent stands in the report, and such a run proves nothing; nothing may reach the user's code
or screen. The files appear whole or not at all, and no collective is used: other ranks may be gone.
"""

from __future__ import annotations

import os
import platform
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Callable, List, Optional, Tuple

import numpy as np

from . import seen
from .books import books, since
from .floating_point import rounding
from .knobs import KNOBS
from .libraries import loaded_libraries
from .protocol import JOB_VARIABLE, Job, RankReport, rank_files, to_json, trace_file, write_atomically, write_text
from .simulator import Simulator
from .traces import TraceFile

MOST_ERRORS = 20


class Report:
    """The report of the job that runs now; begin() starts that of the next one."""

    def __init__(self, sim: Simulator, job: Job) -> None:
        self._sim = sim
        self._job = job
        self._spikes: List[Tuple[np.ndarray, np.ndarray]] = []
        self._traces: Optional[TraceFile] = None
        self._cpu_s_before = 0.0
        self._interrupted_before = 0
        self._books_before = books()
        self._process = os.getpid()
        self._noted = False
        self.hoc_is_the_model = False
        """No Python script is: nrniv runs hoc, and Python only where hoc asks for it."""
        self.rank = RankReport(ancestors=seen.ancestors())

    def begin(self, job: Job) -> None:
        """From now on the report is of another job of the same process, or of a copy of it."""
        self._job = job
        self._spikes = []
        self._traces = None
        self._cpu_s_before = time.process_time()
        self._interrupted_before = _interrupted()
        self._books_before = books()
        self._process = os.getpid()
        self.rank = RankReport(ancestors=seen.ancestors())

    def guarded(self, step: Callable[[], None]) -> Callable[[], None]:
        """The same step, whose exceptions end in the report of the job that runs then. In a copy of the process that
        the model has forked it is left out: that is no rank.
        """
        name = getattr(step, "__name__", "replay").strip("_")

        def run() -> None:
            if name == "before_finitialize":
                self._note()
            if os.getpid() != self._process:
                return
            with self._sim.unseen:  # around all: an error keeps what its step has made until it is dealt with
                try:
                    step()
                except Exception as error:
                    self.error("%s: %s: %s" % (name, type(error).__name__, error))

        return run

    def error(self, text: str) -> None:
        """Note what went wrong: the run does not count."""
        if len(self.rank.errors) < MOST_ERRORS:
            self.rank.errors.append(text)

    def _note(self) -> None:
        """This process, or a copy of it, is about to simulate; it may never come to report."""
        copy = os.getpid() != self._process
        if not self._noted or copy:
            self._noted = True
            seen.note(os.environ.get(JOB_VARIABLE, ""), seen.SIMULATES, copy=copy)

    def _survived(self) -> bool:
        """Whether the model went on after the exception that Python printed last: hoc does after `nrnpython`, which
        then returns 0. A Python script of its own ends with such an exception. What cannot be parsed has no traceback,
        and a script that cannot be does not simulate.
        """
        trace = getattr(sys, "last_traceback", None)
        inside = self.rank.simulated if trace is None else trace.tb_frame.f_back is not None
        return self.hoc_is_the_model or inside

    def add_spikes(self, ids: np.ndarray, times_ms: np.ndarray) -> None:
        """Spikes of one pass: source ids (n,) int64 and times (n,)."""
        self._spikes.append((ids, times_ms))

    @property
    def traces(self) -> TraceFile:
        """Where what is recorded goes; it is on the disk as soon as it is added."""
        if self._traces is None:
            report, _ = self._files()
            self._traces = TraceFile(trace_file(report))
        return self._traces

    def _files(self) -> Tuple[Path, Path]:
        return rank_files(self._job.folder, int(self._sim.pc.id_world()), socket.gethostname(), os.getpid())

    def write(self) -> None:
        """Leave report, traces and spikes in the job's folder, the report last."""
        self.guarded(self._describe)()
        if self._traces is not None:
            self.guarded(self._traces.finish)()
        report, spikes = self._files()
        ids, times = _joined(self._spikes)
        self.rank.spikes = len(ids)
        write_atomically(spikes, lambda file: np.savez(file, gid=ids, time_ms=times))
        self._spikes = []
        write_text(report, to_json(self.rank))

    def _describe(self) -> None:
        report, sim = self.rank, self._sim
        report.rank, report.nhost = int(sim.pc.id_world()), int(sim.pc.nhost_world())
        report.subrank, report.subsize = sim.rank, sim.nhost
        report.output_gids = sim.output_gids
        report.host, report.pid = socket.gethostname(), os.getpid()
        report.python, report.executable = platform.python_version(), sys.executable or ""
        report.neuron = sim.h.nrnversion()
        report.library = next(iter(loaded_libraries("libmpi")), "")
        report.t_ms = sim.t_ms
        report.dt_ms = report.sections[-1].dt_ms if report.sections else float(sim.h.dt)
        report.tstop_ms = float(sim.h.tstop) if hasattr(sim.h, "tstop") else None
        report.cvode = bool(int(sim.cvode.active()))
        report.rounding = rounding()
        report.cpu_s = time.process_time() - self._cpu_s_before
        report.interrupted = _interrupted() - self._interrupted_before
        report.booked_s = since(self._books_before)
        error = getattr(sys, "last_value", None)
        text = "%s: %s" % (type(error).__name__, error) if error is not None else ""
        report.exception, report.survived = ("", text) if self._survived() else (text, "")
        for name, knob in KNOBS.items():
            report.effective[name] = knob.read_back(sim, self._job.settings)


def _joined(parts: List[Tuple[np.ndarray, np.ndarray]]) -> Tuple[np.ndarray, np.ndarray]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([times for _, times in parts])


def _interrupted() -> int:
    """How often the kernel has taken the core from this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
