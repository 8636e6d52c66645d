"""dt: the integration time step.

Half as many steps is nearly half the time, and different numbers: the largest gain and the largest risk. NEURON's
`run()` calls `setdt()`, which restores dt from `steps_per_ms`; a type-3 handler comes after that. Steps are tried from
the user's own to four times that, up to the smallest delay between ranks; with threads two steps must fit into the
smallest delay of all. Those that divide every delay and the run come first; with others an event is late or early by up
to half a step, which the raster shows. Steps at which the model records cannot be read from NEURON:
where the results depend on them, give the steps worth trying yourself (`[search] values = {dt = [0.025, 0.05]}`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from ..grid import is_multiple
from ..simulator import Simulator
from .exchange import keep_compressible, write_compressible
from .knob import NUMERICAL, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

GRID_MS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.0125,
    0.02,
    0.025,
    0.03125,
    0.04,
    0.05,
    0.0625,
    0.08,
    0.1,
    0.125,
    0.2,
    0.25,
    0.5,
    1.0,
)
LARGEST_FACTOR = 4.0


class Dt(Knob):
    name = "dt"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 10
    part = "integration"
    given_type = float

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.cvode:
            return Excluded("variable step: CVODE chooses its own steps")
        own = facts.baseline[self.name]
        limit = min(own * LARGEST_FACTOR, _longest_ms(facts))
        steps = sorted({round(dt, 9) for dt in (*GRID_MS, 2.0 * own, 4.0 * own)})
        larger = [dt for dt in steps if own * 1.01 < dt <= limit * 1.0001]
        if not larger:
            return Excluded("no larger step fits into the smallest delay, %g ms" % _longest_ms(facts))
        in_order = (own, *sorted(larger, key=lambda dt: not _divides(dt, facts)))
        twice = tuple(dt for dt in larger if dt == round(2.0 * own, 9))
        return Domain(in_order, twice, NUMERICAL)

    def given(self, facts: ModelFacts, values: Tuple[Any, ...]) -> Domain | Excluded:
        """The user's own steps, also such as do not divide the delays."""
        from ..driver.given import check

        if facts.cvode:
            return self.domain(facts)
        own = facts.baseline[self.name]
        for value in values:
            check(self, value, Domain((own,)))
            if value > _longest_ms(facts) * 1.0001:
                raise ValueError(
                    "%g ms is above %g ms, the longest step that the delays allow" % (value, _longest_ms(facts))
                )
        others = sorted(float(value) for value in values if value != own)
        return Domain((own, *others), safety=NUMERICAL) if others else Excluded("no step but your own was given")

    def finer(self, own: Any, divisor: int) -> Any:
        return own / divisor

    def took(self, asked: Any, effective: Any) -> bool:
        return effective is not None and math.isclose(effective, asked, rel_tol=1e-6)

    def share(self, facts: ModelFacts) -> Optional[float]:
        domain = self.domain(facts)
        share = facts.share_of_run(facts.step_s)
        if share is None or isinstance(domain, Excluded):
            return None
        return share * (1.0 - float(domain.values[0]) / max(map(float, domain.values)))

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        sim.h.dt = value
        if hasattr(sim.h, "steps_per_ms"):  # stdrun.hoc is loaded; its step() advances nstep_steprun times
            per_step = 1.0 / sim.h.steps_per_ms
            if not is_multiple(per_step, value):
                sim.h.steps_per_ms = 1.0 / value
                per_step = value
            sim.h.nstep_steprun = max(1, round(per_step / value))
        keep_compressible(sim, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written

        python = (
            "h.dt = %r" % value,
            'if hasattr(h, "steps_per_ms"):  # of stdrun.hoc, whose run() takes dt from it',
            "    h.steps_per_ms, h.nstep_steprun = 1 / h.dt, 1",
        )
        hoc = ("dt = %r" % value, "steps_per_ms = 1 / dt  // from which stdrun's run() takes dt", "nstep_steprun = 1")
        limit = write_compressible(tuned)
        return Written((*python, *limit), (*hoc, *limit))

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        if int(sim.cvode.active()):
            return None  # each rank takes steps of its own
        return round(float(sim.h.dt), 9)


def _longest_ms(facts: ModelFacts) -> float:
    """The longest step with which NEURON runs this model as it is started."""
    delays = [facts.min_delay_ms or float("inf")]
    if facts.threads > 1 and facts.delays_ms:
        delays.append(facts.delays_ms[0] / 2.0)
    return min(delays)


def _divides(dt_ms: float, facts: ModelFacts) -> bool:
    """Delays that were off the grid before need not be on it afterwards. A loop of fadvance until tstop ends one step
    late for half of the usual values.
    """
    delays = [d for d in facts.delays_ms if d > 0 and is_multiple(d, facts.dt_ms)]
    ends = (facts.t_stop_ms, facts.t_stop_ms - facts.dt_ms)
    return all(is_multiple(delay, dt_ms) for delay in delays) and any(is_multiple(end, dt_ms) for end in ends)
