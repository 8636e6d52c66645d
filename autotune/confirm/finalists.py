"""Which trials meet the baseline again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autotune.store.records import Trial


def finalists(trials: Sequence[Trial], most: int, noise: float, minimum_gain: float) -> list[Trial]:
    """The best accepted trials, no two of the same effect, that may be faster by the minimum gain.

    `noise` is the upper bound of the spread of one log ratio: a trial may really be that much better than it looked.
    """

    def may_pay(trial: Trial) -> bool:
        if trial.ratio is None or trial.ratio >= 1.0:
            return False
        better = trial.ratio * math.exp(-noise / math.sqrt(len(trial.samples)))
        return better < 1.0 / (1.0 + minimum_gain)

    candidates = [t for t in trials if t.accepted and t.changes and t.answered_from is None and may_pay(t)]
    chosen: list[Trial] = []
    for trial in sorted(candidates, key=lambda t: (t.ratio or 1.0, t.number)):
        if all(trial.effective != other.effective for other in chosen):
            chosen.append(trial)
    return chosen[:most]
