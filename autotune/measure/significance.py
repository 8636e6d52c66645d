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
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DISTURBED = 3.0  # a pair is set aside beyond this multiple of the median absolute log ratio
OUTLYING = 5.0  # robust standard deviations beyond which a pair does not count in the interval
SPARE_PAIRS = 1  # so many more slow pairs than fast ones may be set aside before a claim becomes impossible
_MAD_TO_SD = 1.4826  # of a normal distribution
_STUDIES = 1000  # simulated confirmations behind `visible_shift`


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


def recommended_pairs(alpha: float, finalists: int = 1) -> int:
    """`minimum_pairs` and a spare, so that one disturbed pair does not cost the proof."""
    return minimum_pairs(alpha, finalists) + SPARE_PAIRS


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


def speedup_interval(log_speedups: Floats, *, confidence: float, resamples: int, seed: int) -> Interval:
    """Bootstrap interval of the Hodges-Lehmann speed-up, the estimate that belongs to the signed-rank test.

    With few pairs a percentile bootstrap is too narrow. Its level is widened as in Hesterberg (2015), "What teachers
    should know about the bootstrap". Pairs more than `OUTLYING` robust standard deviations from the median are set
    aside, else one disturbed pair of ten makes the interval three times as wide. Ten pairs then hold the truth in
    about 94 % of cases at 95 % asked.
    """
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    log_speedups = log_speedups[_typical(log_speedups)]
    estimate = float(hodges_lehmann(log_speedups))
    low = high = estimate
    if np.ptp(log_speedups) > 0:  # identical pairs have no spread to resample
        widened = _widened(confidence, len(log_speedups))
        bootstrap = stats.bootstrap(
            (log_speedups,),
            hodges_lehmann,
            confidence_level=widened,
            n_resamples=resamples,
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(seed),
        )
        low, high = (float(end) for end in bootstrap.confidence_interval)
    return Interval(math.exp(estimate), math.exp(low), math.exp(high), confidence)


def hodges_lehmann(values: Floats, axis: int = -1) -> Floats:
    """Median of the means of all pairs of values along `axis`."""
    values = np.moveaxis(np.asarray(values), axis, -1)
    first, second = np.triu_indices(values.shape[-1])
    return np.asarray(np.median((values[..., first] + values[..., second]) / 2, axis=-1))


@lru_cache(maxsize=256)
def visible_shift(pairs: int, level: float, power: float) -> float:
    """The smallest true excess that `p_values` proves with probability `power`, in spreads of a pair's log ratio.

    Found by simulation of the test itself on normal noise, since tables ignore the coarse p-values of few pairs.

    Raises:
        ValueError: so few pairs can never reach `level`.
    """
    if pairs < minimum_pairs(level):
        raise ValueError(f"{pairs} pairs cannot reach p < {level:g}; at least {minimum_pairs(level)} are needed")
    noise = np.random.default_rng(0).standard_normal((_STUDIES, pairs))
    low, high = 0.0, 20.0
    while high - low > 0.01:
        middle = (low + high) / 2
        proved = float(np.mean(p_values(noise + middle) < level))
        low, high = (low, middle) if proved >= power else (middle, high)
    return high


def _typical(values: Floats) -> NDArray[np.bool_]:
    distance = np.abs(values - np.median(values))
    scale = _MAD_TO_SD * np.median(distance)
    return np.asarray(distance <= (OUTLYING * scale if scale > 0 else np.inf))


@lru_cache(maxsize=256)
def _widened(confidence: float, pairs: int) -> float:
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    quantile = stats.t.ppf((1 + confidence) / 2, pairs - 1) * math.sqrt(pairs / (pairs - 1))
    return float(1 - 2 * stats.norm.sf(quantile))
