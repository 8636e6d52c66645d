"""The last word: are the finalists of a search really faster than the baseline, in fresh runs?

The winner of a search is the luckiest of many, so its own times prove nothing. Here each finalist meets the baseline
again in a fixed number of new pairs, in random order within each pair. It is called faster only if a one-sided paired
test against the minimum worthwhile gain says so after Holm's correction, and its interval lies above 1. The choice of
the test is explained in `significance.py`.

This module starts no process (the runs come in as callables), never looks at the result before the last pair, and
never adds pairs until it likes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from autotune.measure.pairs import log_speedup
from autotune.measure.significance import (
    Interval,
    holm,
    minimum_pairs,
    p_values,
    speedup_interval,
    undisturbed,
)

DEFAULT_PAIRS = 10  # what three finalists need at alpha 0.01, and a spare
TEST = "one-sided exact Wilcoxon signed-rank test on log ratios, Holm's correction"

Run = Callable[[], float]
Verdict = Literal["improved", "no improvement"]


class RunFailed(Exception):
    """A run gave no usable time; the text says why. Raised by the callables given to `confirm`."""


@dataclass(frozen=True)
class Pair:
    """Two neighbouring runs, baseline and finalist; wall seconds of the objective."""

    finalist: str
    index: int
    baseline_first: bool
    baseline_s: float
    trial_s: float


@dataclass(frozen=True)
class Dropped:
    """A finalist whose run failed in pair `index`; it is out of the contest."""

    finalist: str
    index: int
    reason: str


Event = Pair | Dropped


@dataclass(frozen=True)
class Finding:
    """What the pairs say about one finalist; `set_aside` are the pairs that the test calls disturbed."""

    finalist: str
    speedup: Interval
    p_value: float
    corrected_p: float
    proved: bool
    set_aside: tuple[int, ...]


@dataclass(frozen=True)
class Confirmation:
    """The verdict with everything that it rests on; `winner` is the best of the proved finalists, or None."""

    RECORD: ClassVar[str] = "confirmation"

    verdict: Verdict
    winner: str | None
    findings: tuple[Finding, ...]
    dropped: tuple[Dropped, ...]
    samples: tuple[Pair, ...]
    pairs: int
    alpha: float
    minimum_gain: float
    confidence: float
    seed: int
    test: str = TEST

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, for JSON."""
        return asdict(self)

    @property
    def best(self) -> Finding | None:
        """The winner's finding; None without a winner."""
        return next((finding for finding in self.findings if finding.finalist == self.winner), None)


def confirm(
    baseline: Run,
    finalists: Mapping[str, Run],
    *,
    pairs: int = DEFAULT_PAIRS,
    alpha: float = 0.01,
    minimum_gain: float = 0.02,
    confidence: float = 0.95,
    seed: int = 0,
    on_progress: Callable[[Event], None] | None = None,
    completed: Iterable[Event] = (),
    run_failed: type[Exception] = RunFailed,
    resamples: int = 9999,
) -> Confirmation:
    """Measure `pairs` fresh pairs for each finalist and judge them.

    A call of `baseline` or of a finalist makes one run and returns its wall seconds. A finalist that raises
    `run_failed` is dropped with its reason; a baseline that raises it ends the confirmation. Each event is given to
    `on_progress` as soon as it is known; the same events given back as `completed` with the same finalists, pairs and
    seed go on where they stopped.

    Args:
        minimum_gain: smallest worthwhile gain as speed-up less one: 0.02 is 2 % faster.
        confidence: of the speed-ups' intervals, each on its own.
        resamples: of the bootstrap.

    Raises:
        ValueError: too few pairs for a proof, a time that is not positive, or events of another plan.
    """
    _check(pairs, alpha, minimum_gain, confidence, len(finalists))
    plan = schedule(finalists, pairs, seed)
    known, dropped = _sort_events(completed, plan)
    for step in plan:
        if step in known or step[0] in dropped:
            continue
        event = _measure(step, baseline, finalists[step[0]], run_failed)
        if isinstance(event, Pair):
            known[step] = event
        else:
            dropped[event.finalist] = event
        if on_progress is not None:
            on_progress(event)
    samples = tuple(known[step] for step in plan if step in known)
    lost = tuple(dropped[name] for name in finalists if name in dropped)
    return conclude(
        samples,
        tuple(finalists),
        lost,
        pairs=pairs,
        alpha=alpha,
        minimum_gain=minimum_gain,
        confidence=confidence,
        seed=seed,
        resamples=resamples,
    )


Step = tuple[str, int, bool]  # finalist, index of its pair, baseline first


def schedule(finalists: Iterable[str], pairs: int, seed: int) -> tuple[Step, ...]:
    """The order of all pairs: in each round one pair a finalist, finalists shuffled, and a fair coin in each pair."""
    names = sorted(finalists)
    rng = np.random.default_rng(seed)
    return tuple(
        (names[place], index, bool(rng.integers(2))) for index in range(pairs) for place in rng.permutation(len(names))
    )


def conclude(
    samples: tuple[Pair, ...],
    finalists: tuple[str, ...],
    dropped: tuple[Dropped, ...] = (),
    *,
    pairs: int,
    alpha: float,
    minimum_gain: float,
    confidence: float,
    seed: int,
    resamples: int = 9999,
) -> Confirmation:
    """The verdict on complete samples, a pure function of them. A dropped finalist counts in Holm's correction."""
    lost = {event.finalist for event in dropped}
    names = [name for name in finalists if name not in lost]
    rows = [[log_speedup(s.baseline_s, s.trial_s) for s in samples if s.finalist == name] for name in names]
    logs = np.array(rows).reshape(len(names), pairs)
    excess = logs - np.log1p(minimum_gain)
    raw = [float(p) for p in p_values(excess)]
    findings = []
    for name, row, p, corrected, kept in zip(
        names, logs, raw, holm(raw, len(finalists)), undisturbed(excess), strict=True
    ):
        speedup = speedup_interval(row, confidence=confidence, resamples=resamples, seed=seed)
        aside = tuple(int(index) for index in np.flatnonzero(~kept))
        findings.append(Finding(name, speedup, p, corrected, corrected < alpha and speedup.low > 1, aside))
    winner = max((f for f in findings if f.proved), key=lambda f: f.speedup.estimate, default=None)
    return Confirmation(
        verdict="improved" if winner else "no improvement",
        winner=winner.finalist if winner else None,
        findings=tuple(findings),
        dropped=dropped,
        samples=samples,
        pairs=pairs,
        alpha=alpha,
        minimum_gain=minimum_gain,
        confidence=confidence,
        seed=seed,
        test=f"{TEST}, alpha = {alpha:g}",
    )


def event_from_dict(values: Mapping[str, Any]) -> Event:
    """The event of which `dataclasses.asdict` made these values."""
    return Dropped(**values) if "reason" in values else Pair(**values)


def _measure(step: Step, baseline: Run, finalist: Run, run_failed: type[Exception]) -> Event:
    name, index, baseline_first = step
    if baseline_first:
        baseline_s = baseline()
    try:
        trial_s = finalist()
    except run_failed as failure:
        return Dropped(name, index, str(failure))
    if not baseline_first:
        baseline_s = baseline()
    log_speedup(baseline_s, trial_s)  # refuses times that are not positive before anyone stores them
    return Pair(name, index, baseline_first, float(baseline_s), float(trial_s))


def _sort_events(completed: Iterable[Event], plan: tuple[Step, ...]) -> tuple[dict[Step, Pair], dict[str, Dropped]]:
    steps, names = set(plan), {step[0] for step in plan}
    known: dict[Step, Pair] = {}
    dropped: dict[str, Dropped] = {}
    for event in completed:
        if isinstance(event, Dropped) and event.finalist in names:
            dropped[event.finalist] = event
        elif isinstance(event, Pair) and (step := (event.finalist, event.index, event.baseline_first)) in steps:
            known[step] = event
        else:
            raise ValueError(f"{event} is not part of this confirmation (other finalists, pairs or seed)")
    return known, dropped


def _check(pairs: int, alpha: float, minimum_gain: float, confidence: float, finalists: int) -> None:
    least = minimum_pairs(alpha, finalists)
    if pairs < least:
        raise ValueError(
            f"{pairs} pairs prove nothing at alpha {alpha:g} with {finalists} finalists; at least {least} are needed"
        )
    if minimum_gain < 0:
        raise ValueError(f"the minimum gain must not be negative, not {minimum_gain!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must be between 0 and 1, not {confidence!r}")
