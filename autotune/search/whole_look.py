"""A look at the whole run of what leads a search on a part of it, where that was accepted by its statistics.

Those of a part let more pass than those of the whole run. What the whole run refuses would use up the finalists, and is
no finalist. This look proves nothing: each start of the proof is judged by its whole run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autotune.agent.knobs import NUMERICAL
from autotune.launch.ask import Runner
from autotune.launch.judge import RunFailed
from autotune.search.second_look import SecondLook
from autotune.search.simplify import may_pay, winner
from autotune.search.verified import NotAccepted, Verifier
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial

MOST = 6
"""Whole runs of the kind that are made at most; they are of trials that look faster than the user's own."""


def whole_look(
    whole: Verifier, runner: Runner, folder: StudyFolder, trials: Sequence[Trial], noise: float, minimum_gain: float
) -> SecondLook:
    """Run the leading trial whole, until one is accepted; what was looked at before counts. `noise` is the spread of
    the log ratio of two neighbouring runs with identical settings.
    """
    seen = folder.read(SecondLook) or SecondLook()
    while seen.whole_runs < MOST:
        best = winner(seen.left(trials))
        if best is None or best.statistics is None or best.number == seen.whole:
            break
        if not may_pay(best, noise, minimum_gain):
            break
        seen = replace(seen, whole_runs=seen.whole_runs + 1)
        try:
            whole.accepted(runner, best.changes)
        except RunFailed as failure:
            alike = _alike(trials, best, whole) if isinstance(failure, NotAccepted) else [best.number]
            seen = replace(seen, refused={**seen.refused, **dict.fromkeys(alike, failure.message)})
        else:
            seen = replace(seen, whole=best.number)
        folder.write(seen)
    return seen


def _alike(trials: Sequence[Trial], refused: Trial, whole: Verifier) -> list[int]:
    """The trials that change the numbers as this one, and itself."""
    knobs = whole.space.of_class(NUMERICAL)

    def numbers(trial: Trial) -> dict[str, object]:
        return {knob: trial.changes[knob] for knob in knobs if knob in trial.changes}

    same = numbers(refused)
    return [each.number for each in trials if each is refused or (same and numbers(each) == same)]
