"""Short first: a long model is searched on the beginning of its run. Finalists and claims use the whole of it, and what
is accepted is accepted there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from autotune.agent.knobs import NUMERICAL
from autotune.config import SearchConfig
from autotune.errors import AutotuneError
from autotune.launch.ask import Ask, Runner
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.raster.metrics import identical
from autotune.verify.acceptance import Acceptance

GRID_MS = 2.0  # a multiple of every step on the grid of dt
LEAST_PART = 0.1  # of the run
FEW_SPIKES, FEWEST_SPIKES = 0.25, 20  # share of a raster that may do where it holds few, and so many at least
LONGER = 1.25  # so much longer is the next part that is looked at
WORTH = 0.6  # a part longer than this share of the run saves too little
MOST_FACTOR, SLACK_S = 2.0, 10.0  # a part of the run cannot take much longer than the whole, which took `wall_s`


@dataclass(frozen=True)
class ShortRun:
    """How much of the run the search uses."""

    RECORD: ClassVar[str] = "short"

    stop_ms: float | None = None
    """Where its runs end; None for the whole."""
    note: str = ""


def shorten(
    fresh: Runner, ask: Ask, whole: Acceptance, search: SearchConfig, space: SearchSpace, shown_ms: float = 0.0
) -> ShortRun:
    """Choose the part that the search uses; a run of the baseline shows whether the model can be stopped there, unless
    it has been stopped at `shown_ms` before, no earlier.

    Of a chaotic network the part is long enough for statistics of its own, by the null runs, which are whole; and where
    the numbers are changed it must hold enough for that. And only where the run section is timed: a part of the run
    says little of the whole process, in which set-up counts in full.
    """
    observation, baseline = whole.observation, whole.baseline
    short_s = search.short_s if search.objective == "run" else None
    stop = choose_stop(observation, baseline, short_s, search.short_spikes)
    if stop is None:
        return ShortRun()
    enough = stop if whole.regime == "regular" else _with_statistics(whole, stop)
    if enough is None:
        obstacle = f"a {whole.regime} network is judged by statistics, and a part is too short for them"
    elif NUMERICAL in space.classes and (unproved := whole.until(enough).unproved):
        obstacle = f"up to t = {enough:g} ms {unproved}"
    else:
        stop = enough
        obstacle = "" if stop <= shown_ms else why_not(fresh, ask, baseline, stop, observation.wall_s)
    if obstacle:
        return ShortRun(None, f"the search uses the whole run: {obstacle}")
    return ShortRun(stop, f"the search and its A/A runs end at t = {stop:g} ms; the confirmation uses the whole run")


def choose_stop(observation: Observation, baseline: Raster, short_s: float | None, enough_spikes: int) -> float | None:
    """The t in ms at which the search may end a run, or None where it should use the whole.

    The part lasts about `short_s` seconds, a tenth of the run at least, and holds at least so many spikes or a quarter
    of all, else its raster proves little.
    """
    enough = min(enough_spikes, max(FEWEST_SPIKES, math.ceil(FEW_SPIKES * len(baseline))))
    if short_s is None or observation.run_s <= short_s or observation.finitializes != 1 or len(baseline) < enough:
        return None
    t_stop = observation.facts.t_stop_ms
    by_time = t_stop * short_s / observation.run_s
    by_spikes = float(baseline.times_ms[enough - 1]) + GRID_MS  # the last spikes of a run prove nothing
    stop = math.ceil(max(by_time, by_spikes, LEAST_PART * t_stop) / GRID_MS) * GRID_MS
    return stop if stop < WORTH * t_stop else None


def _with_statistics(whole: Acceptance, stop_ms: float) -> float | None:
    """The end of a part, `stop_ms` or later, by which the null runs of a chaotic network have parted and have
    statistics; None if there is none that saves enough, or if the model does not reproduce itself. Where the whole run
    has no statistics nothing but the same spikes are accepted, of any part.
    """
    if whole.regime == "chaotic" and whole.spikes.band is None:
        return stop_ms
    while whole.regime == "chaotic" and stop_ms < WORTH * whole.observation.facts.t_stop_ms:
        if whole.until(stop_ms).spikes.has_statistics:
            return stop_ms
        stop_ms = math.ceil(LONGER * stop_ms / GRID_MS) * GRID_MS
    return None


def why_not(fresh: Runner, ask: Ask, baseline: Raster, stop_ms: float, wall_s: float) -> str:
    """Why this model cannot be stopped early, or an empty string: its raster up to there must be the baseline's."""
    try:
        run = fresh.run(replace(ask, stop_ms=stop_ms, limit_s=min(ask.limit_s, MOST_FACTOR * wall_s + SLACK_S)))
    except AutotuneError as failure:
        return f"it fails when it is stopped early: {failure.message}"
    if abs(run.t_ms - stop_ms) > 1.5 * run.first.dt_ms:
        return f"it went on to t = {run.t_ms:g} ms"
    if not identical(run.raster, baseline.window(-math.inf, stop_ms)):
        return "its raster is another one when it is stopped early"
    return ""
