"""What a study will cost, in seconds, before its first trial: with and without replay, for a large and a small gain.

Worked out from the watched run, the noise and the limits of the search, with nothing run for it. A price is what is
expected: where trials fail at once a study costs less, where the machine is loaded it costs more. It never decides what
is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import ClassVar

from autotune.config import SearchConfig
from autotune.errors import UsageError
from autotune.measure import FEWEST_STARTS, Rule
from autotune.observe import Observation
from autotune.report.format import format_duration
from autotune.store.records import Trial

LARGE, SMALL = 0.30, 0.05  # the gains whose prices are told
SAID = {"trials", "time_budget_s", "budget"}  # keys of [search]: what a search may cost
CLEAR = 0.25  # a gain that the fewest starts prove on a quiet machine
MOST_PAIRS_A_START = 5
EXPECTED_TRIALS = 4  # the first trial makes a baseline run of its own, and a few say little of their mean
FAIR_RUNS, FAIR_WHOLE_RUNS = 4, 12  # bare runs of searching where nothing else is said; where trials cost as much
CHEAP_S = 15.0  # or so many seconds if they are more
WHOLE = 0.5  # of a bare run: from this share on a trial counts as a whole run
RUNS_A_TRIAL = 2  # itself and a baseline run, which the next one shares
FEWEST_BEFORE = 4  # bare runs before the first trial: the repetition and the shortest A/A, most of them on a part


@dataclass(frozen=True)
class Price:
    """Seconds from the end of the calibration to the verdict, for a gain of this size."""

    gain: float
    replayed: bool
    search_s: float
    proof_s: float

    @property
    def seconds(self) -> float:
        return self.search_s + self.proof_s


@dataclass(frozen=True)
class Prices:
    """What was told before the first trial."""

    RECORD: ClassVar[str] = "price"

    prices: tuple[Price, ...] = ()
    replays: bool = False
    """Trials of this model run on built networks."""
    search_limit_s: float | None = None
    """After so long no new trial is begun, since the user has not said how many or how long; None: no such limit."""

    def of(self, gain: float, *, replayed: bool) -> Price:
        """The price for one of the gains."""
        return next(price for price in self.prices if (price.gain, price.replayed) == (gain, replayed))

    @property
    def expected(self) -> Price:
        """Of a small gain, made as this model's runs are."""
        return self.of(SMALL, replayed=self.replays)

    def asked_by(self, limits: SearchConfig) -> Prices:
        """The same without the limit where the user has now said what the search may cost."""
        return self.without_limit if SAID & limits.model_fields_set else self

    @property
    def without_limit(self) -> Prices:
        """The same for a search as long as it likes."""
        return replace(self, search_limit_s=None)

    def left_s(self, trials: Sequence[Trial], limits: SearchConfig) -> float:
        """Seconds from the last of the trials to the verdict: the other trials take as long as the ones before (and as
        was expected, which counts for some trials), and the proof what the best so far would need.
        """
        made = [trial.wall_s for trial in trials if trial.answered_from is None]
        expected = [self.expected.search_s / limits.trials] * EXPECTED_TRIALS if self.prices else []
        search_s = fmean([*expected, *made]) * (limits.trials - len(trials))
        if limits.time_budget_s is not None:
            search_s = min(search_s, max(0.0, limits.time_budget_s - sum(trial.wall_s for trial in trials)))
        best = min((t.ratio for t in trials if t.accepted and t.changes and t.ratio is not None), default=1.0)
        gain = LARGE if best <= 1.0 / (1.0 + CLEAR) else SMALL
        return search_s + (self.of(gain, replayed=self.replays).proof_s if self.prices else 0.0)


def prices(
    observation: Observation, limits: SearchConfig, rule: Rule, *, part: float, replays: bool, claim_part: bool = False
) -> Prices:
    """The four prices; `part`: the share of the run that the search uses, 0 to 1."""
    every = (
        _price(observation, limits, rule, part, part if claim_part else 1.0, gain, replayed)
        for gain in (LARGE, SMALL)
        for replayed in (True, False)
    )
    told = Prices(tuple(every), replays)
    fair = FAIR_RUNS if cheap_trials(observation, part, replays=replays) else FAIR_WHOLE_RUNS
    limit_s = max(CHEAP_S, fair * observation.wall_s)
    if SAID & limits.model_fields_set:
        return told
    limited = tuple(replace(price, search_s=min(price.search_s, limit_s)) for price in told.prices)
    return replace(told, prices=limited, search_limit_s=limit_s)


def cheap_trials(observation: Observation, part: float, *, replays: bool) -> bool:
    """Whether a trial costs much less than a run of the model, so that measuring it again costs little."""
    return replays and _trial_s(observation, part, replays) <= WHOLE * observation.wall_s


def shortest_s(observation: Observation, fewest_starts: int = FEWEST_STARTS) -> float:
    """What a study that proves anything takes at least, the watched run included: one trial, the fewest starts."""
    return observation.wall_s * (1 + FEWEST_BEFORE + RUNS_A_TRIAL + 2 * fewest_starts)


def check_budget(limits: SearchConfig, observation: Observation) -> None:
    """Raises UsageError when the time for the whole study is too short to prove anything."""
    if limits.budget is None or (needed_s := shortest_s(observation)) <= limits.budget:
        return
    raise UsageError(
        f"a budget of {format_duration(limits.budget)} proves nothing: a run of this model takes "
        f"{observation.wall_s:.3g} s, and repetition, A/A runs, one trial and a proof by {FEWEST_STARTS} starts take "
        f"{format_duration(needed_s)}",
        cure=f"Give --budget {needed_s:.0f}s or more, or shorten the run; `plan` and `profile` need one run each.",
    )


def searching(limits: SearchConfig, spent_s: float, told: Prices) -> SearchConfig:
    """The limits of a search that leaves enough of the budget for the proof; at least a tenth of it is searched.
    Without any limit of the user's it costs no more than is fair.
    """
    if limits.budget is None:
        fair_s = told.search_limit_s
        return limits if fair_s is None else limits.model_copy(update={"time_budget_s": fair_s})
    left_s = max(limits.budget - spent_s - told.expected.proof_s, 0.1 * limits.budget)
    own_s = limits.time_budget_s
    return limits.model_copy(update={"time_budget_s": left_s if own_s is None else min(left_s, own_s)})


def starts_within(budget_s: float | None, spent_s: float, start_s: float, most: int) -> int:
    """How many starts of so many seconds the rest of a budget pays for: the fewest at least."""
    if budget_s is None:
        return most
    return max(FEWEST_STARTS, min(most, int((budget_s - spent_s) / max(start_s, 1e-3))))


def pairs_a_start(observation: Observation) -> int:
    """How many pairs one new process makes of a model that replays: as many as take about as long as its start."""
    around_s, run_s = observation.wall_s - observation.run_s, max(observation.run_s, 1e-3)
    return max(1, min(MOST_PAIRS_A_START, round(around_s / (2.0 * run_s))))


def in_words(told: Prices) -> Sequence[str]:
    """The prices in sentences, the way of this model's runs first."""
    lines = [_line(told, replayed) for replayed in (told.replays, not told.replays)]
    if told.search_limit_s is not None:
        limit = format_duration(told.search_limit_s)
        lines.append(
            f"after {limit} of searching no trial is begun but the first ones, which try the knobs in turn; "
            "--trials asks for more"
        )
    return lines


def _line(told: Prices, replayed: bool) -> str:
    how = "on built networks" if replayed else "in fresh processes"
    would = "will" if replayed == told.replays else "would"
    large, small = (format_duration(told.of(gain, replayed=replayed).seconds) for gain in (LARGE, SMALL))
    return f"trials {how} {would} take {large} to prove a gain of {LARGE:.0%}, {small} for {SMALL:.0%}"


def _trial_s(observation: Observation, part: float, replayed: bool) -> float:
    return part * observation.run_s + (0.0 if replayed else observation.wall_s - observation.run_s)


def _price(
    observation: Observation,
    limits: SearchConfig,
    rule: Rule,
    part: float,
    claimed: float,
    gain: float,
    replayed: bool,
) -> Price:
    around_s, run_s = observation.wall_s - observation.run_s, observation.run_s
    trial_s = _trial_s(observation, part, replayed)
    pairs = pairs_a_start(observation) if replayed else 1
    starts = rule.starts_for(gain, pairs) or rule.most_starts
    plain_s = 2 * (claimed * run_s + around_s)
    start_s = 2 * pairs * claimed * run_s + around_s if replayed else plain_s
    # The first start of a finalist is a plain one.
    return Price(gain, replayed, limits.trials * RUNS_A_TRIAL * trial_s, plain_s + (starts - 1) * start_s)
