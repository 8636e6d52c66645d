"""What can be said of several starts by the sizes and signs of their log ratios alone.

In each pair of neighbouring runs a fair coin decides which runs first. If a candidate is not faster than the minimum
worthwhile gain, swapping the coin flips the sign of the pair's log ratio and changes nothing else, whatever drift,
bursts or autocorrelation the machine has. The exact signed-rank test (Wilcoxon 1945) needs no more than that. A pair
whose log ratio is more than `DISTURBED` times the median in absolute value was hit by something (a load that started
between its two runs) and is set aside. That looks at sizes only, never at signs, so the coin argument still holds. When
to look, and what else is asked, is the matter of `sequential.py`.

This module never runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DISTURBED = 3.0  # a pair is set aside beyond this multiple of the median absolute log ratio
SPARE_PAIRS = 1  # so many more slow pairs than fast ones may be set aside before a claim becomes impossible


@dataclass(frozen=True)
class Interval:
    """A speed-up, baseline time over trial time (above 1 is faster), with its confidence interval."""

    estimate: float
    low: float
    high: float
    confidence: float


def alpha_after(earlier: int, alpha: float) -> float:
    """The error rate that is left for a confirmation after so many earlier ones of the same study.

    Each has half of that of the one before, so that all together make fewer false claims than 2 alpha, however often a
    study is made longer.
    """
    return alpha / 2.0**earlier


def undisturbed(excess: Floats) -> NDArray[np.bool_]:
    """Which pairs count, by the size of `excess` (…, pairs), the log speed-ups less the log of the minimum gain."""
    size = np.abs(excess)
    return np.asarray(size <= DISTURBED * np.median(size, axis=-1, keepdims=True))


def p_values(excess: Floats) -> Floats:
    """One-sided p-value of each row of `excess` (rows, pairs): the chance of such luck with no true excess."""
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    kept = undisturbed(excess)
    counts = kept.sum(axis=1)
    result = np.ones(len(excess))
    for count in np.unique(counts):
        rows = counts == count
        values = excess[rows][kept[rows]].reshape(-1, count)
        result[rows] = stats.wilcoxon(values, axis=1, alternative="greater", method="exact").pvalue
    slow, fast = ((~kept & side).sum(axis=1) for side in (excess < 0, excess > 0))
    result[slow - fast > SPARE_PAIRS] = 1.0  # disturbances hit both sides; what is slow by itself is no disturbance
    return result
