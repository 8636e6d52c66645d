"""The part of a long run that the search uses: how long it is, and of which networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, NUMERICAL, Domain
from autotune.calibrate.short import ShortRun, shorten
from autotune.config import AcceptConfig, SearchConfig
from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.settings import Params
from autotune.verify.acceptance import Acceptance
from autotune.verify.references import References


@dataclass(frozen=True)
class Observed:
    """What a part of a run depends on."""

    facts: ModelFacts
    run_s: float
    wall_s: float
    finitializes: int = 1
    traced: bool = False


class Stoppable:
    """A runner of a model whose spikes are known, and that can be stopped anywhere."""

    def __init__(self, baseline: Raster) -> None:
        self.baseline = baseline
        self.asked: list[Ask] = []

    def run(self, ask: Ask) -> Any:
        assert ask.stop_ms is not None
        self.asked.append(ask)
        part = self.baseline.window(-math.inf, ask.stop_ms)
        return SimpleNamespace(raster=part, t_ms=ask.stop_ms, first=SimpleNamespace(dt_ms=0.025))


class Hanging(Stoppable):
    """A model that waits for ever when it is stopped early, as far as its runner can tell."""

    def run(self, ask: Ask) -> Any:
        self.asked.append(ask)
        raise RunFailed("timeout", f"still running after {ask.limit_s:.0f} s")


def shortened(runner: Stoppable, run_s: float = 400.0, limit_s: float = 1e6, **how: Any) -> ShortRun:
    """The part of a run of 1000 ms that takes so many seconds."""
    facts = ModelFacts((9, 0, 2), 1, dt_ms=0.025, t_stop_ms=1000.0)
    observation: Any = Observed(facts, run_s=run_s, wall_s=run_s)
    search = SearchConfig(**{"short_s": 20.0, "objective": "run", **how.pop("search", {})})
    limits, references = how.pop("limits", AcceptConfig()), how.pop("references", References())
    whole = Acceptance(runner.baseline, observation, limits, how.pop("regime", "regular"), references)
    space = SearchSpace(how.pop("domains", {}), (), Params({}), facts)
    return shorten(runner, Ask(limit_s), whole, search, space, **how)


def poisson(spikes: int = 20_000, seed: int = 0) -> Raster:
    random = np.random.default_rng(seed)
    return Raster.from_arrays(random.integers(0, 500, spikes), random.uniform(0, 1000.0, spikes))


def test_a_long_run_is_searched_on_the_part_that_takes_as_long_as_its_user_says() -> None:
    assert shortened(Stoppable(poisson()), search={"short_s": 60.0}).stop_ms == 150.0
    assert shortened(Stoppable(poisson()), search={"short_s": 100.0}).stop_ms == 250.0


def test_the_part_is_a_tenth_of_the_run_at_least() -> None:
    assert shortened(Stoppable(poisson())).stop_ms == 100.0  # 20 of 400 s would be 50 ms


ROUGH = AcceptConfig(resolution=0.5)


def parting_at(ms: float) -> References:
    """Null runs of the baseline that are it until then."""
    early = poisson().window(-math.inf, ms)
    late = (poisson(seed=seed).window(ms, math.inf) for seed in range(1, 8))
    both = ((early.gids, each.gids, early.times_ms, each.times_ms) for each in late)
    return References(null=tuple(Raster.from_arrays(np.r_[a, b], np.r_[c, d]) for a, b, c, d in both))


@pytest.mark.parametrize(("ms", "stop_ms"), [(20.0, 100.0), (60.0, 126.0), (140.0, 310.0), (290.0, None)])
def test_the_part_of_a_chaotic_network_goes_on_as_long_again_as_its_null_runs_take_to_part(ms, stop_ms) -> None:
    runner = Stoppable(poisson())
    short = shortened(runner, regime="chaotic", references=parting_at(ms), limits=ROUGH)
    assert short.stop_ms == stop_ms
    assert [ask.stop_ms for ask in runner.asked] == ([stop_ms] if stop_ms else [])
    assert stop_ms or "a chaotic network is judged by statistics, and a part is too short" in short.note


def test_what_has_shown_that_it_can_be_stopped_early_is_not_asked_again() -> None:
    runner = Stoppable(poisson())
    chaotic = {"regime": "chaotic", "references": parting_at(20.0), "limits": ROUGH}
    assert shortened(runner, **chaotic, shown_ms=100.0).stop_ms == 100.0
    assert not runner.asked
    assert shortened(runner, **chaotic, shown_ms=98.0).stop_ms == 100.0
    assert [ask.stop_ms for ask in runner.asked] == [100.0]


def test_a_part_of_a_chaotic_network_holds_enough_spikes_for_statistics() -> None:
    def stop_ms(limits: AcceptConfig) -> float | None:
        return shortened(Stoppable(poisson()), regime="chaotic", references=parting_at(20.0), limits=limits).stop_ms

    assert stop_ms(ROUGH.model_copy(update={"least_spikes": 3300})) == 198.0  # of 20,000 in 1000 ms, after t = 20 ms
    assert stop_ms(AcceptConfig()) == 388.0  # until the rate varies by a tenth only


def test_without_any_statistics_only_the_same_spikes_are_accepted_and_a_part_will_do() -> None:
    assert shortened(Stoppable(poisson()), regime="chaotic").stop_ms == 100.0


def test_a_model_that_does_not_reproduce_itself_is_searched_on_its_whole_run() -> None:
    short = shortened(Stoppable(poisson()), regime="random")
    assert short.stop_ms is None
    assert "the search uses the whole run: a random network" in short.note


def test_where_the_whole_process_is_timed_the_whole_run_is_made() -> None:
    assert shortened(Stoppable(poisson()), search={"objective": "total"}) == ShortRun()


def test_the_part_holds_enough_spikes_before_its_last_window() -> None:
    late = Raster.from_arrays(np.arange(2000), np.repeat([309.9, 800.0], [200, 1800]))
    assert shortened(Stoppable(late), run_s=4e6).stop_ms == 312.0
    assert shortened(Stoppable(late), run_s=4e6, search={"short_spikes": 201}).stop_ms is None  # 802 of 1000 ms


def test_of_few_spikes_a_quarter_is_enough_and_twenty_at_least() -> None:
    for spikes, until_ms in ((92, 252.0), (40, 502.0)):  # a spike every 1000 / spikes ms
        even = Raster.from_arrays(np.arange(spikes) % 7, (1 + np.arange(spikes)) * 1000.0 / spikes)
        assert shortened(Stoppable(even)).stop_ms == until_ms
    assert shortened(Stoppable(Raster.from_arrays(np.arange(19), np.linspace(1.0, 100.0, 19)))) == ShortRun()


def test_a_change_of_the_numbers_is_searched_on_a_part_with_evidence_of_its_own() -> None:
    early = Raster.from_arrays(
        np.arange(1000) % 500, np.concatenate([np.full(500, 9.9), np.linspace(160.0, 999.0, 500)])
    )
    dt = {"dt": Domain((0.025, 0.05), safety=NUMERICAL)}
    short = shortened(Stoppable(early), domains=dt)
    assert short.stop_ms is None
    assert "uses the whole run: up to t = 100 ms the spikes prove too little" in short.note
    assert "none after t = 9.9 ms of 100 ms (evidence_until)" in short.note
    assert shortened(Stoppable(early), domains={"nspike": Domain((0, 4), safety=EXACT)}).stop_ms == 100.0
    assert shortened(Stoppable(poisson()), domains=dt).stop_ms == 100.0


@pytest.mark.parametrize(("limit_s", "asked_s"), [(1e6, 2 * 400.0 + 10.0), (5.0, 5.0)])
def test_a_hang_when_it_is_stopped_early_costs_the_part_and_not_the_study(limit_s, asked_s) -> None:
    runner = Hanging(poisson())
    short = shortened(runner, limit_s=limit_s)
    assert [ask.limit_s for ask in runner.asked] == [asked_s]  # the whole run took 400 s
    assert short.stop_ms is None
    assert "it fails when it is stopped early: still running after" in short.note


def test_a_part_that_is_another_run_than_the_beginning_of_the_whole_is_not_used() -> None:
    class Other(Stoppable):
        def run(self, ask: Ask) -> Any:
            run = super().run(ask)
            run.raster = Raster.from_arrays(run.raster.gids, run.raster.times_ms + 0.025)
            return run

    class GoesOn(Stoppable):
        def run(self, ask: Ask) -> Any:
            run = super().run(ask)
            run.t_ms = 1000.0
            return run

    assert "its raster is another one" in shortened(Other(poisson())).note
    assert "it went on to t = 1000 ms" in shortened(GoesOn(poisson())).note
