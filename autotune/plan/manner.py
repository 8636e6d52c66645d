"""How every run after the watched one is made and timed: what the observation and the plan say of it."""

from __future__ import annotations

from autotune.agent.driver.ask import keep_timers
from autotune.config import SearchConfig
from autotune.launch.mechanisms import Builder
from autotune.launch.run import Manner
from autotune.launch.sections import Timing
from autotune.observe import Observation
from autotune.plan.space import SearchSpace

MOST_TRACES = 1000  # of a rank


def manner(observation: Observation, space: SearchSpace, builder: Builder, most_values: int = 0) -> Manner:
    """The manner of this model's runs; of what a rank records as many vectors are compared as hold `most_values`. Both
    sides of every pair are timed in the same way, also where a knob that is searched brings an engine without timers.
    """
    environment = observation.environment
    return Manner(
        timing=_timing(observation, space),
        shared=observation.facts.shared,
        detect=observation.voltages_count,
        traces=_traces(observation, most_values),
        place=(environment.neuron, environment.executable),
        builder=builder,
    )


def _traces(observation: Observation, most_values: int) -> int:
    """How many vectors of a rank are compared, if any is recorded, or sampled in its place."""
    facts = observation.facts
    if not observation.traced or not most_values:
        return 0
    finest = 4 * facts.t_stop_ms / facts.dt_ms if facts.dt_ms else 1.0
    return max(1, min(MOST_TRACES, int(most_values / max(finest, 1.0))))


def what_is_timed(search: SearchConfig, observation: Observation) -> SearchConfig:
    """The user's wishes; of ranks that do jobs, no section tells how long all of them take, so the process does."""
    return search.model_copy(update={"objective": "total"}) if observation.facts.by_jobs else search


def _timing(observation: Observation, space: SearchSpace) -> Timing:
    if not keep_timers(space.domains):
        return "whole"
    return "psolve" if observation.facts.psolve else "clock"
