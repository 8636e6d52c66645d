"""A second look at what leads a search: pairs beside the user's own settings that did not help to choose it.

Chance makes the best of some thirty trials look faster, and to say so takes many fresh processes. Where the model
replays, a few more pairs cost a run or two. What does not look faster in these is no finalist. They prove nothing, and
no claim rests on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import ClassVar

from autotune.search.simplify import gains_over, may_pay, winner
from autotune.search.trial import TrialRunner
from autotune.settings import UNCHANGED
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial

CLEAR = 4.0  # standard errors by which a trial is beyond what chance does to the best of some thirty
STILL = 1.0  # standard errors by which it must look faster in pairs of its own


@dataclass(frozen=True)
class SecondLook:
    """What it has shown."""

    RECORD: ClassVar[str] = "second_look"

    gains: dict[int, tuple[float, ...]] = field(default_factory=dict)
    """By trial: the log ratio of the user's own time to its time, of each pair."""
    dropped: tuple[int, ...] = ()
    """The trials that are no finalists for it."""
    refused: dict[int, str] = field(default_factory=dict)
    """The trials whose whole run was not accepted (whole_look.py), and why."""
    whole: int | None = None
    """The one whose whole run was."""
    whole_runs: int = 0

    def left(self, trials: Sequence[Trial]) -> list[Trial]:
        """Those that may be finalists."""
        return [trial for trial in trials if trial.number not in {*self.dropped, *self.refused}]


def second_look(
    runner: TrialRunner, folder: StudyFolder, trials: Sequence[Trial], noise: float, minimum_gain: float, most: int
) -> SecondLook:
    """Look at the leading trials again, `most` of them, until one still looks faster; what was looked at before counts.
    `noise` is the spread of the log ratio of two neighbouring runs with identical settings.
    """
    seen = folder.read(SecondLook) or SecondLook()
    while len(seen.dropped) < most:
        best = winner(seen.left(trials))
        if best is None or best.number in seen.gains or not _may_be_chance(best, noise, minimum_gain):
            break
        gains = gains_over(runner, UNCHANGED, best.changes) if runner.may_replay(best.changes) else None
        if gains is None:
            break
        out = (*seen.dropped, best.number) if not still_faster(gains, noise, minimum_gain) else seen.dropped
        seen = replace(seen, gains={**seen.gains, best.number: tuple(gains)}, dropped=out)
        folder.write(seen)
    return seen


def still_faster(gains: Sequence[float], noise: float, minimum_gain: float) -> bool:
    """Whether pairs of log ratios look faster by the minimum gain and by more than their noise; half of them at most
    may be hit by bursts.
    """
    return median(gains) > max(math.log1p(minimum_gain), STILL * noise / math.sqrt(len(gains)))


def _may_be_chance(trial: Trial, noise: float, minimum_gain: float) -> bool:
    if trial.ratio is None or not may_pay(trial, noise, minimum_gain):
        return False
    return -math.log(trial.ratio) < CLEAR * noise / math.sqrt(len(trial.samples))
