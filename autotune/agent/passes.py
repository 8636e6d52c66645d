"""What the agent does in one pass of the network, from finitialize to the next one or to the end of the process.

In finitialize it applies the knobs of the run and starts to record; at the end of the pass it takes what was recorded.
NEURON tells of neither the end of a run nor of what the script does in between, so the next finitialize, or whoever
ends the run, calls close().
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from .beside import Beside, joined
from .callbacks import SpikeFunctions
from .capture import Capture
from .detection import Detection
from .engine import enabled, end_at, obstacle, step_s
from .histogram import ExchangeHistogram
from .knobs import KNOBS, ToldBy, in_order_of_application
from .probe import NetConTable, local_gids, probe
from .protocol import Job, RunSection
from .recorders import Recorders
from .report import Report
from .session import ways_of
from .simulator import Simulator
from .state import uniform_mv
from .timers import SectionTimer
from .tolerance import Tighter
from .vectors import floats
from .voltages import VoltageSample, perturb

# Types of FInitializeHandler, in the order in which finitialize calls them.
BEFORE_STRUCTURE, AFTER_VOLTAGES, AFTER_STATES, AFTER_EVERYTHING = 3, 0, 1, 2


class Passes:
    """The passes of one process, of which the first may be the watched one and the others requests of a session."""

    def __init__(self, sim: Simulator, job: Job, report: Report, *, several: bool = False) -> None:
        """`several`: there will be other jobs, which may ask for what this one does not."""
        self._sim = sim
        self._job = job
        self._report = report
        self._call: Dict[int, Callable[[], None]] = {}
        self._made = time.perf_counter()
        self._timer = SectionTimer(sim)
        self._capture: Optional[Capture] = None  # these three make hoc objects, so not before the first finitialize
        self._histogram: Optional[ExchangeHistogram] = None
        self._voltages: Optional[VoltageSample] = None
        self._detection: Optional[Detection] = None
        self._recorders: Optional[Recorders] = None
        self._variable_step = False
        self._clock: Optional[Any] = None  # a vector that records t, where the steps are CVODE's
        self._functions: Optional[SpikeFunctions] = None
        self._beside: Optional[Beside] = None  # a session never comes to the end of the script
        self._dropped = ""
        self._tighter = Tighter(sim, job.tighter) if job.tighter else None
        self._several = several
        self._section: Optional[RunSection] = None
        self._finitializes = 0
        self._uniform_mv: Optional[float] = None
        self._bulletin_job: Optional[int] = None
        self._dt_ms = 0.0
        self._handlers = self._handle(several)

    def call_at(self, number: int, call: Callable[[], None]) -> None:
        """Call this at the start of the finitialize of this number, from 0."""
        self._call[number] = call

    def start(self) -> None:
        """Make what records; inside a finitialize."""
        if self._capture is None:  # a second one would take the vectors of the first for the model's
            self._capture = Capture(self._sim)
        self._histogram = ExchangeHistogram(self._sim) if self._counts_exchanges() else None
        self._voltages = self._sample()
        self._functions = SpikeFunctions(self._sim)
        self._recorders = Recorders(self._sim)
        self._beside = None if self._several else Beside(self._sim, self._functions, self._recorders)

    def begin(self, job: Job) -> None:
        """From now on the passes are those of another job of the same process."""
        self._job = job
        self._tighter = Tighter(self._sim, job.tighter) if job.tighter else None
        self._sim.step_s_before = step_s(self._sim)
        self._voltages = self._sample()

    def step_ms(self) -> float:
        """The fixed step; with CVODE, whose last step says nothing, the one that the model had before."""
        if not int(self._sim.cvode.active()):
            self._dt_ms = float(self._sim.h.dt)
        return self._dt_ms

    def release(self) -> None:
        """Let go of what stands in NEURON; at the end of the process."""
        self._timer.release()
        if self._capture is not None:
            self._capture.release()

    def close(self) -> None:
        """End the pass, if there is one: its times, its spikes and what must not have happened in it."""
        section, self._section = self._section, None
        if section is None or self._capture is None:
            return
        section.t_stop_ms = self._sim.t_ms
        section.dt_ms = self.step_ms()
        self._timer.fill(section)
        if section.coreneuron:
            self._capture.was_coreneuron()
        found = self._detection.spikes(section) if self._detection and not self._capture.sources else None
        section.spikes = len(self._capture) + (len(found[0]) if found else 0)
        section.shared = self._job.observe and self._capture.shared_agrees()
        report = self._report.rank
        if self._tighter and section.integrated:
            kept = not any(each.integrated for each in report.sections) or report.tightened
            report.tightened = kept and self._tighter.in_effect()
        report.sections.append(section)
        self._check_capture(section)
        if len(self._capture):
            self._report.add_spikes(*self._capture.take())
        if found:
            self._report.add_spikes(*found)
        self._keep_recorded(section)
        if self._voltages:
            report.voltage = _worse(report.voltage, self._voltages.summary())
        if self._histogram:
            report.histogram = self._histogram.counts()
            exchanges = sum(report.histogram)
            length_ms = section.t_stop_ms - section.t_start_ms
            self._sim.exchange_interval_ms = length_ms / exchanges if exchanges else None
        self._look_beside(section)

    def _look_beside(self, section: RunSection) -> None:
        """What the pass did beside spikes; what CoreNEURON would drop, in a watched run."""
        if self._job.observe:
            self._note_dropped()
            return
        recorded = self._recorders.release() if self._recorders else []
        if self._beside is not None:
            self._report.rank.beside = joined(self._report.rank.beside, self._beside.end(section, recorded))

    def _note_dropped(self) -> None:
        """Whatever any pass has shown of this holds for the run."""
        if self._beside is not None:
            self._dropped = self._dropped or self._beside.obstacle()
            model = self._report.rank.model
            model["no_coreneuron"] = model.get("no_coreneuron") or self._dropped

    def _handle(self, several: bool) -> List[Any]:
        """The handlers, which live as long as they are kept."""
        steps = [
            (BEFORE_STRUCTURE, self._before_finitialize),
            (AFTER_EVERYTHING, self._after_finitialize),
        ]
        if self._job.observe:
            steps.append((AFTER_VOLTAGES, self._look_at_voltages))
        if self._job.perturb_mv or several:
            steps.append((AFTER_STATES, self._perturb))
        with self._sim.unseen:
            return [self._sim.h.FInitializeHandler(kind, self._report.guarded(step)) for kind, step in steps]

    def _before_finitialize(self) -> None:
        self.close()
        self._bulletin_job = self._sim.bulletin_job()
        self._sim.forget_events()
        self._call.pop(self._finitializes, lambda: None)()  # in which finitialize may be called again
        self._finitializes += 1
        if self._capture is None:
            self._report.rank.setup_s = time.perf_counter() - self._made
            self._dt_ms = float(self._sim.h.dt)
            self.start()
        if not self._job.observe:  # NEURON's own watchdog ends a slow but healthy run with exit code 0
            self._sim.pc.timeout(0)
        for knob in in_order_of_application():
            if knob.name in self._job.settings:
                knob.apply(self._sim, self._job.settings[knob.name], self._job.settings)
        if self._tighter:
            self._tighter.apply()
        self._attach()

    def _attach(self) -> None:
        assert self._capture is not None
        assert self._functions is not None
        table = NetConTable(self._sim, delays_too=self._job.observe)
        gids = local_gids(self._sim, table)
        self._sim.cell_gids = tuple(gid for gid, state in gids.items() if state >= 2)
        self._sim.output_gids = sum(1 for state in gids.values() if state == 3)
        shared = self._functions.beside_vectors() or self._job.shared
        free = self._functions.count() == 0
        self._capture.attach(gids, table, shared=shared, compare=self._job.observe, second_slots_free=free)
        self._functions.known()
        if self._voltages:
            self._voltages.attach()
        self._detect()
        if self._histogram:
            self._histogram.attach()
        if self._job.observe:
            self._report.rank.model = dict(
                probe(self._sim, table, gids),
                artificial_gids=self._capture.artificial_gids,
                sources_without_gid=self._capture.unnamed,
                ways=ways_of(self._sim),
                no_coreneuron=obstacle(self._sim, self._capture.unnamed),
            )

    def _detect(self) -> None:
        """Look for spikes in voltages where NEURON looks for none, if that is not for the driver to say, who knows of
        all ranks.
        """
        assert self._capture is not None
        report, wanted = self._report.rank, self._job.detect
        report.detectors = self._capture.sources
        if not (report.detectors == 0 if wanted is None else wanted):
            self._detection = None
        else:
            self._detection = Detection(self._sim, self._job.sampling.threshold_mv)
            self._detection.attach()
            report.spots, report.spots_are = self._detection.spots, self._detection.what
        self._clock = self._record_steps() if self._job.traces else None

    def _record_steps(self) -> Optional[Any]:
        """Have t recorded at every step of CVODE, if all cells share its steps."""
        section = next(iter(self._sim.h.allsec()), None)
        cvode = self._sim.cvode
        if section is None or not int(cvode.active()) or int(cvode.use_local_dt()):
            return None
        clock = self._sim.h.Vector()
        clock.record(self._sim.h._ref_t, sec=section)
        return clock

    def _recording(self) -> List[Any]:
        """Vectors of ours that record, but for those of the voltages."""
        return [*(self._detection.vectors if self._detection else ()), *filter(None, (self._clock,))]

    def _keep_recorded(self, section: RunSection) -> None:
        """Write what a pass recorded, as far as it is asked for."""
        if not (self._job.traces and self._recorders and section.integrated):
            return
        clock = floats(self._clock) if self._clock is not None else None
        cells = self._detection.spots if self._detection else 0
        self._report.traces.add(
            section, self._variable_step, self._recorders, self._job.traces, self._sampled(section), cells, clock
        )

    def _sampled(self, section: RunSection) -> Iterable[Tuple[str, np.ndarray, Optional[np.ndarray]]]:
        """The voltages of the cells, one after another."""
        if self._detection is None:
            return
        for index, (name, vector) in enumerate(zip(self._detection.sections, self._detection.voltages)):
            times = self._detection.times_ms(index, section) if self._variable_step else None
            yield name + ".v", floats(vector), times

    def _counts_exchanges(self) -> bool:
        return self._job.observe or any(KNOBS[name].told_by is ToldBy.EXCHANGES for name in self._job.settings)

    def _sample(self) -> Optional[VoltageSample]:
        job = self._job
        return VoltageSample(self._sim, job.voltages, job.sampling)

    def _look_at_voltages(self) -> None:
        self._uniform_mv = uniform_mv(self._sim)

    def _perturb(self) -> None:
        if self._job.perturb_mv:
            self._report.rank.perturbed = perturb(self._sim, self._job.perturb_mv, self._job.perturb_seed)

    def _after_finitialize(self) -> None:
        if self._capture is not None:
            self._capture.begin()
        if self._voltages is not None:
            self._voltages.begin(() if enabled() else self._recording())  # CoreNEURON fills what stands in the list
        if self._job.observe:
            self._report.rank.model["traces"] = self._traces()
        if self._beside is not None:
            self._beside.begin()
            if self._job.observe:
                self._note_dropped()
        if self._recorders is not None:
            ours = [*(self._voltages.vectors if self._voltages else ()), *self._recording()]
            if self._job.observe:
                model = self._report.rank.model
                model["recorded"] = max(model.get("recorded", 0), self._recorders.count(ours))
                model["without_thread"] = max(model.get("without_thread", 0), self._recorders.without_thread())
            else:
                self._recorders.hold(ours, named=bool(self._job.traces))
        self._section = RunSection(t_start_ms=float(self._sim.h.t), job=self._bulletin_job, uniform_mv=self._uniform_mv)
        if enabled():
            end_at(self._sim, self._job.stop_ms)  # an event would be dropped, with a warning
        elif self._job.stop_ms is not None and self._section.t_start_ms < self._job.stop_ms:
            self._sim.at(self._job.stop_ms, self._report.guarded(self._stop_early))
        self._variable_step = bool(int(self._sim.cvode.active()))
        self._timer.start(clock=not self._variable_step and (self._job.clock or self._job.observe))

    def _stop_early(self) -> None:
        self._timer.resume()
        self._sim.h.stoprun = 1  # psolve and run() look at it after every step

    def _traces(self) -> List[str]:
        """What of the model's own state is not as it would be without us."""
        assert self._capture is not None
        said = [part.complaint for part in (self._sim.unseen, self._histogram, self._voltages) if part is not None]
        return [*filter(None, said), *self._capture.traces()]

    def _check_capture(self, section: RunSection) -> None:
        """Spikes that we could not see make every comparison worthless: such a run must not count."""
        assert self._capture is not None
        if section.t_stop_ms == section.t_start_ms:  # no step, no loss: many models initialise before they record
            return
        lost = self._capture.lost(section.t_start_ms)
        if lost:
            self._report.error(
                "the model records the spikes of %d sources from after finitialize on; record them before it" % lost
            )
        sent = self._sim.sent()
        if sent is None or lost:
            return
        seen = self._capture.with_gid()
        if sent > seen:
            self._report.error(
                "%d spikes were sent to other ranks, only %d could be captured: NEURON cannot list gids, and some "
                "were not found; number them from 0, or keep the NetCon that pc.cell takes" % (sent, seen)
            )


def _worse(a: Dict[str, Any], b: Dict[str, Any]) -> Dict[str, Any]:
    """The summary of two passes' voltages."""
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
