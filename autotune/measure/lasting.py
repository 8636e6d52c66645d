"""Does the baseline change its speed for good? A throttled clock or a new neighbour, told from drift and bursts.

Pairs keep such a change out of every ratio; but a time of before it and one of after it must not be averaged, and the
user should know. This module reads times, and never corrects one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autotune.measure.significance import Floats

FEWEST = 6  # runs on either side: a burst is shorter
LEAST = 0.1  # log: a change of less than a tenth is no news
TIMES_NOISE = 4.0  # the change must be so many spreads of either side
APART = (
    0.9  # so large a share of the runs after it must be on the one side of the middle, and of those before on the other
)
_MAD_TO_SD = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Lasting:
    """From run `at` on the baseline takes `factor` times as long as before, to the last of the runs."""

    at: int
    factor: float


def lasting_change(times_s: Sequence[float]) -> Lasting | None:
    """The largest change of a row of baseline times, in their order, that lasts to its end; None without one."""
    logs = np.log(np.asarray(times_s, dtype=float))
    best: Lasting | None = None
    for at in range(FEWEST, len(logs) - FEWEST + 1):
        before, after = logs[:at], logs[at:]
        change = float(np.median(after) - np.median(before))
        spread = max(_spread(before), _spread(after))
        if abs(change) < max(LEAST, TIMES_NOISE * spread) or not _apart(before, after, change):
            continue
        if best is None or abs(change) > abs(math.log(best.factor)):
            best = Lasting(at, math.exp(change))
    return best


def _apart(before: Floats, after: Floats, change: float) -> bool:
    """Whether nearly all runs lie on their side of the middle, also the last ones: it has not gone away again."""
    middle, sign = (np.median(before) + np.median(after)) / 2, math.copysign(1.0, change)
    last = after[-FEWEST // 2 :]
    ends = (np.mean(sign * (before - middle) < 0), np.mean(sign * (after - middle) > 0))
    return bool(min(ends) >= APART and np.all(sign * (last - middle) > 0))


def _spread(logs: Floats) -> float:
    return _MAD_TO_SD * float(np.median(np.abs(logs - np.median(logs))))
