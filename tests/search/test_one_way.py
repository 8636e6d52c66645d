"""A trial and the two baseline runs beside it are made in one way, whoever makes them and whatever breaks meanwhile.

The property: of every sample that is kept, the three runs follow one another in the order in which runs were really
made: the user's own settings, the trial's, the user's own; and all three were made by sessions, or all three in fresh
processes. A time from a built network beside one from a fresh process would be a gain or a loss that nobody has.

The sessions here lie: they answer that they will make the runs of a trial and break in the middle of it, they change
their mind from one trial to the next, and what they made is contradicted afterwards; trials crash in fresh processes,
too. Every run has a time of its own, so the times that a sample keeps name the runs that it was made of.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from autotune.config import AcceptConfig, SearchConfig
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner
from autotune.plan.space import make_space
from autotune.search.runner import TrialRunner
from autotune.verify.acceptance import Acceptance

REQUESTS = (
    {},
    {"bin_queue": True},
    {"nspike": 1},
    {"nspike": 2, "gid_compress": True},
    {"self_queue": True},
    {"bin_queue": True, "self_queue": True},
    {"dt": 0.0125},
)


@dataclass
class Made:
    """Every run that was really made, in order: in which way, with which changes, and the time that it took."""

    real: Any
    """A real run, of which all others are made."""
    runs: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)

    def run(self, way: str, changes: dict[str, Any]) -> Any:
        """Trials are faster than the baseline, so that each is measured again; no two runs take the same time."""
        time_s = (0.5 if changes else 1.0) + 1e-6 * len(self.runs)
        self.runs.append((way, changes, time_s))
        return replace(self.real, run_s=time_s, effective={**self.real.effective, **changes})

    def of(self, sample: Any) -> list[int]:
        """The places in that order of the three runs that a sample was made of."""
        times = [time_s for _, _, time_s in self.runs]
        return [times.index(time_s) for time_s in (sample.before_s, sample.trial_s, sample.after_s)]


@dataclass(frozen=True)
class Fresh(FreshRunner):
    """Fresh processes, as far as the search can tell."""

    made: Any = None
    chance: Any = None

    def run(self, settings: dict[str, Any] | None = None, **_: Any) -> Any:
        if settings and self.chance.random() < 0.15:
            raise RunFailed("crashed", "a crash of these settings")
        return self.made.run("fresh", settings or {})


@dataclass
class Sessions:
    """Sessions, as far as the search can tell; `chance` decides whom they name, and when they break."""

    fresh: Fresh
    chance: random.Random
    lost: int = 0
    contradicted: int = 0

    def runner_for(self, changes: dict[str, Any]) -> Any:
        return self if self.chance.random() < 0.7 else self.fresh

    def run(self, changes: dict[str, Any], **_: Any) -> Any:
        if self.chance.random() < 0.15:
            self.lost += 1
            raise RunFailed("crashed", "the session broke")
        return self.fresh.made.run("session", changes)

    def agrees(self, changes: dict[str, Any]) -> bool:
        agrees = self.chance.random() < 0.8
        self.contradicted += not agrees
        return agrees

    def blame(self) -> None:
        """It may go on lying."""


@dataclass
class Bench:
    """A runner of trials, and what its runs were really made of."""

    trials: TrialRunner
    made: Made
    sessions: Sessions


@pytest.fixture
def bench(ring):
    """`bench(seed)`: another series of lies."""

    def make(seed: int) -> Bench:
        made = Made(ring.run)
        how = {each.name: getattr(ring.runner, each.name) for each in fields(FreshRunner)}
        fresh = Fresh(**how, made=made, chance=random.Random(1000 + seed))
        space = make_space(ring.observation, ("dt", "nspike", "gid_compress", "bin_queue", "self_queue"))
        acceptance = Acceptance(ring.baseline, ring.observation, AcceptConfig())
        sessions = Sessions(fresh, random.Random(seed))
        return Bench(TrialRunner(fresh, space, acceptance, SearchConfig(repeats=2), residents=sessions), made, sessions)

    return make


def test_both_runs_beside_a_trial_are_made_in_the_way_of_the_trial_right_before_and_after_it(bench):
    ways, lost, contradicted = set(), 0, 0
    for seed in range(30):
        one = bench(seed)
        for number, changes in enumerate(REQUESTS):
            trial = one.trials.trial(number, one.trials.space.with_values(**changes))
            for sample in trial.samples:
                places = one.made.of(sample)
                assert places == [places[0], places[0] + 1, places[0] + 2], (seed, trial.changes, places)
                assert [one.made.runs[place][1] for place in places] == [{}, trial.changes, {}]
                way = {one.made.runs[place][0] for place in places}
                assert len(way) == 1, (seed, trial.changes, way)
                ways |= way
        lost, contradicted = lost + one.sessions.lost, contradicted + one.sessions.contradicted
    assert ways == {"fresh", "session"}
    assert lost > 20
    assert contradicted > 20
