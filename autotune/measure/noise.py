"""How small a gain can be seen on this machine: identical settings timed against each other (A/A), and what follows.

Every gain here is a speed-up less one: 0.10 is 10 % faster, a baseline time over trial time of 1.10. This module runs
nothing, and never calls a gain visible on the strength of a lucky few quiet runs: every promise is made from the
upper bound of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autotune.measure.sequential import Rule

_QUANTILE = 0.75  # of absolute log ratios: up to a quarter of the pairs may be hit by bursts
_EFFICIENCY = 0.60  # of that estimate against a standard deviation, for normal noise
_BURST = 4.0  # spreads: a pair beyond this is called disturbed in the advice
_SHORT_RUN_S = 1.0
_NOISY = 0.03
_FEW_PAIRS = 8
_FEWEST_MORE = 3


@dataclass(frozen=True)
class Noise:
    """Spread of the log ratio of two neighbouring runs with identical settings.

    `spread` is a robust standard deviation, `upper` its one-sided upper bound with `confidence`, `pairs` the ratios
    behind it and `disturbed` how many of them lie far outside.
    """

    spread: float
    upper: float
    pairs: int
    disturbed: int
    confidence: float


def aa_spread(log_ratios: Sequence[float], *, shared_runs: bool = False, confidence: float = 0.8) -> Noise:
    """The noise of this machine from paired log ratios of identical settings, whose true value is known to be 0.

    `shared_runs`: neighbouring ratios have a run in common (`neighbour_log_ratios`), so they count for two thirds.
    The upper bound treats the spread as chi-square distributed with the robust estimate's degrees of freedom.

    Raises:
        ValueError: fewer than three ratios, or one that is not finite.
    """
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    sizes = np.abs(np.asarray(log_ratios, dtype=float))
    if sizes.ndim != 1 or len(sizes) < 3 or not np.all(np.isfinite(sizes)):
        raise ValueError(f"the A/A spread needs at least three finite log ratios, not {list(log_ratios)!r}")
    quantile = float(np.quantile(sizes, _QUANTILE, method="median_unbiased"))
    spread = quantile / float(stats.norm.ppf((1 + _QUANTILE) / 2))
    disturbed = int(np.sum(sizes > _BURST * spread))
    return _bounded(spread, len(sizes), disturbed, confidence, 2 / 3 if shared_runs else 1.0)


def with_more(noise: Noise, log_ratios: Sequence[float]) -> Noise:
    """The noise by these pairs and by further ones of the same study; one or two say nothing."""
    if len(log_ratios) < _FEWEST_MORE:
        return noise
    more = aa_spread(log_ratios, shared_runs=True, confidence=noise.confidence)
    pairs = noise.pairs + more.pairs
    spread = math.sqrt((noise.pairs * noise.spread**2 + more.pairs * more.spread**2) / pairs)
    return _bounded(spread, pairs, noise.disturbed + more.disturbed, noise.confidence, 2 / 3)


def repeated_spread(log_ratios: Sequence[Sequence[float]], baseline: Noise) -> Noise | None:
    """The spread of a sample of a changed setting, from the log ratios of settings that were measured more than once,
    where it is clearly larger than that of the baseline (an F test at 0.01): such settings run in modes of their own.
    None else, and where fewer than three were.
    """
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    apart = [(first - second) / math.sqrt(2) for row in log_ratios for first, second in pairwise(row)]
    if len(apart) < _FEWEST_MORE:
        return None
    noise = aa_spread(apart, confidence=baseline.confidence)
    most = float(stats.f.ppf(0.99, _EFFICIENCY * noise.pairs, _EFFICIENCY * baseline.pairs * 2 / 3))
    return noise if noise.spread**2 > most * baseline.spread**2 else None


def _bounded(spread: float, pairs: int, disturbed: int, confidence: float, counted: float) -> Noise:
    """With its upper bound; `counted`: what a pair counts for."""
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    freedom = max(1.0, _EFFICIENCY * pairs * counted)
    upper = spread * math.sqrt(freedom / float(stats.chi2.ppf(1 - confidence, freedom)))
    return Noise(spread, upper, pairs, disturbed, confidence)


def advice(noise: Noise, rule: Rule, *, wanted_gain: float = 0.10, run_s: float | None = None) -> list[str]:
    """What a rule whose floor is this noise can show, and what would help, in sentences for the user; the first is
    always the finding.

    `run_s`: wall seconds of the baseline's run section, if known.
    """
    visible = rule.visible_gain()
    lines = [
        f"Two runs with identical settings differ by {noise.spread:.1%} (up to {noise.upper:.1%}, from {noise.pairs} "
        f"A/A pairs): a gain of {visible:.1%} or more can be proved, with {rule.most_starts} pairs at most."
    ]
    if visible > wanted_gain:
        lines.append(f"A gain of {wanted_gain:.0%} cannot be shown so: the runs must become quieter.")
        lines += _causes(noise, run_s)
    if noise.disturbed:
        lines.append(
            f"{noise.disturbed} of {noise.pairs} A/A pairs were disturbed by something else on this machine; "
            "fewer busy neighbours help."
        )
    return lines


def _causes(noise: Noise, run_s: float | None) -> list[str]:
    lines = []
    if run_s is not None and run_s < _SHORT_RUN_S:
        lines.append(f"A longer tstop: the run section takes only {run_s:.2f} s; longer runs average disturbances out.")
    if noise.pairs < _FEW_PAIRS:
        lines.append(f"More A/A repeats: {noise.pairs} pairs leave room for doubt, which counts as noise.")
    if noise.spread > _NOISY:
        lines.append("Fewer busy neighbours: close other programs, leave a core free, or use a quiet node.")
    return lines
