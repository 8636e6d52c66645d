"""The statistics of one claim: is this faster, by how much, and how many pairs does it take to say so.

The test. In each pair of neighbouring runs a fair coin decides which runs first. If a candidate is not faster than
the minimum worthwhile gain, swapping the coin flips the sign of the pair's log ratio and changes nothing else,
whatever drift, bursts or autocorrelation the machine has. The exact signed-rank test (Wilcoxon 1945) needs no more
than that; a t-test needs independent normal noise. A pair whose log ratio is more than `DISTURBED` times the median
in absolute value was hit by something (a load that started between its two runs) and is set aside. That looks at
sizes only, never at signs, so the coin argument still holds.

The evidence is `benchmarks/decision_rules.py`. With ten pairs, noise of 1 %, rare bursts and a load that starts at a
random moment, a gain of 10 % was proved in 71 % of confirmations by Wilcoxon on all pairs, in 94 % with the disturbed
pair set aside, in 70 % by the sign test and in 45 % by the t-test. False claims stayed below alpha for all of them.

This module never runs anything, and never claims more than the corrected p-value allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def minimum_pairs(alpha: float, finalists: int = 1) -> int:
    """The fewest pairs with which one of `finalists` can be proved at all: n with finalists / 2^n < alpha.

    Raises:
        ValueError: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha!r}")
    return math.floor(math.log2(max(finalists, 1) / alpha)) + 1


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


def holm(p: Sequence[float], family: int | None = None) -> tuple[float, ...]:
    """p-values corrected for asking several questions at once (Holm 1979), in the order given.

    `family` counts the questions asked if some have no p-value; they count as failed.
    """
    family = len(p) if family is None else family
    corrected = [1.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (family - rank) * p[index]))
        corrected[index] = largest
    return tuple(corrected)
