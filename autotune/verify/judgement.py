"""What was found of a run: its verdict, in words and as the numbers that the sampler sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autotune.results import Compared, Where, violation_of, worst
from autotune.store.records import Verdict


@dataclass(frozen=True)
class Judgement:
    """The verdict on a raster; `violation` is what the sampler sees: 0 is feasible, more is further away."""

    verdict: Verdict
    reason: str
    distance: float
    violation: float
    largest_shift_ms: float | None = None
    """Of the spikes that have their partner; None where single spikes are not compared, and without partners."""
    mean_shift_ms: float | None = None
    """Without its sign."""
    where: Where | None = None
    """In what the run differs, if it does."""
    statistics: float | None = None
    """Where it was judged by statistics: how far the worst of them lies from the centre of its band, 1 at the edge."""
    graded: float = 0.0
    """Of an accepted raster: its distance on the scale on which 1 is the border of what is accepted."""
    looked: tuple[Compared, ...] = ()
    """All that was compared, the spikes first."""

    def beside(self, compared: tuple[Compared, ...]) -> Judgement:
        """The same of an accepted raster, beside which these were compared: the farthest of what differs decides."""
        known = replace(self, looked=(*self.looked, *compared))
        farthest = worst(compared)
        if farthest is None:
            return known
        violation = violation_of(farthest.distance)
        return replace(
            known, verdict="diverged", reason=farthest.says, where=farthest.where, violation=violation, graded=0.0
        )
