"""How the run is driven: `run()`, a loop of `fadvance` or a function at each step, instead of `pc.psolve`."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import RUN

RUN_STEP_S, LOOP_STEP_S = 5e-6, 13e-6
"""What a step costs more by `run()` and by a loop in Python than by psolve: 1000 ms of 4 cells, NEURON 9.0.2."""
PSOLVE = {
    True: "pc.set_maxstep(10)\nstdinit()\npc.psolve(tstop)",
    False: "pc.set_maxstep(10)\nh.stdinit()\npc.psolve(h.tstop)",
}


def advice(known: Known) -> Iterator[Advice]:
    """Let `pc.psolve` integrate."""
    profile, facts, beside = known.profile, known.observation.facts, known.observation.beside
    steps = facts.t_stop_ms / facts.dt_ms if facts.dt_ms > 0.0 else 0.0
    if facts.cvode or facts.by_jobs or not steps:
        return
    driven = profile.driven_by_python
    if beside.step_calls or (driven and facts.psolve):
        lines = profile.python.get("run", ()) if driven else ()
        seconds = min(sum(s for _, s in lines), profile.sections[RUN])
        where = f": {', '.join(name for name, _ in lines[:3])}" if lines else ""
        yield Advice(
            "called each step",
            "Let NEURON record what your function reads (Vector.record), instead of calling it at every step.",
            f"functions of the model are called {beside.step_calls:,} times in {steps:,.0f} steps"
            if beside.step_calls
            else f"Python has its turn all through the {steps:,.0f} steps of pc.psolve, by events or between short "
            f"calls of it{where}",
            bound=profile.bound(seconds) if seconds else None,
        )
    elif not facts.psolve:
        cost_s = steps * (LOOP_STEP_S if driven else RUN_STEP_S)
        loop = "a loop of Python" if driven else "run() or a loop of fadvance()"
        yield Advice(
            "psolve",
            "Let pc.psolve integrate.",
            f"{loop} makes {steps:,.0f} steps, which costs some {cost_s:.2g} s of the run section's "
            f"{profile.sections[RUN]:.2g} s",
            PSOLVE[known.hoc],
            profile.bound(min(cost_s, 0.9 * profile.sections[RUN])),
        )
