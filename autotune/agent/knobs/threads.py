"""threads: how many threads of each rank share its cells (`pc.nthread`).

The threads meet at every interval of the smallest delay of all connections less one step, so that this must be a step
at least. Events of one time may be delivered in another order, and sums may differ in the last bit. Mechanisms that
are not thread safe make NEURON stop, and so does a variable that is recorded or played and in no cell: t at an
interval, a global one, an artificial cell's. Ranks times threads beyond the cores wait for each other. None is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .knob import ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

BOUND = "core"  # the value of the knob binding
OF_NO_THREAD = (
    "%d recorded or played variable(s) in no cell (t at an interval, a global one): NEURON takes no threads then"
)
TOO_SHORT = "the smallest delay, %g ms, is less than two steps of %g ms: too short for threads"


class Threads(Knob):
    name = "threads"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.CHECKED
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 20
    part = "integration"
    given_type = int

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.thread_unsafe:
            return Excluded("mechanism %s is not thread safe" % ", ".join(facts.thread_unsafe))
        if facts.without_thread:
            return Excluded(OF_NO_THREAD % facts.without_thread)
        if facts.cvode:
            return Excluded("variable step: threads are not tried with CVODE")
        if facts.delays_ms and not _long_enough(facts.delays_ms[0], facts.dt_ms):
            return Excluded(TOO_SHORT % (facts.delays_ms[0], facts.dt_ms))
        fewest_ranks = 1 if facts.ranks_tunable else facts.ranks
        free = facts.cores // fewest_ranks
        if facts.trees is not None and not facts.artificial_cells:
            if facts.trees <= fewest_ranks and facts.threads == 1:
                return Excluded("%d cell(s) on %d rank(s): threads do not share a cell" % (facts.trees, fewest_ranks))
            free = min(free, -(-facts.trees // fewest_ranks))
        powers = {2**power for power in range(free.bit_length())}
        values = sorted(n for n in powers | {free, facts.threads} if 1 <= n <= free or n == facts.threads)
        if len(values) < 2:
            return Excluded("%d rank(s) on %d core(s): no core is free for threads" % (fewest_ranks, facts.cores))
        bound = facts.baseline.get("binding") == BOUND
        if bound and not facts.launch.binds:
            words = " ".join(facts.launch.binding.get("none", ())) or "the launcher's option for no binding"
            return Excluded("each rank is bound to one core, which its threads would share: give %s" % words)
        return Domain(tuple(values), (values[-1],), ROUND_OFF)

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        threads, ranks = settings.get(self.name, facts.threads), settings.get("ranks", facts.ranks)
        dt_ms = settings.get("dt", facts.dt_ms)
        if threads > 1 and facts.delays_ms and not _long_enough(facts.delays_ms[0], dt_ms):
            return TOO_SHORT % (facts.delays_ms[0], dt_ms)
        if settings.get("binding", facts.baseline.get("binding")) == BOUND and threads > max(1, facts.threads):
            return "bound to one core, the %d threads of a rank would share it" % threads
        own = threads == facts.threads and ranks == facts.ranks
        if ranks * threads > facts.cores and not own and threads > 1:
            return "%d ranks x %d threads on %d cores" % (ranks, threads, facts.cores)
        return ""

    def share(self, facts: ModelFacts) -> Optional[float]:
        if facts.threads > 1:
            return None  # fewer of them may pay too
        domain = self.domain(facts)
        share = facts.share_of_run(facts.step_s)
        if share is None or isinstance(domain, Excluded):
            return None
        return share * max(0.0, 1.0 - facts.threads / float(max(domain.values)))

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        if int(sim.pc.nthread()) != value:
            sim.pc.nthread(value)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import alike

        return alike("{pc}.nthread(%d)" % value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return int(sim.pc.nthread())


def _long_enough(delay_ms: float, dt_ms: float) -> bool:
    return delay_ms - dt_ms >= dt_ms * (1.0 - 1e-9)
