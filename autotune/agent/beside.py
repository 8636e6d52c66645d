"""What a run does beside spikes: what it calls and what it records. It is written into the report of a fresh run, which
the driver compares with those of the baseline (verify/beside.py); and it tells what CoreNEURON would leave out.

Nothing of the model is called or changed here.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from .callbacks import InterpreterEvents, SpikeFunctions, StepFunctions
from .engine import ran
from .protocol import RunSection
from .recorders import AT_INTERVALS, AT_TIMES, IN_STEPS, Recorders, Row
from .simulator import Simulator


class Beside:
    """Of one process: begin() at the end of finitialize, end() when the pass is over."""

    def __init__(self, sim: Simulator, functions: SpikeFunctions, recorders: Recorders) -> None:
        self._sim = sim
        self._steps = StepFunctions(sim)
        self._events = InterpreterEvents(sim)
        self._spikes = functions
        self._recorders = recorders
        self._transitions = sim.library.template("StateTransitionEvent")
        self._at_begin = self._functions()

    def begin(self) -> None:
        """finitialize has ended."""
        self._events.begin()
        self._at_begin = self._functions()

    def obstacle(self) -> str:
        """What CoreNEURON would leave out without a word, or with one that nobody reads; an empty string for nothing.
        Of begin() and of the end, each may see what the other cannot.
        """
        kinds = set(self._recorders.kinds())
        scattered, block, at_spikes, transitions = self._functions()
        found = {
            "a function that is called at every step (CVode.extra_scatter_gather)": scattered,
            "a function that is called at every step (nonvint_block_supervisor)": block,
            "events of the interpreter after finitialize (CVode.event)": self._events.any(),
            "a function that is called at a spike (NetCon.record)": at_spikes,
            "a StateTransitionEvent": transitions,
            "a Vector that records at given times": AT_TIMES in kinds,
            "a Vector that records at an interval of its own": AT_INTERVALS in kinds,
            "a Vector that is played in steps": IN_STEPS in kinds,
        }
        return next(("the model has " + what for what, there in found.items() if there), "")

    def end(self, section: RunSection, recorded: List[Row]) -> Dict[str, Any]:
        """What this pass did, as far as it can be told, and what it `recorded`."""
        # A function that ends takes with it what it has made; a script may add something after finitialize.
        scattered, block, at_spikes, transitions = map(max, zip(self._at_begin, self._functions()))
        by_neuron = not ran(self._sim)
        steps = (section.t_stop_ms - section.t_start_ms) / section.dt_ms if section.dt_ms else 0.0
        return {
            "step_calls": round((scattered + block) * steps) if by_neuron else 0,
            "spike_functions": at_spikes if by_neuron else 0,
            "transitions": transitions if by_neuron else 0,
            "events": self._events.executed(),
            "events_left": self._events.left(),
            "vectors": recorded,
        }

    def _functions(self) -> Tuple[int, int, int, int]:
        """How many there are at steps, in NEURON's two ways, at spikes, and at transitions."""
        transitions = self._transitions.count if self._transitions is not None else 0
        return self._steps.scattered(), int(self._steps.block()), self._spikes.count(), transitions


def joined(one: Dict[str, Any], other: Dict[str, Any]) -> Dict[str, Any]:
    """What two passes did."""
    if not one or not other:
        return one or other
    both = {name: one[name] + other[name] for name in one}
    rows: Dict[Any, Row] = {}
    for row in both["vectors"]:
        known = rows.setdefault((row[0], row[1]), [*row[:2], *[0] * len(row[2:])])
        known[2:] = [a + b for a, b in zip(known[2:], row[2:])]
    return dict(both, vectors=_sorted(rows))


def _sorted(rows: Dict[Any, Row]) -> List[Row]:
    return [rows[key] for key in sorted(rows)]
