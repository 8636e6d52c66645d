"""The winner of a search, simplified: each of its settings is taken out in turn, and stays out unless it pays.

A sampler's winner carries settings that happened to stand beside the ones that do the work. Where the model replays, a
pair costs two run sections, so each setting is tried with and without it, beside the others, before anything fresh
runs. What each brings is kept for the user.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, ClassVar

from autotune.launch.judge import RunFailed, SessionBroken
from autotune.measure import log_speedup
from autotune.search.trial import TrialRunner
from autotune.settings import Changes, Params
from autotune.store.records import Trial

PAIRS = 4
APART = 2.0  # standard errors by which a trial must look faster: what chance alone does to the best of some thirty
LEAST_GAIN = 0.01  # a setting that brings less is not worth its place


@dataclass(frozen=True)
class Brings:
    """What one setting brings beside the others: time without it over time with it, with an interval of 95 %."""

    knob: str
    value: Any
    estimate: float
    low: float
    high: float
    kept: bool


@dataclass(frozen=True)
class Simplified:
    """What was found out about the winner's settings."""

    RECORD: ClassVar[str] = "simplified"

    trial: int
    """The trial that had won."""
    simple: int
    """The trial with what was kept; the same one where all was."""
    settings: tuple[Brings, ...] = ()


def winner(trials: Sequence[Trial]) -> Trial | None:
    """The accepted trial with the lowest ratio below 1, the user's own settings apart."""
    faster = [t for t in trials if t.accepted and t.changes and t.answered_from is None and (t.ratio or 1.0) < 1.0]
    return min(faster, key=lambda trial: trial.ratio or 1.0, default=None)


def may_pay(trial: Trial, noise: float, minimum_gain: float) -> bool:
    """Whether a trial looks faster by the minimum gain and can be told from the baseline; `noise` is the spread of the
    log ratio of two neighbouring runs with identical settings.
    """
    if trial.ratio is None or trial.ratio >= 1.0 / (1.0 + minimum_gain):
        return False
    return -math.log(trial.ratio) > APART * noise / math.sqrt(len(trial.samples))


def simplify(runner: TrialRunner, trial: Trial) -> tuple[Brings, ...]:
    """Take each setting of the trial out in turn; empty where that would need fresh processes, or there is but one."""
    space = runner.verifier.space
    if len(trial.changes) < 2 or not runner.may_replay(trial.changes):
        return ()
    kept, found = trial.changes, []
    for knob in reversed(list(trial.changes)):
        if knob not in kept or len(kept) < 2:
            continue
        without = space.without_change(kept, knob)
        gains = gains_over(runner, without, kept) if runner.may_replay(without) else None
        if gains is None:
            continue
        brings = _brings(knob, trial.changes[knob], gains)
        found.append(brings)
        if not brings.kept:
            kept = without
    return tuple(reversed(found))


def kept_params(runner: TrialRunner, trial: Trial, settings: Sequence[Brings]) -> Params:
    """What is asked for when only what pays is kept."""
    space = runner.verifier.space
    out = {brings.knob for brings in settings if not brings.kept}
    return space.active(space.with_values(**{name: value for name, value in trial.changes.items() if name not in out}))


def gains_over(runner: TrialRunner, without: Changes, kept: Changes) -> list[float] | None:
    """Log ratios of time without a setting to time with it, in pairs whose order alternates; None where a run fails."""
    gains = []
    try:
        for pair in range(PAIRS):
            order = (without, kept) if pair % 2 == 0 else (kept, without)
            times = {id(changes): runner.replay_s(changes) for changes in order}
            gains.append(log_speedup(times[id(without)], times[id(kept)]))
    except (SessionBroken, RunFailed):
        return None
    return gains


def _brings(knob: str, value: Any, gains: Sequence[float]) -> Brings:
    from scipy import stats  # here, because it takes longer to import than everything else of ours

    middle = fmean(gains)
    half = float(stats.t.ppf(0.975, len(gains) - 1)) * stdev(gains) / math.sqrt(len(gains))
    pays = middle > math.log1p(LEAST_GAIN) and middle > stdev(gains) / math.sqrt(len(gains))
    return Brings(knob, value, math.exp(middle), math.exp(middle - half), math.exp(middle + half), pays)
