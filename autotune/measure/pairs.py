"""Scores of runs as ratios to runs made right beside them.

A computer is never equally fast twice: clocks throttle, neighbours come and go. A ratio of neighbouring runs cancels
what both have seen; a ratio to one old baseline does not. This module never runs anything and never averages times
over a whole study.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise


def paired_ratio(before_s: float, trial_s: float, after_s: float) -> float:
    """A trial's time over the geometric mean of the baseline runs right before and after it; below 1 is faster.

    The geometric mean makes a machine that slows down steadily cancel exactly.

    Raises:
        ValueError: a time is not a positive, finite number of seconds.
    """
    before, trial, after = (_log_s(value) for value in (before_s, trial_s, after_s))
    return math.exp(trial - (before + after) / 2)


def log_speedup(baseline_s: float, trial_s: float) -> float:
    """Natural logarithm of baseline time over trial time; above 0 is faster.

    Raises:
        ValueError: a time is not a positive, finite number of seconds.
    """
    return _log_s(baseline_s) - _log_s(trial_s)


def neighbour_log_ratios(wall_s: Sequence[float]) -> tuple[float, ...]:
    """Log ratios of each run to the next in a row of identical runs: what `aa_spread(…, shared_runs=True)` takes.

    Raises:
        ValueError: a time is not a positive, finite number of seconds.
    """
    return tuple(log_speedup(first, second) for first, second in pairwise(wall_s))


def _log_s(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"a wall time must be a positive, finite number of seconds, not {value!r}")
    return math.log(value)
