"""The final proof: what it claims, what it refuses to claim, and how it goes on after an interruption."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from autotune.measure import Confirmation, Dropped, Event, Pair, RunFailed, confirm, event_from_dict
from autotune.measure.confirm import schedule

quick = partial(confirm, resamples=299)


def on_clock(rules: ModuleType, speedups: dict[str, float], seed: int = 0, load_from: int | None = None, **options):
    """A confirmation on a machine with noise and drift of 1 %; `load_from`: the run at which a load of +50 % starts."""
    machine = rules.Machine("calm", 0.01, 0.01, 0.0, 0.0, load=0.0 if load_from is None else 0.4)
    clock = rules.Clock(machine, np.random.default_rng([seed, 1]), load_from or 0)
    runs = {name: partial(clock.run, speedup) for name, speedup in speedups.items()}
    return quick(clock.run, runs, seed=seed, **options)


def test_a_planted_gain_is_proved(rules: ModuleType):
    result = on_clock(rules, {"same": 1.0, "fast": 1.10})
    assert (result.verdict, result.winner) == ("improved", "fast")
    assert result.best is not None
    assert result.best.speedup.low > 1
    assert result.best.speedup.low <= 1.10 <= result.best.speedup.high
    assert result.best.corrected_p < 0.01


def test_identical_settings_are_no_improvement(rules: ModuleType):
    verdicts = [on_clock(rules, {"a": 1.0, "b": 1.0}, seed).verdict for seed in range(50)]
    assert set(verdicts) == {"no improvement"}


def test_a_slower_finalist_is_no_improvement(rules: ModuleType):
    result = on_clock(rules, {"slow": 0.8})
    assert (result.verdict, result.winner, result.best) == ("no improvement", None, None)


def test_a_true_gain_below_the_worthwhile_minimum_is_not_claimed(rules: ModuleType):
    assert on_clock(rules, {"a": 1.05}, minimum_gain=0.10).verdict == "no improvement"
    assert on_clock(rules, {"a": 1.05}, minimum_gain=0.0).verdict == "improved"


def test_the_best_of_the_proved_wins(rules: ModuleType):
    result = on_clock(rules, {"good": 1.2, "better": 1.5, "fair": 1.1})
    assert result.winner == "better"
    assert [finding.finalist for finding in result.findings if finding.proved] == ["good", "better", "fair"]


@pytest.mark.parametrize("load_from", range(1, 20))
def test_a_load_that_starts_in_the_middle_does_not_change_the_verdict(rules: ModuleType, load_from: int):
    assert on_clock(rules, {"fast": 1.10}, load_from=load_from).verdict == "improved"
    assert on_clock(rules, {"same": 1.0}, load_from=load_from).verdict == "no improvement"


def test_more_finalists_make_the_proof_harder():
    alone = quick(lambda: 1.0, {"a": lambda: 1 / 1.1})
    among = quick(lambda: 1.0, {"a": lambda: 1 / 1.1, "b": lambda: 1.0, "c": lambda: 1.0})
    assert among.findings[0].p_value == alone.findings[0].p_value
    assert among.findings[0].corrected_p == pytest.approx(3 * alone.findings[0].corrected_p)


def test_order_within_pairs_is_random_and_seeded():
    plan = schedule(["a", "b"], 50, seed=1)
    assert plan == schedule(["b", "a"], 50, seed=1)
    assert plan != schedule(["a", "b"], 50, seed=2)
    for name in ("a", "b"):
        assert 10 < sum(first for key, _, first in plan if key == name) < 40
    assert {plan[2 * i][0] for i in range(50)} == {"a", "b"}


def test_runs_happen_in_the_order_of_the_plan():
    ran: list[str] = []

    def run(name: str) -> float:
        ran.append(name)
        return 1.0

    result = quick(partial(run, "base"), {"a": partial(run, "a")}, pairs=7, seed=3)
    expected = [["base", "a"] if first else ["a", "base"] for _, _, first in schedule(["a"], 7, 3)]
    assert ran == [name for pair in expected for name in pair]
    assert [sample.index for sample in result.samples] == list(range(7))


def test_a_finalist_whose_run_fails_is_dropped_with_its_reason():
    calls = iter(range(100))

    def breaks() -> float:
        if next(calls) == 3:
            raise RunFailed("rank 1 gave no file")
        return 0.5

    result = quick(lambda: 1.0, {"broken": breaks, "good": lambda: 0.8})
    assert result.dropped == (Dropped("broken", 3, "rank 1 gave no file"),)
    assert [finding.finalist for finding in result.findings] == ["good"]
    assert result.winner == "good"
    assert sum(sample.finalist == "broken" for sample in result.samples) == 3
    assert result.findings[0].corrected_p == pytest.approx(2 * result.findings[0].p_value)


def test_when_all_are_dropped_there_is_no_improvement():
    def fails() -> float:
        raise OSError("no such file")

    result = quick(lambda: 1.0, {"a": fails}, run_failed=OSError)
    assert (result.verdict, len(result.dropped), result.findings) == ("no improvement", 1, ())


def test_without_finalists_there_is_no_improvement():
    assert quick(lambda: 1.0, {}).verdict == "no improvement"


def test_a_bug_in_a_finalist_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        quick(lambda: 1.0, {"a": lambda: 1 / 0})


def test_a_failing_baseline_ends_the_confirmation():
    def fails() -> float:
        raise RunFailed("gone")

    with pytest.raises(RunFailed, match="gone"):
        quick(fails, {"a": lambda: 1.0})


def resumable(events: list[Event], stop_after: int | None = None) -> Confirmation:
    """A confirmation whose times depend on the event only, so that an interrupted one can be compared."""
    done = [0]

    def seconds(speedup: float) -> float:
        return float(np.exp(np.random.default_rng(len(events)).normal(0, 0.01))) / speedup

    def breaks() -> float:
        raise RunFailed("diverged")

    def record(event: Event) -> None:
        events.append(event)
        done[0] += 1
        if done[0] == stop_after:
            raise KeyboardInterrupt

    finalists = {"a": partial(seconds, 1.1), "b": partial(seconds, 1.0), "broken": breaks}
    return quick(partial(seconds, 1.0), finalists, seed=5, on_progress=record, completed=list(events))


@pytest.mark.parametrize("stop_after", [1, 2, 7, 19])
def test_a_resumed_confirmation_equals_an_uninterrupted_one(stop_after: int):
    whole: list[Event] = []
    expected = resumable(whole)
    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        resumable(events, stop_after)
    events = [event_from_dict(json.loads(json.dumps(asdict(event)))) for event in events]
    assert resumable(events) == expected
    assert events == whole  # nothing was measured twice


def test_events_of_another_seed_are_refused():
    sample = Pair("a", 0, not schedule(["a"], 10, 0)[0][2], 1.0, 1.0)
    with pytest.raises(ValueError, match="not part of this confirmation"):
        quick(lambda: 1.0, {"a": lambda: 1.0}, completed=[sample])


def test_the_result_is_json_and_keeps_every_sample():
    result = quick(lambda: 1.0, {"a": lambda: 0.5})
    values = json.loads(json.dumps(result.as_dict()))
    assert values["verdict"] == "improved"
    assert values["findings"][0]["speedup"]["estimate"] == pytest.approx(2.0)
    assert len(values["samples"]) == 10
    assert values["samples"][0] == asdict(result.samples[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": 6}, "at least 7"),
        ({"alpha": 0.0}, "alpha"),
        ({"minimum_gain": -0.1}, "minimum gain"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_a_plan_that_can_prove_nothing_is_refused_before_the_first_run(options: dict, message: str):
    def never() -> float:
        raise AssertionError("a run was started")

    with pytest.raises(ValueError, match=message):
        quick(never, {"a": never}, **options)


def test_a_time_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive, finite"):
        quick(lambda: 1.0, {"a": lambda: 0.0})
