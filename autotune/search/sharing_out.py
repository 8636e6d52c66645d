"""Launch groups shared out between the workers of a study, so that each starts as few processes as it can.

A session serves one group of launch settings (other ranks, another build), and to start and prove one costs several
runs. So a trial of a group goes to the worker that has its session, as long as that one is not kept from others by it.
Must never keep a trial from being made: whom it is given to may die, or be busy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autotune.plan.space import Group, SearchSpace
from autotune.settings import UNCHANGED, Params
from autotune.store.records import Trial
from autotune.store.shared import Claim

OWN = Group()


@dataclass
class Homes:
    """Which workers have a session of which launch group."""

    space: SearchSpace
    _of: dict[Group, dict[str, float]] = field(default_factory=dict)
    """The best ratio of each worker's trials, by group; infinite where none is accepted."""
    _looked: int = 0

    def learn(self, known: Sequence[Trial]) -> None:
        """What the trials say that have been finished since; `known` only ever grows."""
        for trial in known[self._looked :]:
            if trial.samples and trial.samples[-1].way == "session":
                homes = self._of.setdefault(self.space.launch_group(trial.changes), {})
                ratio = trial.ratio if trial.accepted and trial.ratio is not None else math.inf
                homes[trial.worker] = min(ratio, homes.get(trial.worker, math.inf))
        self._looked = len(known)

    def elsewhere(self, params: Params, me: str, claims: Mapping[int, Claim]) -> list[str]:
        """The workers that have a session for these settings, or are about to; none where every worker has one, or
        this one has.
        """
        group = self._group(params)
        having = {*self._of.get(group, {}), *(c.worker for c in claims.values() if self._group(c.params) == group)}
        return [] if group == OWN or me in having else sorted(having)

    def of(self, me: str) -> Params:
        """The launch settings of the best trial that this worker has made in a session, or the user's own."""
        mine = {group: homes[me] for group, homes in self._of.items() if me in homes}
        return self.space.started_with(min(mine, key=lambda group: mine[group], default=OWN))

    def _group(self, params: Params) -> Group:
        changes = self.space.changes(params)
        return self.space.launch_group(changes) if changes != UNCHANGED else OWN
