"""The finalists against the baseline once more, in fresh processes: what is left of alpha, and going on after a stop.

A confirmation with other finalists than the one before, or on another type of node, is another question, which spends
another share of alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from pydantic import TypeAdapter

from autotune.calibrate.noise import NoiseRecord
from autotune.config import ConfirmConfig
from autotune.confirm.finalists import finalists
from autotune.confirm.starts import Starts
from autotune.launch.judge import RunFailed
from autotune.measure import Confirmation, Dropped, Event, Pair, Rule, alpha_after, confirm, event_from_dict
from autotune.search.simplify import Simplified
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial


@dataclass(frozen=True)
class ConfirmationLog:
    """The pairs that a confirmation has measured so far, and for which finalists."""

    RECORD: ClassVar[str] = "confirming"

    finalists: tuple[str, ...] = ()
    pairs: int = 0
    """The most starts of each."""
    events: tuple[dict[str, Any], ...] = ()
    earlier: int = 0
    """How many confirmations of this study were begun before, with other finalists or on another type of node."""
    node_type: str = ""
    """On which its starts were made; empty in records from before this was written down."""


@dataclass(frozen=True)
class ConfirmationPlan:
    """Whom a confirmation asks about, in this order, and what it knows already."""

    finalists: tuple[Trial, ...]
    rule: Rule
    earlier: int
    events: tuple[Event, ...] = ()
    node_type: str = ""
    """On which it is asked."""


def plan_confirmation(
    log: ConfirmationLog,
    trials: Sequence[Trial],
    noise: NoiseRecord,
    limits: ConfirmConfig,
    simplified: Simplified | None = None,
    node_type: str = "",
    known: Confirmation | None = None,
) -> ConfirmationPlan:
    """The finalists among `trials`, with what is left of alpha; the starts of an earlier driver count if they are of
    the same finalists, and were made on the type of node of this one or have come to an answer (`known`).
    """
    chosen = tuple(finalists(trials, limits.finalists, noise.floor, limits.minimum_gain, simplified))
    answered = known is not None and known.node_type == log.node_type and len(known.samples) == _pairs(log)
    same = log.finalists == _names(chosen) and (answered or log.node_type in ("", node_type))
    earlier = log.earlier + (bool(log.events) and not same)
    rule = limits.rule(noise.floor, alpha_after(earlier, limits.alpha))
    events = tuple(map(event_from_dict, log.events)) if same else ()
    there = max((event.start + 1 for event in events if isinstance(event, Pair)), default=0)
    rule = replace(rule, most_starts=max(rule.most_starts, there))  # a later budget may pay for fewer
    return ConfirmationPlan(chosen, rule, earlier, events, log.node_type if same and log.node_type else node_type)


@dataclass(frozen=True)
class Confirmer:
    """Confirms the best trials of a study in fresh starts."""

    folder: StudyFolder
    starts: Starts
    limits: ConfirmConfig
    seed: int
    node_type: str = ""
    """Of this machine."""

    def confirm(
        self,
        trials: Sequence[Trial],
        noise: NoiseRecord,
        on_plan: Callable[[list[Trial], int, int], object],
        on_event: Callable[[Event], object],
    ) -> Confirmation:
        """Make what is missing; every event is written down before it is told. Raises BaselineError.

        `on_plan` is told the finalists, the most starts of each and how many events are there already.
        """
        plan = plan_confirmation(
            self.folder.read(ConfirmationLog) or ConfirmationLog(),
            trials,
            noise,
            self.limits,
            self.folder.read(Simplified),
            self.node_type,
            self.folder.read(Confirmation),
        )
        on_plan(list(plan.finalists), plan.rule.most_starts, len(plan.events))
        names, events = _names(plan.finalists), list(plan.events)

        def remember(event: Event) -> None:
            events.append(event)
            plain = tuple(TypeAdapter(type(each)).dump_python(each, mode="json") for each in events)
            self.folder.write(ConfirmationLog(names, plan.rule.most_starts, plain, plan.earlier, plan.node_type))
            on_event(event)

        changes = {str(trial.number): trial.changes for trial in plan.finalists}
        while True:
            confirmation = confirm(
                {name: partial(self.starts.make, changes[name]) for name in names},
                plan.rule,
                seed=self.seed,
                pairs_of=lambda name, start: self.starts.pairs_of(changes[name], start),
                on_progress=remember,
                completed=tuple(events),
                run_failed=RunFailed,
            )
            winner, known = confirmation.winner, self.folder.read(Confirmation)
            if winner is None or (known and (known.winner, known.samples) == (winner, confirmation.samples)):
                break
            try:
                self.starts.finish(changes[winner])
                break
            except RunFailed as failure:
                remember(Dropped(winner, confirmation.pairs, f"in its whole run: {failure.message}"))
        confirmation = replace(confirmation, part=self.starts.part, node_type=plan.node_type)
        self.folder.write(confirmation)
        return confirmation


def _names(trials: Sequence[Trial]) -> tuple[str, ...]:
    return tuple(str(trial.number) for trial in trials)


def _pairs(log: ConfirmationLog) -> int:
    return sum(isinstance(event_from_dict(event), Pair) for event in log.events)
