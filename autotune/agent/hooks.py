"""The agent's life in one process: it acts inside finitialize, lets the user's program run, and reports at the end.

It must never raise into the user's code and never print. Whatever goes wrong here is written into the report, and such
a run proves nothing.

Open MPI 5 sends SIGTERM to all ranks as soon as one ends without MPI_Finalize, which every Python script does that
falls off its end. So a rank that is still on its way out leaves its report when that signal comes, and then dies of it
as it would have without us.
"""

from __future__ import annotations

import atexit
import os
import platform
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from .capture import Capture
from .engine import obstacle, step_s
from .histogram import ExchangeHistogram
from .knobs import KNOBS, in_order_of_application
from .probe import NetConTable, local_gids, probe
from .protocol import (
    JOB_VARIABLE,
    Job,
    RankReport,
    RunSection,
    rank_files,
    read_job,
    to_json,
    write_atomically,
    write_text,
)
from .resident import Replay, fork_for, may_fork, requests, ways_of
from .simulator import Simulator
from .state import uniform_mv
from .timers import SectionTimer
from .voltages import VoltageSample, perturb

# Types of FInitializeHandler, in the order in which finitialize calls them.
BEFORE_STRUCTURE, AFTER_VOLTAGES, AFTER_STATES, AFTER_EVERYTHING = 3, 0, 1, 2
MOST_ERRORS = 20

_agent: Optional[Agent] = None


def install() -> None:
    """Start the agent in this process, once, if the environment names a job; and hide our folder from the script."""
    global _agent
    path = os.environ.get(JOB_VARIABLE)
    if path and _agent is None:
        _agent = Agent(read_job(path))
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for words in (sys.path, getattr(sys, "argv", [])):  # nrniv lists pre.hoc among its arguments
        words[:] = [word for word in words if word not in (here, os.path.join(here, "pre.hoc"))]


class Agent:
    """Watches one process of the user's model from its first finitialize to its exit."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._imported = time.perf_counter()
        self._report = RankReport()
        self._sim = Simulator()
        self._timer = SectionTimer(self._sim)
        self._capture: Optional[Capture] = None  # these three make hoc objects, so not before the first finitialize
        self._histogram: Optional[ExchangeHistogram] = None
        self._voltages: Optional[VoltageSample] = None
        self._section: Optional[RunSection] = None
        self._spikes: List[Tuple[np.ndarray, np.ndarray]] = []
        self._finitializes = 0
        self._serving = False
        self._uniform_mv: Optional[float] = None
        self._dt_ms = 0.0
        self._handlers = [
            self._handler(BEFORE_STRUCTURE, self._before_finitialize),
            self._handler(AFTER_EVERYTHING, self._after_finitialize),
        ]
        self._process = os.getpid()
        self._report.ancestors = _ancestors()
        self._finishing = False
        self._cpu_s_before = 0.0
        if job.observe:
            self._handlers.append(self._handler(AFTER_VOLTAGES, self._look_at_voltages))
        if job.perturb_mv or job.serve_at is not None:
            self._handlers.append(self._handler(AFTER_STATES, self._perturb))
        atexit.register(self._guarded(self._finish))
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)

    def _handler(self, kind: int, step: Callable[[], None]) -> Any:
        with self._sim.unseen:
            return self._sim.h.FInitializeHandler(kind, self._guarded(step))

    def _guarded(self, step: Callable[[], None]) -> Callable[[], None]:
        name = getattr(step, "__name__", "replay")

        def run() -> None:
            with self._sim.unseen:  # around all: an error keeps what its step has made until it is dealt with
                try:
                    step()
                except Exception as error:
                    if len(self._report.errors) < MOST_ERRORS:
                        self._report.errors.append("%s: %s: %s" % (name, type(error).__name__, error))

        return run

    def _before_finitialize(self) -> None:
        self._close_section()
        if self._finitializes == self._job.serve_at:
            self._take_over()
        self._finitializes += 1
        if self._capture is None:
            self._report.setup_s = time.perf_counter() - self._imported
            self._dt_ms = float(self._sim.h.dt)
            self._start()
        assert self._capture is not None
        self._sim.pc.timeout(0)  # NEURON's own watchdog ends a slow but healthy run with exit code 0
        for knob in in_order_of_application():
            if knob.name in self._job.settings:
                knob.apply(self._sim, self._job.settings[knob.name], self._job.settings)
        table = NetConTable(self._sim, delays_too=self._job.observe)
        gids = local_gids(self._sim, table)
        self._sim.output_gids = sum(1 for state in gids.values() if state == 3)
        self._capture.attach(gids, table, shared=self._job.shared, compare=self._job.observe)
        if self._voltages:
            self._voltages.attach()
        if self._histogram:
            self._histogram.attach()
        if self._job.observe:
            self._report.model = dict(
                probe(self._sim, table, gids),
                artificial_gids=self._capture.artificial_gids,
                ways=ways_of(self._sim),
                no_coreneuron=obstacle(self._sim, self._capture.unnamed),
            )

    def _traces(self) -> List[str]:
        """What of the model's own state is not as it would be without us."""
        assert self._capture is not None
        said = [part.complaint for part in (self._sim.unseen, self._histogram, self._voltages) if part is not None]
        return [*filter(None, said), *self._capture.traces()]

    def _start(self) -> None:
        if self._capture is None:  # a second one would take the vectors of the first for the model's
            self._capture = Capture(self._sim)
        self._histogram = ExchangeHistogram(self._sim) if self._counts_exchanges() else None
        self._voltages = self._sample()

    def _counts_exchanges(self) -> bool:
        return self._job.observe or "maxstep" in self._job.settings

    def _sample(self) -> Optional[VoltageSample]:
        job = self._job
        return VoltageSample(self._sim, job.voltages, job.sampling) if job.voltages else None

    def _take_over(self) -> None:
        """The main run is about to begin: from here on this process serves requests."""
        self._start()
        if not self._job.fork:
            self._serve()
        elif may_fork(self._sim):
            self._become(fork_for(self._job.folder))
        else:
            raise RuntimeError("this process cannot be forked: it has threads or an MPI library")

    def _become(self, job: Job) -> None:
        """This is a copy of the process, made for one request; it goes on with the user's script."""
        self._job, self._process = replace(job, sampling=self._job.sampling), os.getpid()
        self._report = RankReport(ancestors=_ancestors())
        self._cpu_s_before = time.process_time()
        self._sim.step_s_before = step_s(self._sim)
        self._voltages = self._sample()

    def _serve(self) -> None:
        """Replay the network for one request after the other; does not return."""
        self._sim.unseen.give_up()
        self._serving = self._finishing = True  # what ends this process from now on is not the end of a run
        replay = Replay(self._sim, self._job.own)
        for job in requests(self._job.folder):
            # No event ends this run early: it is integrated to its end and no further.
            self._become(replace(job, settings=replay.settings(job), stop_ms=None))
            self._guarded(partial(replay.run, job))()
            self._write_reports()
            replay.rest(job)

    def _look_at_voltages(self) -> None:
        self._uniform_mv = uniform_mv(self._sim)

    def _perturb(self) -> None:
        if not self._job.perturb_mv:
            return
        self._report.perturbed = perturb(self._sim, self._job.perturb_mv, self._job.perturb_seed)

    def _after_finitialize(self) -> None:
        if self._capture is not None:
            self._capture.begin()
        if self._voltages is not None:
            self._voltages.begin()
        if self._job.observe:
            self._report.model["traces"] = self._traces()
        self._section = RunSection(t_start_ms=float(self._sim.h.t), uniform_mv=self._uniform_mv)
        if self._job.stop_ms is not None and self._section.t_start_ms < self._job.stop_ms:
            self._sim.cvode.event(self._job.stop_ms, self._guarded(self._stop_early))
        fixed_step = not int(self._sim.cvode.active())
        self._timer.start(clock=fixed_step and (self._job.clock or self._job.observe))

    def _stop_early(self) -> None:
        self._sim.h.stoprun = 1  # psolve and run() look at it after every step

    def _close_section(self) -> None:
        """The section ends at the next finitialize or at exit; NEURON tells of neither in between."""
        section, self._section = self._section, None
        if section is None or self._capture is None:
            return
        section.t_stop_ms = self._sim.t_ms
        section.dt_ms = self._step_ms()
        section.spikes = len(self._capture)
        self._timer.fill(section)
        section.shared = self._job.observe and self._capture.shared_agrees()
        self._report.sections.append(section)
        self._check_capture(section)
        if section.spikes:
            self._spikes.append(self._capture.take())
        if self._voltages:
            self._report.voltage = _worse(self._report.voltage, self._voltages.summary())
        if self._histogram:
            self._report.histogram = self._histogram.counts()
            exchanges = sum(self._report.histogram)
            length_ms = section.t_stop_ms - section.t_start_ms
            self._sim.exchange_interval_ms = length_ms / exchanges if exchanges else None

    def _step_ms(self) -> float:
        """The fixed step; with CVODE, whose last step says nothing, the one that the model had before."""
        if not int(self._sim.cvode.active()):
            self._dt_ms = float(self._sim.h.dt)
        return self._dt_ms

    def _check_capture(self, section: RunSection) -> None:
        """Spikes that we could not see make every comparison worthless: such a run must not count."""
        assert self._capture is not None
        if section.t_stop_ms == section.t_start_ms:  # no step, no loss: many models initialise before they record
            return
        lost = self._capture.lost(section.t_start_ms)
        if lost:
            self._report.errors.append(
                "the model records the spikes of %d sources from after finitialize on; record them before it" % lost
            )
        sent = self._sim.sent()
        if sent is None or lost:
            return
        seen = self._capture.with_gid()
        if sent > seen:
            self._report.errors.append(
                "%d spikes were sent to other ranks, only %d could be captured: NEURON cannot list gids, and some "
                "were not found; number them from 0, or keep the NetCon that pc.cell takes" % (sent, seen)
            )

    def _finish(self) -> None:
        """At exit: no collective, no print; the files appear whole or not at all. A forked child is no rank."""
        if self._finishing or os.getpid() != self._process:
            return
        self._finishing = True
        self._write_reports()
        self._guarded(self._release)()
        if signal.getsignal(signal.SIGTERM) == self._terminated:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _release(self) -> None:
        self._timer.release()
        if self._capture is not None:
            self._capture.release()

    def _write_reports(self) -> None:
        for step in (self._close_section, self._describe):  # what goes wrong in them must stand in the report
            self._guarded(step)()
        report, spikes = rank_files(self._job.folder, self._report.rank, socket.gethostname(), os.getpid())
        ids, times = _joined(self._spikes)
        self._report.spikes = len(ids)
        write_atomically(spikes, lambda file: np.savez(file, gid=ids, time_ms=times))
        self._spikes = []
        write_text(report, to_json(self._report))

    def _terminated(self, number: int, frame: Any) -> None:
        """Report and die of the signal; when the report is being written already, let that end first."""
        if self._finishing and os.getpid() == self._process and not self._serving:
            return
        self._report.signal = signal.Signals(number).name
        self._guarded(self._finish)()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _describe(self) -> None:
        report, sim = self._report, self._sim
        report.rank, report.nhost = sim.rank, sim.nhost
        report.world = _world()
        report.host, report.pid = socket.gethostname(), os.getpid()
        report.python, report.executable = platform.python_version(), sys.executable or ""
        report.neuron, report.numpy = sim.h.nrnversion(), np.__version__
        report.library = _mpi_library()
        report.t_ms, report.dt_ms = sim.t_ms, self._step_ms()
        report.tstop_ms = float(sim.h.tstop) if hasattr(sim.h, "tstop") else None
        report.cvode = bool(int(sim.cvode.active()))
        report.cpu_s = time.process_time() - self._cpu_s_before
        error = getattr(sys, "last_value", None)
        report.exception = "%s: %s" % (type(error).__name__, error) if error is not None else ""
        for name, knob in KNOBS.items():
            report.effective[name] = knob.read_back(sim, self._job.settings)


def _joined(parts: List[Tuple[np.ndarray, np.ndarray]]) -> Tuple[np.ndarray, np.ndarray]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([times for _, times in parts])


def _worse(a: Dict[str, Any], b: Dict[str, Any]) -> Dict[str, Any]:
    """The summary of two sections' voltages."""
    if not a or not b:
        return a or b
    return {
        "digest": a["digest"] + b["digest"],
        "segments": max(a["segments"], b["segments"]),
        "steps": max(a["steps"], b["steps"]),
        "finite": a["finite"] and b["finite"],
        "lowest_mv": min(a["lowest_mv"], b["lowest_mv"]),
        "highest_mv": max(a["highest_mv"], b["highest_mv"]),
        "ringing_mv": max(a["ringing_mv"], b["ringing_mv"]),
    }


def _world() -> Optional[int]:
    """How many ranks the launcher says there are; it tells serial copies from one parallel run."""
    for variable in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"):
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    return None


def _ancestors() -> List[int]:
    """The ids of the parent process, its parent, and so on; empty where the system does not tell."""
    found: List[int] = []
    pid = os.getppid()
    try:
        while pid > 1:
            found.append(pid)
            with open("/proc/%d/stat" % pid) as stat:
                pid = int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        pass
    return found


def _mpi_library() -> str:
    try:
        with open("/proc/self/maps") as maps:
            return next((line.split(None, 5)[5].strip() for line in maps if "/libmpi" in line), "")
    except OSError:
        return ""
