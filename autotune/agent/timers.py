"""Where the time of a run goes: NEURON's own timers, the spike-exchange histogram and a clock on the event queue.

The timers belong to the ParallelContext instance that called psolve, are never reset and stand still under `run()` and
`fadvance`; the clock is for models that do not use `pc.psolve`.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Tuple

from .protocol import RunSection
from .simulator import Simulator
from .vectors import floats

HISTOGRAM_SIZE = 4096
TICK_S = 0.02  # a clock event about this often: its cost is a few microseconds
QUEUE_INSERTIONS = 8  # of what CVode.spike_stat gives; the counts before it stand still in the wheels
_TIMERS = {"step_s": "step_time", "wait_s": "wait_time", "send_s": "send_time"}


class SectionTimer:
    """Times one run section; start() at the end of finitialize, fill() when the section is over."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._contexts: List[Any] = []  # kept alive: a context that the script drops would take its timers with it
        self._before: Dict[str, float] = {}
        self._barrier_before = 0.0
        self._start = 0.0
        self._t0 = 0.0
        self._tick_ms = 0.0
        self._first: Optional[Tuple[float, float]] = None  # t in ms and wall in s of the first clock event
        self._last_t = 0.0
        self._last_wall = 0.0
        self._generation = 0

    def start(self, clock: bool) -> None:
        """Begin a section now; with `clock`, put events on the queue (fixed step only: CVODE would stop at each)."""
        self._keep_contexts()
        self._before = self._read()
        self._barrier_before = float(self._sim.pc.step_wait())  # finitialize itself exchanges spikes once
        self._t0 = self._last_t = float(self._sim.h.t)
        self._first = None
        self._generation += 1
        if clock:
            self._tick_ms = float(self._sim.h.dt)
            self._schedule(self._generation)
        self._start = self._last_wall = time.perf_counter()

    def fill(self, section: RunSection) -> None:
        """Write this section's times; all walls in seconds."""
        self._keep_contexts()
        now = self._read()
        section.step_s, section.wait_s, section.send_s = (now[name] - self._before.get(name, 0.0) for name in _TIMERS)
        section.psolve_s = section.step_s + section.wait_s + section.send_s
        section.step_wait_s = max(0.0, float(self._sim.pc.step_wait()) - self._barrier_before)
        section.until_next_s = time.perf_counter() - self._start
        section.clock_s = self._clock(section.t_stop_ms)
        section.queue_events = self._queue_events()

    def _queue_events(self) -> int:
        """How many events were put onto the queue since finitialize (`CVode.spike_stat`; tqueue.cpp)."""
        counts = self._sim.h.Vector()
        self._sim.cvode.spike_stat(counts)
        return int(counts.x[QUEUE_INSERTIONS])

    def _clock(self, t_stop_ms: float) -> Optional[float]:
        """From the first event to the last, extended to the whole section: what a script does before and after is not
        in it."""
        if self._first is None or t_stop_ms <= self._t0 or self._last_t <= self._first[0]:
            return None
        t, wall = self._first
        return (self._last_wall - wall) * (t_stop_ms - self._t0) / (self._last_t - t)

    def _schedule(self, generation: int) -> None:
        self._sim.at(self._sim.h.t + self._tick_ms, lambda: self._tick(generation))

    def _tick(self, generation: int) -> None:
        if generation != self._generation:
            return
        wall, t = time.perf_counter(), float(self._sim.h.t)
        if wall - self._last_wall < TICK_S:
            self._tick_ms *= 2.0
        elif wall - self._last_wall > 4.0 * TICK_S:
            self._tick_ms /= 2.0
        self._last_wall, self._last_t = wall, t
        self._first = self._first or (t, wall)
        self._schedule(generation)

    def _keep_contexts(self) -> None:
        contexts = self._sim.h.List("ParallelContext")
        known = {context.hname() for context in self._contexts}
        for index in range(int(contexts.count())):
            context = contexts.o(index)
            if context.hname() not in known:
                self._contexts.append(context)

    def _read(self) -> Dict[str, float]:
        return {
            name: sum(float(getattr(context, method)()) for context in self._contexts)
            for name, method in _TIMERS.items()
        }


class ExchangeHistogram:
    """How many spikes the busiest rank sent at each exchange (`pc.max_histogram`, kept on rank 0)."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._vector = sim.h.Vector(HISTOGRAM_SIZE)

    def attach(self) -> None:
        """Start counting; call it on every rank, inside finitialize."""
        self._vector.fill(0)
        if self._sim.rank == 0:
            self._sim.pc.max_histogram(self._vector)

    def counts(self) -> List[int]:
        """Entry n: the exchanges in which the largest number sent by a rank was n."""
        counts = [int(count) for count in floats(self._vector)]
        while counts and counts[-1] == 0:
            counts.pop()
        return counts
