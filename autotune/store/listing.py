"""Optuna's journal storage, whose trials are listed as fast after 10,000 as after ten.

A search asks several times a trial for those that are waiting or running. Optuna looks through all of them each time;
a finished trial never changes, so here each is looked at until it is finished. Must list what Optuna would list.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass
class _Listed:
    """Trials of one study by number, and which of them are not finished."""

    trials: list[FrozenTrial] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)


class ListingJournal(JournalStorage):
    """The same storage."""

    _studies_listed: dict[int, _Listed]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna's; copies are made by Optuna itself."""
        listed = None if deepcopy else self._looked_through(study_id)
        if listed is None:
            found: list[FrozenTrial] = super().get_all_trials(study_id, deepcopy, states)
            return found
        if states is None:
            return list(listed.trials)
        if any(state in states for state in FINISHED):
            return [trial for trial in listed.trials if trial.state in states]
        unfinished = (listed.trials[number] for number in listed.unfinished)
        return [trial for trial in unfinished if trial.state in states]

    def _looked_through(self, study_id: int) -> _Listed | None:
        """What is there now; None where Optuna keeps its trials otherwise than in version 5, or has no such study."""
        with self._thread_lock:
            self._sync_with_backend()
            replay = self._replay_result
            try:
                ids, kept = replay._study_id_to_trial_ids[study_id], replay._trials
                replay._studies[study_id]
            except (AttributeError, KeyError):
                return None
            if not hasattr(self, "_studies_listed"):
                self._studies_listed = {}
            listed = self._studies_listed.setdefault(study_id, _Listed())
            looked = [*listed.unfinished, *range(len(listed.trials), len(ids))]
            listed.unfinished = []
            for number in looked:
                trial = kept[ids[number]]
                listed.trials[number : number + 1] = [trial]
                if not trial.state.is_finished():
                    listed.unfinished.append(number)
            return listed
