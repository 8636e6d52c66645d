"""What a knob is. One knob is one small file that serves both sides: the driver asks it for a domain, the agent asks
it to act.

A knob must not import anything but this package: it travels into the user's interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from ..facts import ModelFacts
from ..simulator import Simulator

EXACT = "exact"  # the sorted raster must be identical
ROUND_OFF = "round-off"  # the last bit may change; a chaotic network may then diverge
NUMERICAL = "numerical"  # the numbers change by design
SAFETY_CLASSES = (EXACT, ROUND_OFF, NUMERICAL)  # from the strictest


@dataclass(frozen=True)
class Domain:
    """The values worth trying, the user's own among them, in their natural order."""

    values: Tuple[Any, ...]
    recommended: Tuple[Any, ...] = ()
    """What the published advice would try first, best first; empty when there is no such advice."""
    safety: str = EXACT
    """What the knob may do to the raster of this model."""


@dataclass(frozen=True)
class Excluded:
    """The knob cannot act on this model, for a reason that its user understands."""

    reason: str


@dataclass(frozen=True)
class Built:
    """Mechanisms that the tuner built in its own cache; paths."""

    library: str
    special: str
    coreneuron: str
    """The library of CoreNEURON; empty when it was not asked for."""


@dataclass(frozen=True)
class Start:
    """How the user's command is about to be started; a launch knob returns it changed."""

    launcher: Tuple[str, ...]
    """The launcher's words with its options; empty when serial."""
    program: Tuple[str, ...]
    """The program's words."""
    environment: Dict[str, str]
    built: Optional[Built] = None
    """Mechanisms built for these settings; None where the user's own are right."""
    binding: Dict[str, Tuple[str, ...]] = field(default_factory=dict)
    """LaunchFacts.binding."""


class Knob:
    """Base class: name, the order in which it is applied inside finitialize, and the five things that it can do."""

    name: str = ""
    at_launch: bool = False
    """It is set by starting the command otherwise, not inside finitialize."""
    sticky: bool = False
    """Once a run was made with it, it cannot safely be put back in the same process."""
    replays: bool = True
    """A second run with it in the same process is safe."""
    in_coreneuron: bool = True
    """NEURON hands it over to CoreNEURON (neuron/coreneuron.py)."""
    timed_whole: bool = False
    """NEURON's timers stand still under it: a study that searches it times every run from finitialize on."""
    told_by_run: bool = False
    """What is in effect can be read after a run only."""
    order: int = 0
    """Position in the handler: dt 10, threads 20, queues 30, spike exchange 40, maxstep 50, … (NEURON-specific, see
    docs).
    """
    part: str = "what it acts on"
    """What of a run it could shorten, as the user reads it: "at most 0.4 % of the run is exchange"."""
    needs: str = ""
    """What must be in effect for it to act, as the user reads it; empty when it always acts."""
    given_type: Any = None
    """The type, int or float, of values that a user may give; None when they must be among the domain's own."""

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        """The values to search for this model, or why there are none."""
        raise NotImplementedError

    def given(self, facts: ModelFacts, values: Tuple[Any, ...]) -> Domain | Excluded:
        """The domain with the user's values, beside what the model has now; raises ValueError for an impossible one."""
        domain = self.domain(facts)
        if isinstance(domain, Excluded):
            return domain
        for value in values:
            self._check(value, domain)
        own = facts.baseline.get(self.name, domain.values[0])
        every = [own, *(value for value in values if value != own)]
        recommended = tuple(value for value in domain.recommended if value in every)
        return Domain(tuple(every), recommended, domain.safety)

    def _check(self, value: Any, domain: Domain) -> None:
        kind = self.given_type
        if kind is None:
            if not any(value == known and type(value) is type(known) for known in domain.values):
                raise ValueError("%r is not one of %s" % (value, ", ".join(map(repr, domain.values))))
            return
        if isinstance(value, bool) or not isinstance(value, (int, kind)):
            raise ValueError("%r is not %s" % (value, "a whole number" if kind is int else "a number"))
        if float(value) < 0.0 or (value == 0 and 0 not in domain.values):
            raise ValueError("%r is not possible" % (value,))

    def active(self, settings: Dict[str, Any]) -> bool:
        """Whether the knob can act beside these other settings (gid compression needs spike compression, …)."""
        return True

    def works_in(self, neuron: Tuple[int, ...]) -> bool:
        """Whether the knob has an effect in this version of NEURON."""
        return True

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        """Why this combination must not be tried, or an empty string; `settings` holds every knob that acts."""
        return ""

    def share(self, facts: ModelFacts) -> Optional[float]:
        """The largest share of the run section, 0 to 1, that this knob could save (Amdahl's law); None when unknown."""
        return None

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        """Change how the command is started, on the driver's side; for knobs with `at_launch`."""
        return start

    def launch_depends_on(self, value: Any) -> Tuple[str, ...]:
        """Other knobs whose values `launch` looks at: a process that was started for one of them serves no other."""
        return ()

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        """Set it, inside a type-3 finitialize handler; must be idempotent. Does nothing for a knob that is set at
        launch.
        """
        if not self.at_launch:
            raise NotImplementedError

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        """What is in effect on this rank at the end of a run; `settings` is what was asked for."""
        raise NotImplementedError

    def agree(self, values: Tuple[Any, ...]) -> Any:
        """One value from what all ranks read back; raises ValueError when ranks that must agree do not."""
        if any(value != values[0] for value in values):
            raise ValueError("%s differs between ranks: %s" % (self.name, list(values)))
        return values[0]
