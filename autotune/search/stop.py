"""When a search ends, and why: each criterion is a function of what has been searched so far, one below the other.

A new criterion is a new function here and its name in CRITERIA. It returns the reason in words, which is printed,
stored and handed over, or an empty string as long as the search may go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

from autotune.config import SearchConfig
from autotune.plan.space import SearchSpace
from autotune.store.records import Trial

LOST = 1.645  # standard errors: of gains of just the size that is looked for, so many as 5 % are given up wrongly
MOST_REPEATS = 15  # so many proposals in a row that were answered before: there is nothing new to find


@dataclass(frozen=True)
class Stopped:
    """Why a search ended."""

    RECORD: ClassVar[str] = "search"

    reason: str
    trials: int
    """How many there were."""


@dataclass(frozen=True)
class Searched:
    """What has been searched so far."""

    trials: Sequence[Trial]
    seconds: float
    """Wall time of all of them, also those of earlier drivers."""
    limits: SearchConfig
    space: SearchSpace
    visible_gain: float = 0.0
    """The smallest gain that can be proved on this machine: 0.1 is 10 % faster."""
    noise: float | None = None
    """The spread of the log ratio of two neighbouring runs with identical settings; None: not known."""
    wanted_gain: float = 0.05
    """The gain that should be found."""
    first: int = 0
    """So many trials are made even when the time is used up: a limit of the tuner's own leaves no knob untried."""


@dataclass(frozen=True)
class Terms:
    """What a search may cost, and what it looks for; see Searched."""

    limits: SearchConfig
    visible_gain: float = 0.0
    noise: float | None = None
    wanted_gain: float = 0.05
    first: int = 0

    def watch(self, trials: Sequence[Trial], space: SearchSpace) -> Callable[[], Searched]:
        """What has been searched whenever it is asked, `trials` being added to. The clock goes on from what those of
        earlier drivers took.
        """
        since_s = monotonic() - sum(trial.wall_s for trial in trials)
        return lambda: Searched(
            trials,
            monotonic() - since_s,
            self.limits,
            space,
            self.visible_gain,
            self.noise,
            self.wanted_gain,
            self.first,
        )


def nothing_to_search(searched: Searched) -> str:
    """No knob is left."""
    return "" if searched.space.domains else "no knob of this model can be searched"


def trials(searched: Searched) -> str:
    """The number of trials is used up."""
    most = searched.limits.trials
    if len(searched.trials) < most:
        return ""
    return f"all {most} trials were made" if most > 1 else "the one trial that was asked for was made"


def time(searched: Searched) -> str:
    """The time is used up."""
    budget_s = searched.limits.time_budget_s
    if budget_s is None or searched.seconds <= budget_s or len(searched.trials) < searched.first:
        return ""
    return f"the time for searching, {budget_s:g} s, is used up"


def nothing_new(searched: Searched) -> str:
    """The sampler proposes only what was tried before."""
    last = searched.trials[-MOST_REPEATS:]
    if len(last) < MOST_REPEATS or any(trial.answered_from is None for trial in last):
        return ""
    return f"nothing new to find: the last {MOST_REPEATS} proposals had been tried before"


def no_visible_gain(searched: Searched) -> str:
    """Even all knobs together cannot bring what this machine could show, by Amdahl's law on the watched run; knobs that
    the user has named are tried all the same.
    """
    bound = searched.space.bound_together()
    named = searched.limits.knobs is not None
    if named or not searched.trials or bound is None or bound - 1.0 >= searched.visible_gain:
        return ""
    return (
        f"all knobs together can bring {bound - 1.0:.1%} at most, and less than {searched.visible_gain:.1%} cannot be "
        "shown on this machine"
    )


def nothing_gains(searched: Searched) -> str:
    """Every value of every knob but the user's own has been tried, and none of the trials can be a gain of the size
    that is looked for; at most one of twenty such gains is lost by it.
    """
    if searched.noise is None or not _every_value_tried(searched):
        return ""
    wanted = max(searched.wanted_gain, searched.visible_gain)
    for trial in searched.trials:
        own = trial.accepted and trial.changes and trial.answered_from is None
        if own and may_be_gain(trial, searched.noise, wanted):
            return ""
    return f"every value has been tried, and no trial can be a gain of {wanted:.1%}"


def may_be_gain(trial: Trial, noise: float, wanted: float) -> bool:
    """Whether a trial can be a gain of the wanted size (0.05 is 5 % faster), by its ratio and the noise of a sample."""
    if trial.ratio is None:
        return False
    return -math.log(trial.ratio) + LOST * noise / math.sqrt(len(trial.samples)) > math.log1p(wanted)


def _every_value_tried(searched: Searched) -> bool:
    tried = [trial.params for trial in searched.trials if trial.answered_from is None]
    return bool(tried) and all(
        any(name in params and params[name] == value for params in tried)
        for name, domain in searched.space.domains.items()
        for value in domain.values
        if value != searched.space.baseline.get(name)  # the baseline has tried it, whatever it acts beside
    )


CRITERIA: tuple[Callable[[Searched], str], ...] = (
    nothing_to_search,
    trials,
    time,
    nothing_new,
    no_visible_gain,
    nothing_gains,
)


def why_stop(searched: Searched) -> str:
    """The reason to end the search now; empty as long as it goes on."""
    return next((reason for criterion in CRITERIA if (reason := criterion(searched))), "")
