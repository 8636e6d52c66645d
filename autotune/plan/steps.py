"""The plan of a study: what is searched, with everything built that it needs."""

from __future__ import annotations

from autotune.agent.knobs import NUMERICAL
from autotune.config import SearchConfig
from autotune.launch.mechanisms import Builder
from autotune.observe import Observation
from autotune.plan.builds import build_ahead
from autotune.plan.making import make_space
from autotune.plan.space import Plan, SearchSpace
from autotune.store.folder import StudyFolder


def planned(
    folder: StudyFolder,
    observation: Observation,
    search: SearchConfig,
    minimum_gain: float,
    unproved: str,
    builder: Builder,
) -> SearchSpace:
    """The search space of a study: as an earlier driver has planned it, else made now, with what it needs built."""

    def make() -> Plan:
        return build_ahead(wished_space(observation, search, minimum_gain, unproved), builder).plan

    return SearchSpace.of(folder.kept(Plan, make), observation.facts)


def wished_space(observation: Observation, search: SearchConfig, minimum_gain: float, unproved: str) -> SearchSpace:
    """What could be searched of what the user wishes; nothing is built. Raises UsageError.

    `unproved`: why no change of the numbers can be judged on this model; empty where one can.
    """
    space = make_space(observation, search.knobs, search.exclude, search.values, minimum_gain)
    return space.without_class(NUMERICAL, unproved) if unproved else space
