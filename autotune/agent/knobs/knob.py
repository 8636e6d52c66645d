"""What a knob is. One knob is one small file that serves both sides: the driver asks it what it is and what it needs,
the agent asks it to act.

What a knob claims of itself it says in so many words: there is no default that could be wrong. It imports nothing but
this package, for it travels into the user's interpreter; what it needs on the driver's side only, from agent/driver, it
imports where it needs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Collection, Dict, Optional, Tuple

from ..simulator import Simulator

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.start import BuildWish, Start
    from ..driver.written import Tuned, Written

MOST = 1e9  # beyond every rank, thread, step and count that a knob can have
EXACT = "exact"  # the sorted raster must be identical
ROUND_OFF = "round-off"  # the last bit may change; a chaotic network may then diverge
NUMERICAL = "numerical"  # the numbers change by design
SAFETY_CLASSES = (EXACT, ROUND_OFF, NUMERICAL)  # from the strictest


class Lifetime(Enum):
    """When a knob is set, and for how long."""

    FINITIALIZE = "inside finitialize, for one run"
    STICKY = "inside finitialize; put back in the same process, it is not safe"
    START = "when the command is started"
    BUILD = "when the command is started, with mechanisms that are built for it"


class InSession(Enum):
    """How far a session, many runs in one process, may use a knob."""

    FREELY = "as any other setting"
    CHECKED = "with a replay of the model's own settings right after it"
    ONCE = "for one run in a process: a second one is not safe, so only copies of a process may use it"


class ToldBy(Enum):
    """What tells the value that is in effect."""

    NEURON = "NEURON, at any time"
    RUN = "NEURON, but after a run only"
    EXCHANGES = "the number of spike exchanges, which must be counted"
    REQUEST = "nothing but what was asked for, where it is possible"


@dataclass(frozen=True)
class Domain:
    """The values worth trying, the user's own among them, in their natural order."""

    values: Tuple[Any, ...]
    recommended: Tuple[Any, ...] = ()
    """What the published advice would try first, best first; empty when there is no such advice."""
    safety: str = EXACT
    """What the knob may do to the raster of this model; `classes` holds the values that may do more."""
    classes: Tuple[Tuple[Any, str], ...] = ()
    """Values that are of another class, each with it."""

    def safety_of(self, value: Any) -> str:
        """What this value may do to the raster."""
        return next((safety for other, safety in self.classes if other == value), self.safety)

    @property
    def every_class(self) -> Tuple[str, ...]:
        """The classes of its values, from the strictest."""
        found = {self.safety_of(value) for value in self.values}
        return tuple(safety for safety in SAFETY_CLASSES if safety in found)


@dataclass(frozen=True)
class Excluded:
    """The knob cannot act on this model, for a reason that its user understands."""

    reason: str


class Knob(ABC):
    """Base class: what every knob says of itself, and what it can do."""

    name: ClassVar[str]
    lifetime: ClassVar[Lifetime]
    in_session: ClassVar[InSession]
    in_coreneuron: ClassVar[bool]
    """It acts under CoreNEURON too: NEURON hands it over (neuron/coreneuron.py), or it acts outside of the engine."""
    told_by: ClassVar[ToldBy]
    keeps_timers: ClassVar[bool]
    """NEURON's own timers go on beside it, so that the run section can be timed by them."""
    order: ClassVar[int]
    """Position in the handler: dt 10, threads 20, queues 30, spike exchange 40, maxstep 50, … (NEURON-specific, see
    docs). Of knobs that are set inside finitialize.
    """
    part: ClassVar[str] = "what it acts on"
    """What of a run it could shorten, as the user reads it: "at most 0.4 % of the run is exchange"."""
    needs: ClassVar[str] = ""
    """What must be in effect for it to act, as the user reads it; empty when it always acts."""
    given_type: ClassVar[Any] = None
    """The type, int or float, of values that a user may give; None when they must be among the domain's own."""

    def __init_subclass__(cls) -> None:
        said = vars(cls)
        owed = [
            "name",
            "lifetime",
            "in_session",
            "in_coreneuron",
            "told_by",
            "keeps_timers",
            "domain",
            "written",
            "read_back",
        ]
        if said.get("lifetime") in (Lifetime.FINITIALIZE, Lifetime.STICKY) or "apply" in said:
            owed += ["order", "apply"]
        if said.get("lifetime") is Lifetime.BUILD:
            owed += ["build"]
        if "launch" in said:
            owed += ["launch_depends_on"]
        if said.get("told_by") in (ToldBy.EXCHANGES, ToldBy.REQUEST):
            owed += ["not_put_back"]
        missing = [name for name in owed if name not in said]
        if missing:
            raise TypeError("%s does not say: %s" % (cls.__name__, ", ".join(missing)))

    @property
    def at_launch(self) -> bool:
        """It is set by starting the command otherwise."""
        return self.lifetime in (Lifetime.START, Lifetime.BUILD)

    @property
    def sticky(self) -> bool:
        """Once a run was made with it, it cannot safely be put back in the same process."""
        return self.lifetime is Lifetime.STICKY

    @property
    def replays(self) -> bool:
        """A second run with it in the same process is safe."""
        return self.in_session is not InSession.ONCE

    @property
    def told_by_run(self) -> bool:
        """What is in effect can be read after a run only."""
        return self.told_by is ToldBy.RUN

    # What the driver asks.

    @abstractmethod
    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        """The values to search for this model, or why there are none."""

    def given(self, facts: ModelFacts, values: Tuple[Any, ...]) -> Domain | Excluded:
        """The domain with the user's values, beside what the model has now; raises ValueError for an impossible one."""
        from ..driver.given import with_values

        return with_values(self, facts, values)

    def possible(self, value: Any) -> bool:
        """Whether an answer that somebody passed on may hold this value: a switch or a number that any model could
        have. A knob whose values are words names all that there are, since a word may be a flag or a path.
        """
        return value is None or (isinstance(value, (bool, int, float)) and abs(value) < MOST)

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

    def ranks(self, value: Any) -> Optional[int]:
        """The number of ranks that this value asks for; None where it asks for none."""
        return None

    def build(self, wish: BuildWish, value: Any) -> BuildWish:
        """What this value needs to be built, beside what other knobs wish."""
        return wish

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        """Change how the command is started."""
        return start

    def launch_depends_on(self, value: Any) -> Tuple[str, ...]:
        """Other knobs whose values `launch` looks at: a process that was started for one of them serves no other."""
        return ()

    @abstractmethod
    def written(self, value: Any, tuned: Tuned) -> Written:
        """How this value is written by hand, beside the other settings; what `apply` does inside a handler, and in
        words what it takes to start the command so.
        """

    def finer(self, own: Any, divisor: int) -> Any:
        """The value at which the numbers are finer than with `own` by this divisor; None for a knob that refines
        nothing.
        """
        return None

    def took(self, asked: Any, effective: Any) -> bool:
        """Whether what is in effect is what was asked for."""
        return bool(asked == effective)

    def not_put_back(self, facts: ModelFacts, searched: Collection[str]) -> str:
        """Why a session over the `searched` knobs could not put back what the model itself has set, or an empty
        string.
        """
        return ""

    def agree(self, values: Tuple[Any, ...]) -> Any:
        """One value from what all ranks read back; raises ValueError when ranks that must agree do not."""
        if any(value != values[0] for value in values):
            raise ValueError("%s differs between ranks: %s" % (self.name, list(values)))
        return values[0]

    # What the agent asks.

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:  # noqa: B027 - of START and BUILD
        """Set it, inside a type-3 finitialize handler; must be idempotent. Does nothing for a knob that is set at
        launch.
        """

    @abstractmethod
    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        """What is in effect on this rank at the end of a run; `settings` is what was asked for."""

    def rest(self, sim: Simulator, value: Any) -> None:  # noqa: B027 - most leave nothing running
        """Leave nothing running while the process waits for its next run."""
