"""Which trials meet the baseline again: those that can be told from it, the most promising first."""

from __future__ import annotations

from collections.abc import Sequence

from autotune.measure import Confirmation
from autotune.search.simplify import Simplified, may_pay
from autotune.store.records import Trial


def finalists(
    trials: Sequence[Trial], most: int, noise: float, minimum_gain: float, simplified: Simplified | None = None
) -> list[Trial]:
    """The best accepted trials, no two of the same effect, that look faster by the minimum gain and can be told from
    the baseline. The search's winner, once simplified, comes first as what was kept of it, and not as it was.

    `noise` is the spread of the log ratio of two neighbouring runs with identical settings.
    """
    simple, won = (_run_as(simplified.simple, trials), simplified.trial) if simplified else (None, None)

    own = [t for t in trials if t.accepted and t.changes and t.answered_from is None]
    candidates = [t for t in own if may_pay(t, noise, minimum_gain)]
    if simple != won and any(t.number == simple for t in candidates):
        candidates = [t for t in candidates if t.number != won]
    chosen: list[Trial] = []
    for trial in sorted(candidates, key=lambda t: (t.number != simple, t.ratio or 1.0, t.number)):
        if all(trial.effective != other.effective for other in chosen):
            chosen.append(trial)
    return chosen[:most]


def _run_as(number: int, trials: Sequence[Trial]) -> int:
    """The trial whose runs a trial stands for: its own, or those of the earlier one that answered it."""
    earlier = next((trial.answered_from for trial in trials if trial.number == number), None)
    return number if earlier is None else earlier


def winning_trial(confirmation: Confirmation, trials: Sequence[Trial]) -> Trial | None:
    """The trial that won the confirmation; None when no improvement was proved."""
    return next((trial for trial in trials if str(trial.number) == confirmation.winner), None)
