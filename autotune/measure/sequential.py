"""Look after every start, and stop as soon as a gain is proved or cannot be proved any more at a reasonable price.

What is looked at. Each fresh start of the model gives one number: the mean of its pairs' log speed-ups less the log of
the minimum worthwhile gain, with a fair coin for the order in each pair. A candidate that is no better makes these
numbers symmetric about 0 or below, whatever drift, bursts or load the machine has.

The rule. From four starts on, a t statistic whose standard error is never taken to be smaller than the study's own A/A
pairs say (`floor`); from eight on also the exact signed-rank test of `significance.py`, which one disturbed start costs
less. A claim on few starts rests on the scale of the noise, since no sign or rank test can reach alpha with them; the
floor bounds it. What a new process draws anew (where its memory lies, which core it gets) is the same in all pairs of a
start, and A/A pairs of one session do not show it: until a coin would fall on one side so often with half of alpha
(eight starts at 0.01), the floor is `BETWEEN_STARTS` at least, however many pairs a start has. So a setting that runs
in one of two modes up to a fifth apart, as a coin says, is not claimed on a few lucky starts.

Every look may spend a fifth of alpha: the looks are so much alike that all together spend less than alpha.
Group-sequential testing with the same level at each look is Pocock's (1977, Biometrika 64:191).

The evidence is `benchmarks/decision_rules.py`. At the least favourable truth, a gain of just the minimum, 0.4 to 0.5 %
of 2,000 simulated proofs claimed something on quiet, drifting, bursting, heavy-tailed and suddenly loaded machines, and
1.7 % where settings run in two modes; with no gain at all 0.0 to 0.2 %, and 0.4 %.

This module never runs anything, and never looks at what a run gave beside its time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autotune.measure.significance import Floats, Interval, p_values

FEWEST_STARTS = 4  # every claim rests on at least so many fresh starts
BETWEEN_STARTS = 0.05  # log; what starts may differ by, whatever the A/A pairs of one of them say
FEWEST_RANKED = 8  # with fewer a signed-rank test cannot reach the level of a look
SHARE = 5.0  # each look spends alpha over this
HOPELESS = 2.0  # standard errors by which a gain may be better than it looks, before it is given up
FEWEST_TO_GIVE_UP = 4
_FURTHEST = 60.0  # standard errors below the mean, where the search for a lower limit begins
_MAD_TO_SD = 1.4826  # of a normal distribution

Decision = Literal["proved", "not worth it", "hopeless", "no more starts", "go on"]


@dataclass(frozen=True)
class Look:
    """What the starts so far say of one finalist."""

    decision: Decision
    speedup: Interval
    p_value: float
    """Of the whole sequence: the smallest so far, times the number of levels that it is shared between; at most 1."""
    starts: int

    @property
    def proved(self) -> bool:
        return self.decision == "proved"


@dataclass(frozen=True)
class Rule:
    """When to stop, and what may be claimed then."""

    alpha: float = 0.01
    minimum_gain: float = 0.02
    """Smallest worthwhile gain as speed-up less one."""
    confidence: float = 0.95
    most_starts: int = 16
    floor: float = 0.0
    """The spread of the log ratio of two neighbouring runs with identical settings, from this study's own A/A pairs;
    the standard deviation of a start with one pair is never taken to be less.
    """

    def look(self, log_speedups: Sequence[float], pairs: Sequence[int] | None = None) -> Look:
        """Judge one finalist by the mean log speed-up of each of its starts, in the order in which they were made, with
        how many pairs each has (default: one).

        Raises:
            ValueError: no start yet, or more than there may be.
        """
        if not 1 <= len(log_speedups) <= self.most_starts:
            raise ValueError(f"from 1 to {self.most_starts} starts can be judged, not {len(log_speedups)}")
        starts = _Starts(np.asarray(log_speedups, dtype=float), np.asarray(pairs or [1] * len(log_speedups)), self)
        p_value = starts.p_value()
        decision = starts.decision(p_value)
        return Look(decision, starts.interval(claimed=decision == "proved"), p_value, len(log_speedups))

    def visible_gain(self, starts: int | None = None, pairs: int = 1) -> float:
        """The gain that so many starts (default: the most) of so many pairs are expected to prove, at the noise of
        `floor`.
        """
        n = self.most_starts if starts is None else starts
        quantile = _t_quantile(1 - self.alpha / SHARE, n - 1)
        spread = max(self.floor / math.sqrt(pairs), self.least_spread(n))
        return (1 + self.minimum_gain) * math.exp(quantile * spread / math.sqrt(n)) - 1

    def starts_for(self, gain: float, pairs: int = 1) -> int | None:
        """How many starts are expected to prove this gain at the noise of `floor`; None if the most do not."""
        possible = range(FEWEST_STARTS, self.most_starts + 1)
        return next((n for n in possible if self.visible_gain(n, pairs) <= gain), None)

    @property
    def fewest_without_scale(self) -> int:
        """So many starts, all on one side, have half of alpha as their chance, whatever the scale of the noise: 8 for
        an alpha of 0.01."""
        return math.ceil(math.log2(2 / self.alpha))

    def least_spread(self, starts: int) -> float:
        """What the spread between so many starts is never taken to be less than, for a claim."""
        return BETWEEN_STARTS if starts < self.fewest_without_scale else 0.0


@dataclass(frozen=True)
class _Starts:
    """The starts of one finalist, looked at by a rule."""

    logs: Floats
    pairs: NDArray[np.int_]
    rule: Rule

    def decision(self, p_value: float) -> Decision:
        if p_value < self.rule.alpha:
            return "proved"
        if len(self) >= FEWEST_STARTS and self._upper_limit() < 0:
            return "not worth it"
        if FEWEST_TO_GIVE_UP <= len(self) < self.rule.most_starts and self._hopeless():
            return "hopeless"
        return "no more starts" if len(self) == self.rule.most_starts else "go on"

    def p_value(self) -> float:
        """Of the whole sequence: the smallest of all looks so far, times the share that each may spend."""
        from scipy import stats  # here, because it takes longer to import than everything else of ours

        looks = [self._excess[:n] for n in range(FEWEST_STARTS, len(self) + 1)]
        t = [excess.mean() / self._standard_error(excess, claimed=True) for excess in looks]
        by_t = stats.t.sf(t, [len(excess) - 1 for excess in looks])
        ranked = [_ranked(tuple(excess)) for excess in looks if len(excess) >= FEWEST_RANKED]
        return min(1.0, SHARE * min((*map(float, by_t), *ranked), default=1.0))

    def interval(self, *, claimed: bool) -> Interval:
        """Student's interval with the floor. What is claimed was lucky on a machine where such gains are seldom proved:
        its lower limit is as low as that of the interval given that it was claimed, but never below the minimum gain,
        which was proved (`benchmarks/decision_rules.py`).
        """
        mean, confidence = float(self.logs.mean()), self.rule.confidence
        half = _t_quantile((1 + confidence) / 2, max(1, len(self) - 1)) * self._standard_error(self.logs, claimed=True)
        low = mean - half
        if claimed:
            low = min(low, max(math.log1p(self.rule.minimum_gain), self._low_given_claim()))
        return Interval(math.exp(mean), math.exp(low), math.exp(mean + half), confidence)

    def _low_given_claim(self) -> float:
        """The lower limit of the true log speed-up, given that the mean came out above what the t test asks for: of a
        normal distribution cut off there (Zhong & Prentice 2008, Biostatistics 9:621). Minus infinity where the mean
        lies below it, as in a claim by the signed-rank test.
        """
        from scipy import optimize, stats  # here, because they take longer to import than everything else of ours

        n, mean = len(self), float(self.logs.mean())
        error = self._standard_error(self.logs)
        needed = _t_quantile(1 - self.rule.alpha / SHARE, n - 1) * self._standard_error(self.logs, claimed=True)
        least = math.log1p(self.rule.minimum_gain) + needed
        if mean <= least:
            return -math.inf
        level = math.log((1 - self.rule.confidence) / 2)

        def too_likely(truth: float) -> float:
            above, claimed = stats.norm.logsf((np.array([mean, least]) - truth) / error)
            return float(above - claimed - level)

        lowest = mean - _FURTHEST * error
        return lowest if too_likely(lowest) > 0 else float(optimize.brentq(too_likely, lowest, mean))

    def __len__(self) -> int:
        return len(self.logs)

    @property
    def _excess(self) -> Floats:
        return self.logs - math.log1p(self.rule.minimum_gain)

    def _floor(self, n: int) -> float:
        """Of the spread between the first `n` starts, by the mean of what their pairs leave of it."""
        return max(self.rule.floor, float(np.finfo(float).tiny)) * math.sqrt(float(np.mean(1 / self.pairs[:n])))

    def _standard_error(self, values: Floats, *, claimed: bool = False) -> float:
        n = len(values)
        spread = float(values.std(ddof=1)) if n > 1 else 0.0
        return max(spread, self._floor(n), self.rule.least_spread(n) if claimed else 0.0) / math.sqrt(n)

    def _upper_limit(self) -> float:
        """Of the excess, one-sided, 97.5 %."""
        quantile = _t_quantile(0.975, len(self) - 1)
        return float(self._excess.mean()) + quantile * self._standard_error(self._excess)

    def _hopeless(self) -> bool:
        """Whether even the most starts would not prove it, if it were somewhat better than it looks; by median and
        spread that one disturbed start does not spoil.
        """
        middle = float(np.median(self._excess))
        spread = _MAD_TO_SD * float(np.median(np.abs(self._excess - middle)))
        spread = max(spread, self._floor(len(self)))
        better = middle + HOPELESS * spread / math.sqrt(len(self))
        needed = _t_quantile(1 - self.rule.alpha / SHARE, self.rule.most_starts - 1)
        return better / (spread / math.sqrt(self.rule.most_starts)) < needed


@cache
def _t_quantile(level: float, freedom: int) -> float:
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    return float(stats.t.ppf(level, freedom))


@lru_cache(maxsize=64)
def _ranked(excess: tuple[float, ...]) -> float:
    """By the signed-rank test; the looks of one proof ask for all earlier ones again."""
    return float(p_values(np.array([excess]))[0])
