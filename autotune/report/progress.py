"""What the pipeline tells while it works: one event for each thing that a user may want to see happen.

A live report is a class of its own that takes the events it cares for; the pipeline knows of no terminal, page or file.
A report must never change what it is told of.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from autotune.best import Best
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.noise import NoiseRecord
from autotune.calibrate.price import Prices
from autotune.config import SearchConfig
from autotune.confirm.elsewhere import Checked
from autotune.measure import Event
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.profile import Advice
from autotune.session.record import SessionRecord
from autotune.store.records import Trial


class Progress:
    """A report that tells nothing. Methods come in the order of the road; those of a step that was done before come
    too, from its record.
    """

    def step(self, name: str) -> str:
        """A step of the pipeline begins; returns its name."""
        return name

    def observed(self, observation: Observation) -> None:
        """The user's own run was watched."""

    def planned(self, space: SearchSpace) -> None:
        """It is known what is searched, and why the rest is not."""

    def calibrated(self, calibration: Calibration) -> None:
        """The baseline was compared with itself."""

    def timed(self, record: NoiseRecord, note: str) -> None:
        """The A/A runs are done: how small a gain can be shown; `note` says how much of the run is searched."""

    def priced(self, prices: Prices) -> None:
        """It is known what the study will cost."""

    def session(self, record: SessionRecord) -> None:
        """It is known whether trials run on one built network."""

    def searching(self, known: list[Trial], limits: SearchConfig) -> None:
        """The search begins, with the trials of earlier drivers."""

    def trial(self, trial: Trial) -> None:
        """A trial has its verdict."""

    def interrupted(self) -> None:
        """The user has pressed Ctrl-C; the trial in progress is finished first."""

    def stopped(self, reason: str) -> None:
        """The search has ended, for this reason."""

    def refused(self, trial: int, why: str) -> None:
        """A trial that was accepted on the part that is searched is refused in its whole run."""

    def unsteady(self, note: str) -> None:
        """How much more changed settings differ from run to run than the baseline, in a sentence; empty if not."""

    def confirming(self, chosen: list[Trial], pairs: int, done: int) -> None:
        """The confirmation begins: so many pairs for each of the chosen; `done` of them are already there."""

    def confirmed(self, event: Event) -> None:
        """One pair is measured, or a finalist has dropped out."""

    def elsewhere(self, checked: Checked) -> None:
        """The winner was checked on another command."""

    def kept(self, folder: Path, why_not: str) -> None:
        """What a run with the best settings wrote is in `folder`, or why it is not."""

    def finished(self, best: Best, folder: Path) -> None:
        """The study has its answer."""

    def advised(self, advice: list[Advice]) -> None:
        """What the user's own script could do better, beside all settings; often nothing."""

    def close(self) -> None:
        """No event will follow, whatever happened: give back what is held."""


EVENTS = tuple(name for name in vars(Progress) if not name.startswith("_"))


class Reports(Progress):
    """Several reports at once: each event goes to all of them, in their order."""

    def __init__(self, *reports: Progress) -> None:
        self._reports = (Progress(), *reports)  # the first gives the answer: a step's name
        for event in EVENTS:
            setattr(self, event, partial(self._tell, event))

    def _tell(self, event: str, *what: Any, **named: Any) -> Any:
        answers = [getattr(report, event)(*what, **named) for report in self._reports]
        return answers[0]
