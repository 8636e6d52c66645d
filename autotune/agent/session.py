"""Many trials on one built network: inside the script's own finitialize, requests are served one after another.

It happens at the beginning of finitialize, in a type-3 handler: later, NEURON 9 has frozen the network's structure.
*Replay*, for any number of ranks: put back what a run changes, start again in the way that the driver found to be right
for this model, and integrate. *Fork*, for one process without MPI: for each request a copy of the process goes on with
the user's own script, which restores everything.

Waiting ranks sleep: a collective would spin, and disturb what is timed beside them. The rest of the script is never
run by a process that replays; the driver kills it when it has no more requests.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time
from typing import Any, Dict, Iterator, List, Optional, Set

from .knobs import KNOBS, in_order_of_application
from .libraries import loaded_libraries
from .protocol import Again, Job, Request, ended_file, read_request, request_file, write_text
from .simulator import Simulator
from .state import State

# A waiting rank looks ten times a second after a while (0.4 % of a core), and is late by at most a tenth of its wait.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S, LENGTHEN = 0.001, 0.1, 1.1

STDINIT, INIT, FINITIALIZE, FINITIALIZE_V = "stdinit()", "init()", "finitialize()", "finitialize(v)"
WAYS = (STDINIT, INIT, FINITIALIZE, FINITIALIZE_V)
"""The ways of starting again, in the order in which they are tried."""


def requests(session: str) -> Iterator[Request]:
    """The driver's requests, in order, each as soon as it is there; never ends."""
    number = 0
    pause = SHORTEST_PAUSE_S
    while True:
        file = str(request_file(session, number))
        if not os.path.exists(file):
            time.sleep(pause)
            pause = min(LENGTHEN * pause, LONGEST_PAUSE_S)
            continue
        yield read_request(file)
        number += 1
        pause = SHORTEST_PAUSE_S


def ways_of(sim: Simulator) -> List[str]:
    """The ways of starting again that this model has, in the order in which they are to be tried."""
    return [way for way in WAYS if hasattr(sim.h, way.partition("(")[0])]


def start(sim: Simulator, way: str, v_mv: Optional[float]) -> None:
    """Initialise the network again in one of ways_of()."""
    if way == FINITIALIZE_V:
        sim.h.finitialize(v_mv)
    else:
        getattr(sim.h, way.partition("(")[0])()


def integrate(sim: Simulator, stop_ms: float, psolve: bool) -> None:
    """Run to `stop_ms` as the model does: by pc.psolve, stdrun's continuerun or a loop of fadvance."""
    if psolve:
        sim.pc.psolve(stop_ms)
    elif hasattr(sim.h, "continuerun"):
        sim.h.continuerun(stop_ms)
    else:
        while float(sim.h.t) < stop_ms - 0.5 * float(sim.h.dt):
            sim.h.fadvance()


class Own:
    """The model's own settings, put back where an earlier request changed them."""

    def __init__(self, sim: Simulator, told: Dict[str, Any]) -> None:
        read = {knob.name: knob.read_back(sim, {}) for knob in in_order_of_application() if not knob.at_launch}
        self._own = {**read, **told}
        self._touched: Set[str] = set()

    def beneath(self, settings: Dict[str, Any]) -> Dict[str, Any]:
        """`settings`, and for every other knob that was touched before its own value."""
        self._touched |= {name for name in settings if name in self._own}
        own = {name: self._own[name] for name in self._touched if self._own[name] is not None}
        return {**own, **settings}


class Replay:
    """Starts the network again and again in this process."""

    def __init__(self, sim: Simulator, own: Dict[str, Any]) -> None:
        """`own` are the settings of the model that the driver knows better (Service.own)."""
        self._sim = sim
        self._own = Own(sim, own)
        self._state = State(sim)

    def settings(self, job: Job) -> Dict[str, Any]:
        """What to apply for `job`, so that nothing of earlier ones remains."""
        return self._own.beneath(job.settings)

    def run(self, job: Job, again: Again) -> None:
        """Initialise and integrate; the agent's handlers do the rest."""
        self._state.restore()
        start(self._sim, again.way, again.v_mv)
        stop_ms = again.until_ms if job.stop_ms is None else min(job.stop_ms, again.until_ms)
        integrate(self._sim, stop_ms, again.psolve)

    def rest(self, job: Job) -> None:
        """Leave no thread spinning while this process waits."""
        for name, value in job.settings.items():
            KNOBS[name].rest(self._sim, value)


def fork_for(session: str) -> Job:
    """Serve requests by a copy of this process each; returns in the copy, with the request that it is made for."""
    for request in requests(session):
        _flush()
        child = os.fork()
        if child == 0:
            return request.job
        _, status = os.waitpid(child, 0)
        write_text(ended_file(request.job.folder), json.dumps({"status": status}))
    raise AssertionError("requests never end")


def may_fork(sim: Simulator) -> bool:
    """Whether a copy of this process would be whole: threads and an MPI world do not survive a fork."""
    alone = int(sim.pc.nthread()) == 1 and threading.active_count() == 1
    return alone and sim.nhost == 1 and not loaded_libraries("libmpi")


def _flush() -> None:
    """What is still in a buffer would be written by every copy."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    ctypes.CDLL(None).fflush(None)
