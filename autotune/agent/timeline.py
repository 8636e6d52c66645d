"""Where the time of a process goes from its start to its end, for a profile: moments, so that the parts add up.

All moments are seconds of the machine's clock since boot, which its processes share. Nothing here may change what the
model does; it exists in profiles only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from .complexity import complexity
from .library import Template
from .protocol import Job, write_text
from .simulator import Simulator
from .stacks import RUN, Stacks

BEFORE_STRUCTURE, AFTER_EVERYTHING = 3, 2
NOTE_PATTERN = "watch-*.json"
LABEL = "autotune_section"
"""The hoc string in which a model may say what it is doing."""


def now_s() -> float:
    """Seconds since the machine was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Timeline:
    """The moments of this process. Its handlers enclose those of the passes, whose own time is told apart:
    before() is to be called before these are made, after() behind them.
    """

    def __init__(self, sim: Simulator, job: Job) -> None:
        self._sim = sim
        self._threads = sim.library.variable("nrn_threads", ctypes.c_void_p)
        self._stacks = Stacks(self._t_ms)
        self._inside_s = now_s()
        self._first_s: Optional[float] = None  # the first finitialize begins
        self._mark_s = 0.0
        self._own_s = self._finitialize_s = 0.0
        self._written_before = _written_bytes()
        self._complexity: Dict[str, Any] = {}
        self._handlers: List[Any] = []
        self._mechanisms = job.mechanism_times
        sim.h("strdef %s" % LABEL)
        self._folder = job.folder
        self._note = {"pid": os.getpid(), "host": socket.gethostname(), "addresses": _addresses(sim)}
        self._leave_note(started_s=_started_s(), inside_s=self._inside_s)

    def before(self) -> None:
        """Make the handlers that come first."""
        self._handle(BEFORE_STRUCTURE, self._begins)
        self._handle(AFTER_EVERYTHING, self._initialized)

    def after(self) -> None:
        """Make the handlers that come last."""
        self._handle(BEFORE_STRUCTURE, self._looked)
        self._handle(AFTER_EVERYTHING, self._runs)
        self._stacks.start()

    def told(self) -> Dict[str, Any]:
        """What this process says of itself at its end."""
        end_s = now_s()
        first_s = end_s if self._first_s is None else self._first_s
        return {
            "started_s": _started_s(),
            "inside_s": self._inside_s,
            "first_finitialize_s": first_s,
            "finitialize_s": self._finitialize_s,
            "own_s": self._own_s,
            "ended_s": end_s,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            "written_mb": (_written_bytes() - self._written_before) / 1e6,
            "python": self._stacks.stop(),
            "looks": self._stacks.looks,
            "mechanisms": mechanism_times(self._sim) if self._mechanisms else {},
            **self._complexity,
        }

    def _leave_note(self, **moments: float) -> None:
        """For the driver: where to look from outside, and how far this process came if it leaves no report."""
        self._note.update(moments)
        write_text(_note_file(self._folder), json.dumps(self._note))

    def _t_ms(self) -> float:
        """Where the first thread is; read from memory (NrnThread._t, multicore.h), since a run may be in its midst."""
        first = self._threads.value if self._threads is not None else None
        return float(ctypes.c_double.from_address(first).value) if first else 0.0

    def _handle(self, kind: int, call: Callable[[], None]) -> None:
        with self._sim.unseen:
            self._handlers.append(self._sim.h.FInitializeHandler(kind, call))

    def _begins(self) -> None:
        self._mark_s = now_s()
        if self._first_s is None:
            self._first_s = self._mark_s
            self._leave_note(first_finitialize_s=self._first_s)
        self._stacks.phase = "finitialize"

    def _looked(self) -> None:
        """The passes have looked at the model; that took time of our own."""
        if not self._complexity:
            with self._sim.unseen:
                self._complexity = complexity(self._sim)
                if self._mechanisms:
                    self._sim.pc.mech_time()
        self._own_s += now_s() - self._mark_s
        self._mark_s = now_s()

    def _initialized(self) -> None:
        self._finitialize_s += now_s() - self._mark_s
        self._mark_s = now_s()

    def _runs(self) -> None:
        if self._stacks.phase == "finitialize" and "runs_s" not in self._note:
            self._leave_note(finitialize_s=self._finitialize_s, own_s=self._own_s, runs_s=now_s())
        self._own_s += now_s() - self._mark_s
        self._stacks.phase = RUN


def mechanism_times(sim: Simulator) -> Dict[str, float]:
    """Seconds that the first thread spent in each mechanism since `pc.mech_time()` (ocbbs.cpp)."""
    times: Dict[str, float] = {}
    name = sim.h.ref("")
    for point in (0, 1):
        kinds = sim.h.MechanismType(point)
        for kind in range(int(kinds.count())):
            kinds.select(kind)
            kinds.selected(name)
            seconds = float(sim.pc.mech_time(int(kinds.internal_type())))
            if seconds > 0.0:
                times[name[0]] = seconds
    return times


def _note_file(folder: str) -> Path:
    return Path(folder, NOTE_PATTERN.replace("*", "%s-%d" % (socket.gethostname(), os.getpid())))


def _addresses(sim: Simulator) -> Dict[str, int]:
    """Where in memory the driver can see from outside what the set-up makes; what cannot be found is left out."""
    found: Dict[str, int] = {}
    netcons = sim.library.template("NetCon")
    if netcons is not None:
        found["netcons"] = ctypes.addressof(netcons) + Template.count.offset
    for name in ("section_list", "hoc_top_level_data"):
        variable = sim.library.variable(name, ctypes.c_void_p)
        if variable is not None:
            found[name] = ctypes.addressof(variable)
    place = sim.library.offset(LABEL)
    if place is not None:
        found["label"] = place
    return found


def _started_s() -> float:
    """When this process was started; to a hundredth of a second (proc(5))."""
    with open("/proc/self/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def _written_bytes() -> int:
    """What this process has handed to the system for writing, to files and elsewhere; 0 where that is not told."""
    try:
        with open("/proc/self/io") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("wchar"))
    except (OSError, StopIteration):
        return 0
