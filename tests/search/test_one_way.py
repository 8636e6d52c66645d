"""A trial and the two baseline runs beside it are made in one way, whoever makes them and whatever breaks meanwhile.

The property: of every sample that is kept, the three runs follow one another in the order in which runs were really
made: the user's own settings, the trial's, the user's own; and all three were made by sessions, or all three in fresh
processes. A time from a built network beside one from a fresh process would be a gain or a loss that nobody has.

The sessions here lie: they answer that they will make the runs of a trial and break in the middle of it, and they
change their mind from one trial to the next; trials crash in fresh processes, too. Every run has a time of its own, so
the times that a sample keeps name the runs that it was made of.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from autotune.config import AcceptConfig, SearchConfig
from autotune.launch.ask import Ask, Run, Way
from autotune.launch.judge import RunFailed, SessionBroken
from autotune.plan.making import make_space
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.settings import Changes, Effective
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

    real: Run
    """A real run, of which all others are made."""
    runs: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)

    def run(self, way: Way, ask: Ask) -> Run:
        """Trials are faster than the baseline, so that each is measured again; no two runs take the same time."""
        time_s = (0.5 if ask.changes else 1.0) + 1e-6 * len(self.runs)
        self.runs.append((way, ask.changes, time_s))
        effective = Effective({**self.real.effective, **ask.changes})
        return replace(self.real, run_s=time_s, effective=effective, way=way)

    def of(self, sample: Any) -> list[int]:
        """The places in that order of the three runs that a sample was made of."""
        times = [time_s for _, _, time_s in self.runs]
        return [times.index(time_s) for time_s in (sample.before_s, sample.trial_s, sample.after_s)]


@dataclass
class Fresh:
    """Fresh processes, as far as the search can tell."""

    made: Made
    chance: random.Random

    def prepare(self, changes: Changes) -> None:
        """There is nothing to build."""

    def run(self, ask: Ask) -> Run:
        if ask.changes and self.chance.random() < 0.15:
            raise RunFailed("crashed", "a crash of these settings")
        return self.made.run("fresh", ask)


@dataclass
class Sessions:
    """Sessions, as far as the search can tell; `chance` decides whom they name, and when they break."""

    fresh: Fresh
    chance: random.Random
    lost: int = 0
    blamed: int = 0

    def runner_for(self, ask: Ask, regime: str) -> Any:
        return self if self.chance.random() < 0.7 else self.fresh

    def settled(self, ask: Ask) -> bool:
        return True

    def run(self, ask: Ask) -> Run:
        if self.chance.random() < 0.15:
            self.lost += 1
            raise SessionBroken(RunFailed("crashed", "the session broke"))
        return self.fresh.made.run("session", ask)

    def blame(self, broken: SessionBroken) -> None:
        """It may go on lying."""
        self.blamed += 1


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
        fresh = Fresh(made, random.Random(1000 + seed))
        space = make_space(ring.observation, ("dt", "nspike", "gid_compress", "bin_queue", "self_queue"))
        verifier = Verifier(space, Acceptance(ring.baseline, ring.observation, AcceptConfig()), 60.0)
        sessions = Sessions(fresh, random.Random(seed))
        trials = TrialRunner(fresh, verifier, SearchConfig(repeats=2), router=sessions)
        return Bench(trials, made, sessions)

    return make


def test_both_runs_beside_a_trial_are_made_in_the_way_of_the_trial_right_before_and_after_it(bench):
    ways, lost, blamed = set(), 0, 0
    for seed in range(30):
        one = bench(seed)
        for number, changes in enumerate(REQUESTS):
            trial = one.trials.trial(number, one.trials.verifier.space.with_values(**changes))
            for sample in trial.samples:
                places = one.made.of(sample)
                assert places == [places[0], places[0] + 1, places[0] + 2], (seed, trial.changes, places)
                assert [one.made.runs[place][1] for place in places] == [{}, trial.changes, {}]
                way = {one.made.runs[place][0] for place in places}
                assert way == {sample.way}, (seed, trial.changes, way)
                ways |= way
        lost, blamed = lost + one.sessions.lost, blamed + one.sessions.blamed
    assert ways == {"fresh", "session"}
    assert lost > 20
    assert 20 < blamed < lost, "a crash of the settings themselves is not the session's fault"


def test_a_runner_that_makes_a_run_in_another_way_than_it_said_gives_no_sample(bench):
    one = bench(0)
    one.sessions.run = one.sessions.fresh.run  # it says session and starts a process
    one.sessions.runner_for = lambda ask, regime: one.sessions
    with pytest.raises(AssertionError, match="a session run was asked for, a fresh run was made"):
        one.trials.trial(1, one.trials.verifier.space.with_values(bin_queue=True))


def test_a_baseline_run_is_made_anew_where_others_were_made_to_find_out_who_makes_the_trial(bench):
    one = bench(0)
    one.sessions.runner_for = lambda ask, regime: one.sessions.fresh
    one.sessions.settled = lambda ask: not ask.changes
    space = one.trials.verifier.space
    one.trials.trial(0, space.with_values())
    one.trials.trial(1, space.with_values(bin_queue=True))
    assert [bool(changes) for _, changes, _ in one.made.runs][:6] == [False, False, False, False, True, False]
