"""What a production run is asked to write beside its own output: its spikes, and the vectors of some labels.

Every rank writes a part of its own (parts.py), while it runs and at the end of each pass; no rank waits for another. Of
spikes only some hundred thousand are in memory at a time where the step is fixed and NEURON integrates: every now and
then an event of ours writes them. It must never change the model: no knob, no output, no collective.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List

from .callbacks import SpikeFunctions
from .capture import Capture
from .engine import enabled
from .library import instance_of
from .parts import GIDS, WITHOUT_GID, Part, SpikePart, stem_of, write_index
from .probe import NetConTable, local_gids
from .protocol import Job
from .recorders import EVERY_STEP, Recorders
from .simulator import Simulator

MOST_IN_MEMORY = 1 << 18
SOONEST_MS, LATEST_MS = 1.0, 1000.0
"""Between two looks at how many spikes there are."""


class Spikes:
    """The spikes of this rank, from the first finitialize to the end."""

    def __init__(self, sim: Simulator, folder: str) -> None:
        self._sim = sim
        self._capture = Capture(sim)
        self._functions = SpikeFunctions(sim)
        self._stem = stem_of(int(sim.pc.id_world()))
        self._folder = folder
        self._parts = {name: SpikePart(folder, self._stem, name) for name in (GIDS, WITHOUT_GID)}
        self._sources = 0
        self._sent = 0
        self._since_ms = 0.0
        self._errors: List[str] = []

    def before(self) -> None:
        """Inside finitialize, after the knobs."""
        table = NetConTable(self._sim, delays_too=False)
        gids = local_gids(self._sim, table)
        shared, free = self._functions.beside_vectors(), self._functions.count() == 0
        self._capture.attach(gids, table, shared=shared, second_slots_free=free)
        self._functions.known()
        self._sources = max(self._sources, self._capture.sources)

    def begin(self) -> None:
        """finitialize has ended."""
        self._capture.begin()
        self._since_ms, self._sent = float(self._sim.h.t), 0
        if not enabled() and not int(self._sim.cvode.active()):
            self._look_again(SOONEST_MS)

    def _look_again(self, after_ms: float) -> None:
        self._sim.at(self._sim.t_ms + after_ms, lambda: self._guarded_look(after_ms))

    def _guarded_look(self, after_ms: float) -> None:
        with self._sim.unseen:
            try:
                self._look(after_ms)
            except Exception as error:  # a full disk, say: it stops nothing but this
                self._errors.append("%s: %s" % (type(error).__name__, error))

    def _look(self, after_ms: float) -> None:
        spikes = len(self._capture)
        if self._capture.may_drop and spikes > MOST_IN_MEMORY // 2:
            self._write(last=False)
        expected_ms = after_ms * MOST_IN_MEMORY / 4 / max(1, spikes)
        self._look_again(min(max(expected_ms, SOONEST_MS), 4 * after_ms, LATEST_MS))

    def _write(self, last: bool) -> None:
        if not last:
            self._check()  # what is dropped cannot be compared later
        ids, times_ms = self._capture.take()
        named = ids >= 0
        self._sent += int(named.sum())
        self._parts[GIDS].add(ids[named], times_ms[named], last)
        self._parts[WITHOUT_GID].add(ids[~named], times_ms[~named], last)
        if not last:
            self._capture.drop()
            self._since_ms = self._sim.t_ms

    def close(self) -> None:
        """A pass has ended."""
        if self._sim.t_ms == self._since_ms:
            return
        self._check()
        self._write(last=True)
        sent = self._sim.sent()
        if sent is not None and sent > self._sent:
            self._errors.append("%d spikes were sent to other ranks, %d could be captured" % (sent, self._sent))

    def _check(self) -> None:
        lost = self._capture.lost(self._since_ms)
        if lost:
            self._errors.append(
                "the model records the spikes of %d sources from after finitialize on; record them before it" % lost
            )

    def finish(self, errors: List[str]) -> None:
        """The process ends: the parts appear, and then the index."""
        parts = {name: part.finish() for name, part in self._parts.items()}
        index = _index(self._sim, self._errors + errors)
        index.update(sources=self._sources, parts={name: part for name, part in parts.items() if part})
        write_index(self._folder, self._stem, index)

    def release(self) -> None:
        self._capture.release()


class Vectors:
    """The recorded vectors (`Vector.record`) of this rank with one label, as they are at the end of each pass."""

    def __init__(self, sim: Simulator, label: str, folder: str) -> None:
        self._sim = sim
        self._label = label
        self._folder = folder
        self._stem = stem_of(int(sim.pc.id_world()))
        self._part = Part(folder, self._stem + ".values")
        self._recorders = Recorders(sim)
        self._t_start_ms = self._dt_ms = 0.0
        self._pass = -1
        self._vectors: List[Dict[str, Any]] = []

    def before(self) -> None:
        """Nothing needs to be done inside finitialize."""

    def begin(self) -> None:
        """A function that ends drops its vectors: keep them until they are written."""
        self._pass += 1
        self._recorders.hold(())
        self._t_start_ms = float(self._sim.h.t)

    def close(self) -> None:
        """Write what stands in them, where it lies."""
        if self._sim.t_ms != self._t_start_ms:
            variable = bool(int(self._sim.cvode.active()))
            every = self._sim.h.List("Vector")
            labels = {instance_of(vector): vector.label() for vector in _each(every)}
            for held in self._recorders.held():
                if labels.get(held.vector) != self._label:
                    continue
                step = None if variable else float(self._sim.h.dt)
                values = self._recorders.values(held.vector)
                self._part.write(values)
                self._vectors.append(
                    {
                        "number": held.number,
                        "pass": self._pass,
                        "values": len(values),
                        "t_start_ms": self._t_start_ms,
                        "step_ms": step if held.kind == EVERY_STEP else held.interval_ms,
                    }
                )
        self._recorders.let_go()

    def finish(self, errors: List[str]) -> None:
        """The process ends: the part appears, and then the index."""
        index = _index(self._sim, errors)
        index.update(label=self._label, file=self._part.finish(), vectors=self._vectors)
        write_index(self._folder, self._stem, index)

    def release(self) -> None:
        """Nothing of ours stands in NEURON."""


def _each(every: Any) -> Any:
    return (every.o(number) for number in range(int(every.count())))


def _index(sim: Simulator, errors: List[str]) -> Dict[str, Any]:
    return {"rank": int(sim.pc.id_world()), "nhost": int(sim.pc.nhost_world()), "errors": errors}


class Writing:
    """All that the job asks for."""

    def __init__(self, sim: Simulator, job: Job) -> None:
        self._sim = sim
        self._job = job
        self._what: List[Any] = []
        self._process = os.getpid()
        self._begun = False
        self.errors: List[str] = []

    def before(self) -> None:
        """Inside finitialize, after the knobs: what the pass before has left is written."""
        if not self._what:
            if self._job.spikes:
                self._what.append(Spikes(self._sim, self._job.spikes))
            self._what += [Vectors(self._sim, label, folder) for label, folder in self._job.vectors.items()]
        self.close()
        self._sim.forget_events()
        for each in self._what:
            each.before()

    def begin(self) -> None:
        """finitialize has ended."""
        self._begun = True
        for each in self._what:
            each.begin()

    def close(self) -> None:
        """The pass has ended."""
        begun, self._begun = self._begun, False
        for each in self._what if begun else ():
            each.close()

    def finish(self) -> None:
        """The process ends."""
        for each in self._what:
            each.finish(self.errors)
            each.release()
        self._what = []
