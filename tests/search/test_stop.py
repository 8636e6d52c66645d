"""When a search ends: each criterion alone, with its reason, and that none of them ends a search that may go on."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, Domain
from autotune.config import SearchConfig
from autotune.measure import aa_spread, neighbour_log_ratios
from autotune.plan.space import SearchSpace
from autotune.search.stop import CRITERIA, MOST_REPEATS, Searched, why_stop
from autotune.settings import Changes, Params
from autotune.store.records import Sample, Trial

# A tenth of this run is exchange, which nspike can spare at most; nothing bounds what dt can bring.
FACTS = ModelFacts(
    (9, 0, 2), 2, 0.025, 100.0, run_s=10.0, step_s=9.0, exchange_s=1.0, baseline={"dt": 0.025, "nspike": 0}
)
NSPIKE, DT = Domain((0, 4)), Domain((0.025, 0.05), safety="numerical")


def space(**domains: Domain) -> SearchSpace:
    return SearchSpace(domains, (), {name: FACTS.baseline[name] for name in domains}, FACTS)


def trial(number: int, answered_from: int | None = None) -> Trial:
    return Trial(number, {}, "accepted", answered_from=answered_from)


def tried_all(speedup: float, *, noise: float | None, values: int = 2) -> Searched:
    """A search that has tried so many values of its knob, none of them faster than this."""
    knob = Domain(tuple(range(values)), safety=EXACT)
    made = [
        Trial(
            number,
            Params({"nspike": number}),
            "accepted",
            changes=Changes({"nspike": number} if number else {}),
            ratio=1.0 / speedup if number else 1.0,
            samples=(Sample(speedup, 1.0, speedup),) * 2,
        )
        for number in range(values)
    ]
    return Searched(made, 10.0, SearchConfig(trials=30), space(nspike=knob), 0.0, noise)


GOING_ON = Searched([trial(0)], 10.0, SearchConfig(trials=30), space(nspike=NSPIKE, dt=DT), visible_gain=0.05)
REPEATED = [trial(0), *(trial(number, answered_from=0) for number in range(1, MOST_REPEATS + 1))]
STOPPED = {
    "nothing_to_search": (replace(GOING_ON, space=space(), visible_gain=0.0), "no knob of this model can be searched"),
    "trials": (replace(GOING_ON, limits=SearchConfig(trials=1)), "the one trial that was asked for was made"),
    "time": (
        replace(GOING_ON, limits=SearchConfig(time_budget_s=9.5)),
        "the time for searching, 9.5 s, is used up",
    ),
    "nothing_new": (
        replace(GOING_ON, trials=REPEATED),
        f"nothing new to find: the last {MOST_REPEATS} proposals had been tried before",
    ),
    "nothing_gains": (tried_all(1.01, noise=0.01), "every value has been tried, and no trial can be a gain of 5.0%"),
    "no_visible_gain": (
        replace(GOING_ON, space=space(nspike=NSPIKE), visible_gain=0.12),
        "all knobs together can bring 11.1% at most, and less than 12.0% cannot be shown on this machine",
    ),
}


def test_every_criterion_is_tried_here():
    assert {criterion.__name__ for criterion in CRITERIA} == set(STOPPED)


def test_a_search_with_trials_time_and_gains_left_goes_on():
    assert why_stop(GOING_ON) == ""


@pytest.mark.parametrize("name", STOPPED)
def test_a_criterion_ends_the_search_alone_and_says_why(name):
    searched, reason = STOPPED[name]
    assert why_stop(searched) == reason
    assert {each.__name__ for each in CRITERIA if each(searched)} == {name}


@pytest.mark.parametrize(
    "searched",
    [
        replace(GOING_ON, limits=SearchConfig(trials=2)),
        tried_all(1.04, noise=0.01),
        tried_all(1.01, noise=0.05),
        tried_all(1.01, noise=None),
        replace(tried_all(1.01, noise=0.01), trials=tried_all(1.01, noise=0.01).trials[:1]),
        replace(GOING_ON, limits=SearchConfig(time_budget_s=10.0)),
        replace(GOING_ON, trials=REPEATED[:-1]),
        replace(GOING_ON, trials=[*REPEATED, trial(MOST_REPEATS + 1)]),
        replace(GOING_ON, space=space(nspike=NSPIKE), visible_gain=0.11),
        replace(GOING_ON, visible_gain=0.12),
        replace(GOING_ON, trials=[], space=space(nspike=NSPIKE), visible_gain=0.12),
        replace(GOING_ON, limits=SearchConfig(knobs=("nspike",)), space=space(nspike=NSPIKE), visible_gain=0.12),
    ],
    ids=[
        "a trial left",
        "what may be a gain",
        "noise that may hide a gain",
        "noise that is not known",
        "a value that was never tried",
        "time left",
        "one repeat fewer",
        "a new one at last",
        "a gain that can be seen",
        "a knob without a bound",
        "not even the baseline yet",
        "a knob that the user has named",
    ],
)
def test_until_then_it_goes_on(searched):
    assert why_stop(searched) == ""


def test_giving_up_loses_hardly_a_gain_of_five_percent_on_a_quiet_node_and_saves_the_search_where_there_is_none(
    rules: ModuleType,
) -> None:
    def ends(gain: float, seed: int) -> bool:
        clock = rules.Clock(rules.QUIET, np.random.default_rng(seed), None)
        noise = aa_spread(neighbour_log_ratios([clock.run() for _ in range(rules.CONFIG.noise.runs)]), shared_runs=True)
        made = tried_all(1.0, noise=noise.spread, values=6)
        trials = []
        for each in made.trials:
            samples = [(clock.run(), clock.run(1 + gain * (each.number == 3)), clock.run()) for _ in range(2)]
            ratio = float(np.exp(np.mean([np.log(s[1]) - np.log(s[0] * s[2]) / 2 for s in samples])))
            trials.append(replace(each, ratio=ratio, samples=tuple(Sample(*s) for s in samples)))
        return bool(why_stop(replace(made, trials=trials)))

    assert sum(ends(0.05, seed) for seed in range(200)) <= 0.05 * 200
    assert sum(ends(0.0, seed) for seed in range(200)) >= 0.6 * 200


def test_the_users_own_value_of_a_knob_that_acts_beside_another_only_is_tried_with_the_baseline():
    one = tried_all(1.01, noise=0.01)
    both = replace(one, space=space(nspike=one.space.domains["nspike"], dt=Domain((0.025,), safety=EXACT)))
    assert not any("dt" in trial.params for trial in both.trials)
    assert "every value has been tried" in why_stop(both)


def test_a_limit_of_the_tuners_own_ends_no_search_before_its_first_trials():
    limited = replace(GOING_ON, limits=SearchConfig(time_budget_s=9.5))
    made = [trial(number) for number in range(3)]
    assert why_stop(replace(limited, trials=made[:2], first=3)) == ""
    assert "9.5 s, is used up" in why_stop(replace(limited, trials=made, first=3))
