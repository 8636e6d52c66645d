"""A finished study, read for those who hand it over: the answer, and everything that it rests on.

It must never make a run or change a record.
"""

from __future__ import annotations

from dataclasses import dataclass

from autotune.agent.driver.written import Tuned
from autotune.best import Best
from autotune.confirm.finalists import winning_trial
from autotune.export import make_best
from autotune.measure import Confirmation
from autotune.observe import Observation
from autotune.plan.space import Plan
from autotune.store.folder import StudyFolder
from autotune.store.records import StudyRecord, Trial


@dataclass(frozen=True)
class Answer:
    """What a study found."""

    best: Best
    study: StudyRecord
    observation: Observation
    plan: Plan
    trials: tuple[Trial, ...]
    winner: Trial | None
    """The trial whose settings are proved to be faster; None where none are."""

    @property
    def tuned(self) -> Tuned:
        """What is to be set otherwise than the user has it, as knobs write it by hand."""
        facts = self.observation.facts
        if self.winner is None:
            return Tuned(facts)
        return Tuned(facts, dict(self.winner.changes), {**facts.baseline, **self.winner.effective})

    @property
    def measured(self) -> str:
        """The day on which the last trial was made, ISO 8601."""
        return max((trial.finished for trial in self.trials), default=self.study.created)[:10]


def read_answer(folder: StudyFolder, study: StudyRecord) -> Answer:
    """The answer of a finished study. Raises UsageError when it has not come to its end."""
    best = make_best(folder, study)
    observation, plan, confirmation = (folder.read(kind) for kind in (Observation, Plan, Confirmation))
    assert isinstance(observation, Observation)  # else there were no best
    assert isinstance(plan, Plan)
    assert isinstance(confirmation, Confirmation)
    trials = folder.trials()
    return Answer(best, study, observation, plan, tuple(trials), winning_trial(confirmation, trials))
