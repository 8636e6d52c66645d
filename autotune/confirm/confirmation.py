"""The finalists against the baseline once more, in fresh processes: what is left of alpha, and going on after a stop.

A confirmation with other finalists than the one before is another question, which spends another share of alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from pydantic import TypeAdapter

from autotune.calibrate.noise import NoiseRecord
from autotune.config import ConfirmConfig
from autotune.confirm.finalists import finalists
from autotune.errors import BaselineError
from autotune.launch.ask import Runner
from autotune.launch.judge import RunFailed
from autotune.measure import Confirmation, Event, alpha_after, confirm, event_from_dict, minimum_pairs
from autotune.search.verified import Verifier
from autotune.settings import UNCHANGED, Changes
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial


@dataclass(frozen=True)
class ConfirmationLog:
    """The pairs that a confirmation has measured so far, and for which finalists."""

    RECORD: ClassVar[str] = "confirming"

    finalists: tuple[str, ...] = ()
    pairs: int = 0
    """How many of each were planned: another plan cannot go on with these."""
    events: tuple[dict[str, Any], ...] = ()
    earlier: int = 0
    """How many confirmations of this study were begun before, with other finalists."""


@dataclass(frozen=True)
class ConfirmationPlan:
    """Whom a confirmation asks about, how often, and what it knows already."""

    finalists: tuple[Trial, ...]
    pairs: int
    alpha: float
    earlier: int
    events: tuple[Event, ...] = ()


def plan_confirmation(
    log: ConfirmationLog, trials: Sequence[Trial], noise: float, pairs: int, limits: ConfirmConfig
) -> ConfirmationPlan:
    """The finalists among `trials`, with what is left of alpha; the pairs of an earlier driver count if they are of the
    same plan. `noise`: upper bound of the spread of one log ratio; `pairs`: how many the A/A runs ask for.
    """
    chosen = tuple(finalists(trials, limits.finalists, noise, limits.minimum_gain))
    names = _names(chosen)
    earlier = log.earlier + (bool(log.events) and log.finalists != names)
    alpha = alpha_after(earlier, limits.alpha)
    if chosen:
        pairs = max(pairs, minimum_pairs(alpha, len(chosen)))
    same = log.finalists == names and log.pairs == pairs
    return ConfirmationPlan(chosen, pairs, alpha, earlier, tuple(map(event_from_dict, log.events)) if same else ())


@dataclass(frozen=True)
class Confirmer:
    """Confirms the best trials of a study in fresh processes."""

    folder: StudyFolder
    fresh: Runner
    verifier: Verifier
    """Of the whole run."""
    limits: ConfirmConfig
    seed: int

    def confirm(
        self,
        trials: Sequence[Trial],
        noise: NoiseRecord,
        on_plan: Callable[[list[Trial], int, int], object],
        on_event: Callable[[Event], object],
    ) -> Confirmation:
        """Measure what is missing; every event is written down before it is told. Raises BaselineError.

        `on_plan` is told the finalists, the pairs of each and how many events are there already.
        """
        log = self.folder.read(ConfirmationLog) or ConfirmationLog()
        plan = plan_confirmation(log, trials, noise.noise.upper, noise.pairs, self.limits)
        on_plan(list(plan.finalists), plan.pairs, len(plan.events))
        events = list(plan.events)

        def remember(event: Event) -> None:
            events.append(event)
            plain = tuple(TypeAdapter(type(each)).dump_python(each, mode="json") for each in events)
            self.folder.write(ConfirmationLog(_names(plan.finalists), plan.pairs, plain, plan.earlier))
            on_event(event)

        confirmation = confirm(
            partial(baseline_s, self.fresh, self.verifier),
            {str(trial.number): partial(time_s, self.fresh, self.verifier, trial.changes) for trial in plan.finalists},
            pairs=plan.pairs,
            alpha=plan.alpha,
            minimum_gain=self.limits.minimum_gain,
            confidence=self.limits.confidence,
            seed=self.seed,
            on_progress=remember,
            completed=plan.events,
            run_failed=RunFailed,
        )
        self.folder.write(confirmation)
        return confirmation


def time_s(fresh: Runner, verifier: Verifier, changes: Changes) -> float:
    """Seconds of a run whose result is accepted. Raises RunFailed."""
    return verifier.time_s(verifier.accepted(fresh, changes))


def baseline_s(fresh: Runner, verifier: Verifier) -> float:
    """Seconds of the user's own settings; a single failure is forgiven, a second is not. Raises BaselineError."""
    try:
        return time_s(fresh, verifier, UNCHANGED)
    except RunFailed:
        pass
    try:
        return time_s(fresh, verifier, UNCHANGED)
    except RunFailed as failure:
        raise BaselineError(
            f"the baseline ran before and fails now: {failure.message}", cure=failure.cure, details=failure.details
        ) from failure


def _names(trials: Sequence[Trial]) -> tuple[str, ...]:
    return tuple(str(trial.number) for trial in trials)
