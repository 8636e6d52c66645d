"""What became of the machine during a study: a baseline that has changed its speed for good is said, not averaged, and
so is what else ran beside the trials and the proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from autotune.machine import Disturbed, told_by_the_kernel
from autotune.measure import Confirmation
from autotune.measure.lasting import lasting_change
from autotune.store.records import Trial


def restless(trials: Sequence[Trial], confirmation: Confirmation) -> str:
    """How the baseline's speed changed for good in the search or in the proof, in a sentence; empty if it did not."""
    samples = [sample for trial in trials if trial.answered_from is None for sample in trial.samples]
    rows = [(f"in the search ({way})", [each.after_s for each in samples if each.way == way]) for way in _ways(samples)]
    pairs = confirmation.samples
    rows += [(f"in the proof ({way})", [pair.baseline_s for pair in pairs if pair.way == way]) for way in _ways(pairs)]
    for where, times_s in rows:
        change = lasting_change(times_s)
        if change:
            return (
                f"your own settings took {change.factor:.2f} times as long from run {change.at + 1} of {len(times_s)} "
                f"{where} on: this machine has changed its speed; each ratio is of neighbouring runs, so it stands"
            )
    return ""


def disturbances(trials: Sequence[Trial], confirmation: Confirmation) -> list[str]:
    """What else ran beside search and proof, by the kernel's books, in sentences; nothing where it was quiet."""
    samples = [sample for trial in trials if trial.answered_from is None for sample in trial.samples]
    lines = told_by_the_kernel([run for sample in samples for run in sample.disturbed], "the search")
    runs = [
        Disturbed(others, stolen or 0.0, waited)
        for pair in confirmation.samples
        for others, stolen, waited in (
            (pair.baseline_others, pair.baseline_stolen, pair.baseline_waited),
            (pair.trial_others, pair.trial_stolen, pair.trial_waited),
        )
        if others is not None
    ]
    return [*lines, *told_by_the_kernel(runs, "the proof")]


def _ways(runs: Sequence[object]) -> list[str]:
    return sorted({str(getattr(run, "way", "")) for run in runs})
