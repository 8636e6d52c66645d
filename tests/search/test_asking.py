"""The search: the published recipe first, then a seeded sampler; nothing is run twice, every verdict is told as it is.

Runs are made from one real run, with a clock of the test's own: a time and an end for each setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from autotune.config import AcceptConfig, SearchConfig
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Run
from autotune.launch.judge import RunFailed
from autotune.plan.making import make_space
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.search.answers import Answers, best_ratio
from autotune.search.loop import Found, search
from autotune.search.recipe import first_trials, recipe
from autotune.search.sampler import N_STARTUP, make_sampler
from autotune.search.stop import Terms
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.settings import Changes, Params
from autotune.store.folder import StudyFolder
from autotune.store.optuna import best_accepted, open_study
from autotune.store.records import Trial
from autotune.verify.acceptance import Acceptance

ONCE = SearchConfig(repeats=0)
FIRST_KNOBS = ("dt", "nspike", "gid_compress", "bin_queue", "self_queue", "cache_efficient")


def faster_with_larger_dt(settings: dict[str, Any]) -> float:
    return 0.025 / settings.get("dt", 0.025)


@dataclass
class Clock:
    """Stands in for fresh processes: `ends(changes)` is a time in seconds, a failure, or a run as it would be read."""

    real: Run
    ends: Callable[[dict[str, Any]], Any] = faster_with_larger_dt
    asked: list[dict[str, Any]] = field(default_factory=list)

    def prepare(self, changes: Changes) -> None:
        """There is nothing to build."""

    def run(self, ask: Ask) -> Any:
        self.asked.append(ask.changes)
        end = self.ends(ask.changes)
        if isinstance(end, Exception):
            raise end
        if not isinstance(end, float):
            return end
        return replace(self.real, run_s=end, effective={**self.real.effective, **ask.changes})


@dataclass
class Bench:
    """A search on the observed ring with a clock of ours."""

    clock: Clock
    runner: TrialRunner
    study: optuna.Study
    folder: StudyFolder

    @property
    def space(self) -> SearchSpace:
        return self.runner.verifier.space

    def search(self, trials: int, **limits: Any) -> list[Trial]:
        return list(self.found(trials, **limits).trials)

    def found(self, trials: int, **limits: Any) -> Found:
        terms = Terms(SearchConfig(trials=trials, **limits))
        return search(self.study, self.runner, self.folder, terms, lambda trial: None)


@pytest.fixture
def bench(ring, tmp_path):
    """`bench(ends, seed, knobs)`: a new search."""

    def make(
        ends: Callable[..., Any] = faster_with_larger_dt,
        seed: int = 0,
        knobs: Any = FIRST_KNOBS,
        config: SearchConfig = ONCE,
    ) -> Bench:
        clock = Clock(ring.run, ends)
        acceptance = Acceptance(ring.baseline, ring.observation, AcceptConfig())
        verifier = Verifier(make_space(ring.observation, knobs), acceptance, 60.0, config.objective)
        runner = TrialRunner(clock, verifier, config)
        folder = StudyFolder(tmp_path / f"study-{len(list(tmp_path.iterdir()))}")
        folder.create()
        return Bench(clock, runner, open_study(InMemoryStorage(), "ring", seed, make_sampler), folder)

    return make


def space_of(ring, **facts: Any) -> SearchSpace:
    observation = replace(ring.observation, facts=replace(ring.observation.facts, **facts))
    return make_space(observation, FIRST_KNOBS)


def test_the_recipe_is_the_baseline_the_exchange_and_then_the_queues_beside_it(ring):
    space = space_of(ring, neuron=(9, 0, 2), histogram=(0, 90, 6, 3, 1))
    exchange = {"nspike": 2, "gid_compress": True}
    assert [space.changes(params) for params in recipe(space)] == [
        {},
        exchange,
        {**exchange, "bin_queue": True},
        {**exchange, "self_queue": True},
    ]


def test_in_neuron_8_the_recipe_ends_with_the_memory_layout(ring):
    own = {**ring.observation.facts.baseline, "cache_efficient": False}
    assert recipe(space_of(ring, neuron=(8, 2, 7), baseline=own))[-1]["cache_efficient"] is True


def test_the_recipe_leaves_out_what_cannot_act(ring):
    space = space_of(ring, ranks=1, psolve=False)
    assert [space.changes(params) for params in recipe(space)] == [{}, {"bin_queue": True}]


def test_the_first_trials_are_the_recipe_and_trial_0_is_the_baseline(bench):
    one = bench()
    trials = one.search(4)
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    assert [trial.params for trial in trials] == recipe(one.space)
    assert trials[0].changes == {}


def test_what_no_advice_speaks_of_comes_next_one_value_of_each_knob_in_turn(bench):
    space = bench(knobs=("dt", "nspike", "gid_compress", "secondorder")).space
    first, advised = first_trials(space), recipe(space)
    assert first[: len(advised)] == advised
    assert len(first) == N_STARTUP
    singles = [space.changes(params) for params in first[len(advised) :]]
    assert all(len(changes) == 1 for changes in singles)
    assert [next(iter(changes)) for changes in singles[:3]] == ["dt", "secondorder", "nspike"]
    assert singles[0]["dt"] == 0.05  # twice the user's own


def test_the_same_seed_asks_for_the_same_settings_and_another_seed_for_others(bench):
    first, again, other = ([trial.params for trial in bench(seed=seed).search(12)] for seed in (3, 3, 4))
    assert first == again
    assert first[:4] == other[:4]
    assert first != other


def test_settings_that_were_asked_for_before_are_answered_without_a_run(bench):
    one = bench(knobs=("bin_queue",))
    trials = one.search(8)
    answered = [trial for trial in trials if trial.answered_from is not None]
    assert len(answered) == 6
    assert one.clock.asked.count({"bin_queue": True}) == 1
    for trial in answered:
        assert (trial.verdict, trial.ratio) == (trials[trial.answered_from].verdict, trials[trial.answered_from].ratio)


def test_a_search_with_nothing_new_to_find_ends_by_itself(bench):
    assert len(bench(knobs=("bin_queue",)).search(1000)) < 30


def test_a_trial_is_scored_by_the_baseline_runs_before_and_after_it_which_neighbours_share(bench):
    one = bench()
    one.search(4)
    assert [bool(settings) for settings in one.clock.asked] == [
        False,
        False,
        False,
        True,
        False,
        True,
        False,
        True,
        False,
    ]


def test_a_promising_trial_is_measured_again_and_every_sample_is_kept(bench):
    times = iter([2.0, 2.0, 2.0, 1.0, 4.0, 1.0, 1.0, 4.0, 1.0])  # the baseline's trial, then a trial's three samples
    one = bench(lambda settings: next(times), knobs=("bin_queue",), config=SearchConfig(repeats=2))
    baseline, trial = one.search(2)
    assert len(baseline.samples) == 1
    assert [(s.before_s, s.trial_s, s.after_s) for s in trial.samples] == [(2, 1, 4), (4, 1, 1), (1, 4, 1)]
    assert trial.ratio == pytest.approx((1 / 8**0.5 * 0.5 * 4) ** (1 / 3))
    assert all(sample.cpu_s == one.clock.real.cpu_s and len(sample.cpu_s) == 2 for sample in trial.samples)
    assert one.folder.trials() == [baseline, trial]


def test_the_whole_process_is_timed_if_it_is_the_objective(bench, ring):
    def starts_slowly_and_runs_fast(settings):
        run_s, wall_s = (0.5, 4.0) if settings else (1.0, 2.0)
        return replace(ring.run, run_s=run_s, wall_s=wall_s, effective={**ring.run.effective, **settings})

    run, total = (
        bench(starts_slowly_and_runs_fast, knobs=("bin_queue",), config=SearchConfig(repeats=0, objective=objective))
        for objective in ("run", "total")
    )
    assert [one.search(2)[1].ratio for one in (run, total)] == pytest.approx([0.5, 2.0])


def test_a_trial_may_take_so_many_times_what_the_best_so_far_needs(bench):
    config = SearchConfig(repeats=0, cap=3.0)
    one = bench(lambda settings: 50.0 if settings else 100.0, knobs=("bin_queue",), config=config)
    at_first = one.runner.time_limit_s(100.0, best_ratio(()))
    trials = one.search(2)
    assert at_first - one.runner.time_limit_s(100.0, best_ratio(trials)) == pytest.approx(3.0 * (100.0 - 50.0))


def test_the_baseline_is_never_better_than_itself_however_lucky_its_own_trial_was(bench):
    baseline, *others = bench().search(3)
    ratios = zip((baseline, *others), (0.25, 0.9, 1.2), strict=True)
    assert best_ratio([replace(trial, ratio=ratio) for trial, ratio in ratios]) == 0.9


def test_a_setting_that_took_no_effect_is_not_applicable(bench, ring):
    def refuses_self_queue(settings):
        effective = {**ring.run.effective, **settings, "self_queue": False}
        return replace(ring.run, run_s=1.0, effective=effective)

    trials = bench(refuses_self_queue, knobs=("self_queue",)).search(2)
    assert trials[1].verdict == "not applicable"
    assert "self_queue = True was asked for, False took effect" in trials[1].reason
    assert trials[1].violation > 0


def test_what_a_refused_setting_became_is_still_tried_under_its_own_name(bench, ring):
    def refuses_self_queue(settings):
        effective = {**ring.run.effective, **settings, "self_queue": False}
        return replace(ring.run, run_s=1.0, effective=effective)

    one = bench(refuses_self_queue, knobs=("bin_queue", "self_queue"))
    refused = one.runner.trial(0, one.space.with_values(bin_queue=True, self_queue=True))
    assert refused.effective == {"bin_queue": True, "self_queue": False}
    plain = one.runner.trial(1, one.space.with_values(bin_queue=True, self_queue=False), [refused])
    assert (plain.verdict, plain.answered_from) == ("accepted", None)


def test_a_crash_and_a_time_limit_are_verdicts_and_never_times(bench):
    ends = {
        "bin_queue": RunFailed("crashed", "rank 0: it broke", details="a\nlast line"),
        "self_queue": RunFailed("timeout", "too long"),
    }

    one = bench(lambda settings: next((ends[name] for name in ends if name in settings), 1.0))
    trials = one.search(4)
    assert (trials[2].verdict, trials[2].ratio, trials[2].reason) == ("crashed", None, "rank 0: it broke | last line")
    assert (trials[3].verdict, trials[3].ratio) == ("timeout", None)
    assert [trial.state for trial in one.study.trials[2:4]] == [TrialState.PRUNED] * 2
    assert [trial.values for trial in one.study.trials[2:4]] == [None, None]


def test_a_rejected_trial_is_told_with_its_violated_constraint_and_never_the_best(bench, ring):
    wrong = Raster.from_arrays(ring.baseline.gids, ring.baseline.times_ms + 5.0)

    def wrong_but_fast(settings):
        changed = replace(ring.run, run_s=0.1, effective={**ring.run.effective, **settings}, raster=wrong)
        return changed if settings.get("bin_queue") else 0.9 if settings else 1.0

    one = bench(wrong_but_fast)
    trials = one.search(4)
    told = one.study.trials[2]
    assert trials[2].verdict == "diverged"
    assert told.state == TrialState.COMPLETE
    assert told.values == pytest.approx([0.1])
    assert max(told.constraints.values()) == pytest.approx(trials[2].violation)
    assert trials[2].violation > 0
    best = best_accepted(one.study.trials)
    assert best is not None
    assert best.number in (1, 3)


def test_a_single_failure_of_the_baseline_is_forgiven_and_a_second_in_a_row_ends_the_study(bench):
    failures = iter([RunFailed("crashed", "a hiccup")])
    assert bench(lambda settings: next(failures, 1.0)).search(1)[0].verdict == "accepted"
    with pytest.raises(BaselineError, match="the baseline ran before and fails now: gone"):
        bench(lambda settings: RunFailed("crashed", "gone")).search(1)


def test_a_trial_is_in_the_folder_before_optuna_is_told(bench, monkeypatch):
    one = bench()
    tell, found = one.study.tell, []

    def look_first(asked: optuna.Trial, *values: Any, **how: Any) -> Any:
        found.append([trial.number for trial in one.folder.trials()])
        return tell(asked, *values, **how)

    monkeypatch.setattr(one.study, "tell", look_first)
    one.search(3)
    assert found == [[0], [0, 1], [0, 1, 2]]


def test_a_driver_that_dies_before_optuna_is_told_repeats_nothing(bench, monkeypatch):
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    one = bench()
    one.search(1)
    with monkeypatch.context() as dying:
        dying.setattr(one.study, "tell", die)
        with pytest.raises(KeyboardInterrupt):
            one.search(2)
    (before,) = (trial for trial in one.folder.trials() if trial.changes)
    after = one.search(3)
    assert [trial.number for trial in after] == [0, 1, 2]
    assert after[1] == before
    assert [settings for settings in one.clock.asked if settings == before.changes] == [before.changes]
    assert all(trial.state.is_finished() for trial in one.study.trials[:3])


def test_the_search_stops_asking_when_its_time_is_used_up_also_over_several_sessions(bench):
    one = bench()
    one.search(2)
    one.folder.write_trial(replace(one.folder.trials()[1], wall_s=100.0))
    found = one.found(10, time_budget_s=50.0)
    assert len(found.trials) == 2
    assert "50 s" in found.stopped.reason


def test_an_answer_is_looked_for_among_the_trials_that_are_known_now():
    asked = Trial(0, Params({"dt": 0.05}), "accepted", effective={"dt": 0.05})
    refused = Trial(1, Params({"dt": 0.1}), "not applicable", effective={"dt": 0.025})
    copied = replace(asked, number=2, params=Params({"dt": 0.2}), answered_from=0)
    snapped = Trial(3, Params({"dt": 0.3}), "accepted", effective={"dt": 0.4})
    answers, known = Answers(), [asked]
    assert answers.to(Params({"dt": 0.05}), known) is asked
    known += [refused, copied, snapped]
    found = {dt: answers.to(Params({"dt": dt}), known) for dt in (0.025, 0.1, 0.2, 0.3, 0.4)}
    assert found == {0.025: None, 0.1: refused, 0.2: None, 0.3: snapped, 0.4: snapped}
    assert answers.to(Params({"dt": 0.05}), [refused]) is None  # of another search
