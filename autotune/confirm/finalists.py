"""Which trials meet the baseline again: those that can be told from it, the most promising first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autotune.store.records import Trial

APART = 2.0  # standard errors by which a trial must look faster: what chance alone does to the best of some thirty


def finalists(trials: Sequence[Trial], most: int, noise: float, minimum_gain: float) -> list[Trial]:
    """The best accepted trials, no two of the same effect, that look faster by the minimum gain and can be told from
    the baseline.

    `noise` is the spread of the log ratio of two neighbouring runs with identical settings.
    """

    def may_pay(trial: Trial) -> bool:
        if trial.ratio is None or trial.ratio >= 1.0 / (1.0 + minimum_gain):
            return False
        return -math.log(trial.ratio) > APART * noise / math.sqrt(len(trial.samples))

    candidates = [t for t in trials if t.accepted and t.changes and t.answered_from is None and may_pay(t)]
    chosen: list[Trial] = []
    for trial in sorted(candidates, key=lambda t: (t.ratio or 1.0, t.number)):
        if all(trial.effective != other.effective for other in chosen):
            chosen.append(trial)
    return chosen[:most]
