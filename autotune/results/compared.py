"""The record of what was compared: one `Compared` for the spikes, each file, each trace, and what else was looked at.

Every distance is on one scale, on which 1 is the border of what is accepted, so that the constraint that the sampler
sees is that of the largest. What could not be compared says so, and never counts as the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Where = Literal["spikes", "file", "trace", "callbacks", "output"]
"""In what a run differs from the baseline."""
State = Literal["identical", "within", "different", "not compared"]

FARTHEST = 1e9
"""The distance of what is different and cannot be graded."""
LEAST_VIOLATION = 1e-6
MOST_KEPT = 20
COUNTED: tuple[Where, ...] = ("spikes", "file", "trace")
"""What is counted in words; calls and printed lines are named where they differ only."""
_ONE: dict[Where, str] = {"spikes": "spike", "file": "file", "trace": "trace", "callbacks": "call", "output": "line"}


@dataclass(frozen=True)
class Compared:
    """One thing of a run beside the same of the user's own run."""

    where: Where
    name: str
    """Of the file or trace, for the user; empty where it stands for several."""
    state: State
    distance: float = 0.0
    """From the user's own run: 0 is the same, 1 the border of what is accepted, FARTHEST the largest."""
    says: str = ""
    """How it differs, or why it was not compared; empty if there is nothing to say."""
    number: int = 1
    """For how many it stands: spikes, files, traces."""


def worst(compared: Iterable[Compared]) -> Compared | None:
    """Of what is different the farthest, the first of several; None where nothing is."""
    return max((each for each in compared if each.state == "different"), key=lambda each: each.distance, default=None)


def violation_of(distance: float) -> float:
    """The sampler's constraint of a distance beyond the border: 1 - 1/distance, above 0 and at most 1."""
    return 1.0 if distance >= FARTHEST else max(LEAST_VIOLATION, 1.0 - 1.0 / max(distance, 1.0))


def distance_of(violation: float) -> float:
    """The distance of a constraint: the inverse of `violation_of`."""
    return FARTHEST if violation >= 1.0 else min(FARTHEST, 1.0 / (1.0 - violation))


def condensed(compared: Sequence[Compared]) -> tuple[Compared, ...]:
    """The same for a record: what is identical becomes one a kind, of the rest at most twenty are named."""
    others = [each for each in compared if each.state != "identical"]
    alike: dict[Where, int] = {}
    for each in compared:
        if each.state == "identical":
            alike[each.where] = alike.get(each.where, 0) + each.number
    same = tuple(Compared(where, "", "identical", number=number) for where, number in alike.items())
    kept, rest = others[:MOST_KEPT], others[MOST_KEPT:]
    summed: dict[tuple[Where, State], Compared] = {}
    for each in rest:
        before = summed.get((each.where, each.state), Compared(each.where, "", each.state, number=0))
        distance, number = max(before.distance, each.distance), before.number + each.number
        summed[each.where, each.state] = replace(before, distance=distance, number=number)
    return (*same, *kept, *summed.values())


def in_words(compared: Sequence[Compared]) -> str:
    """What was looked at, in a line: "1,599 spikes, 3 files: identical"; empty where nothing is known of it."""
    looked = [each for each in compared if each.where in COUNTED and each.state != "not compared"]
    if not looked:
        return _left_out(compared)
    counts = {where: sum(each.number for each in looked if each.where == where) for where in COUNTED}
    what = ", ".join(_counted(number, where) for where, number in counts.items() if number)
    return "; ".join(filter(None, (f"{what}: {_outcome(looked)}", _left_out(compared))))


def _outcome(looked: Sequence[Compared]) -> str:
    if any(each.state == "different" for each in looked):
        return "different"
    within = [each for each in looked if each.state == "within"]
    if not within:
        return "identical"
    return f"within {max(each.distance for each in within):.2g} of what is accepted"


def _counted(number: int, where: Where) -> str:
    return f"{number:,} {_ONE[where]}{'s' * (number != 1)}"


def _left_out(compared: Sequence[Compared]) -> str:
    names = [each.name or _counted(each.number, each.where) for each in compared if each.state == "not compared"]
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"not compared: {', '.join(names[:3])}{more}"
