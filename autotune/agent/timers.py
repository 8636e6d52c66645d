"""Where the time of a run goes, as NEURON's own timers tell.

The timers belong to the ParallelContext instance that called psolve, are never reset and stand still under `run()` and
`fadvance`; for models that do not use `pc.psolve` there is the clock (clock.py).
"""

from __future__ import annotations

import time
from typing import Dict

from .clock import StepClock
from .engine import LIBRARY, enabled
from .libraries import loaded_libraries
from .protocol import RunSection
from .simulator import Simulator

QUEUE_INSERTIONS = 8  # of what CVode.spike_stat gives; the counts before it stand still in the wheels


class SectionTimer:
    """Times one run section; start() at the end of finitialize, fill() when the section is over."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._clock = StepClock(sim)
        self._before: Dict[str, float] = {}
        self._barrier_before = 0.0
        self._start = 0.0

    def start(self, clock: bool) -> None:
        """Begin a section now; with `clock`, see every step (fixed step only)."""
        self._sim.psolve_timers.watch()
        self._before = self._sim.psolve_timers.read()
        self._barrier_before = float(self._sim.pc.step_wait())  # finitialize itself exchanges spikes once
        if clock:
            self._clock.start()
        self._start = time.perf_counter()

    def fill(self, section: RunSection) -> None:
        """Write this section's times; all walls in seconds."""
        now = self._sim.psolve_timers.read()
        spent = {name: seconds - self._before.get(name, 0.0) for name, seconds in now.items()}
        if spent["step_s"] + spent["transfer_s"] > 0.0:  # psolve was called; run() transfers, too
            section.step_s, section.transfer_s = spent["step_s"], spent["transfer_s"]
            section.wait_s, section.send_s = spent["wait_s"], spent["send_s"]
        section.psolve_s = section.step_s + section.transfer_s + section.wait_s + section.send_s
        section.step_wait_s = max(0.0, float(self._sim.pc.step_wait()) - self._barrier_before)
        section.until_next_s = time.perf_counter() - self._start
        section.clock_s = self._clock.stop(section.t_start_ms, section.t_stop_ms)
        moved = section.t_stop_ms != section.t_start_ms
        idle = moved and spent["step_s"] == 0.0 and (enabled() or self._clock.saw_none)
        section.coreneuron = idle and bool(loaded_libraries(LIBRARY))
        self._sim.coreneuron_ran |= section.coreneuron
        section.queue_events = self._queue_events()

    def resume(self) -> None:
        """An event of ours is being executed."""
        self._clock.resume()

    def release(self) -> None:
        """The last section is over: leave NEURON as it was."""
        self._sim.psolve_timers.release()

    def _queue_events(self) -> int:
        """How many events were put onto the queue since finitialize (`CVode.spike_stat`; tqueue.cpp)."""
        counts = self._sim.h.Vector()
        self._sim.cvode.spike_stat(counts)
        return int(counts.x[QUEUE_INSERTIONS])
