"""The final proof: whom it asks about, in which order, what it drops, and how it goes on after an interruption."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from autotune.measure import Confirmation, Dropped, Event, NoPair, Pair, Rule, Started, confirm, event_from_dict
from autotune.measure.confirm import coins

RULE = Rule(floor=0.005)


def steady(speedup: float):
    """Starts of a finalist that is always so much faster, on a machine that differs by half a percent."""

    def start(number: int, order: tuple[bool, ...]) -> Started:
        noise = np.random.default_rng([number, int(1000 * speedup)]).normal(0, 0.005, (len(order), 2))
        return Started(tuple((float(np.exp(a)), float(np.exp(b)) / speedup) for a, b in noise), "fresh")

    return start


def on_clock(rules: ModuleType, speedup: float, seed: int = 0, load_from: int = 10**9) -> Confirmation:
    """A confirmation on a machine with noise and drift of 1 %; `load_from`: the run at which a load of +50 % starts."""
    clock = rules.Clock(
        rules.Machine("calm", 0.01, 0.01, 0.0, 0.0, load=0.4), np.random.default_rng([seed, 1]), load_from
    )

    def start(number: int, order: tuple[bool, ...]) -> Started:
        pairs = []
        for baseline_first in order:
            first = clock.run(1.0 if baseline_first else speedup)
            second = clock.run(speedup if baseline_first else 1.0)
            pairs.append((first, second) if baseline_first else (second, first))
        return Started(tuple(pairs))

    return confirm({"a": start}, Rule(floor=0.01), seed=seed)


def test_a_planted_gain_is_proved():
    result = confirm({"fast": steady(1.10)}, RULE)
    assert (result.verdict, result.winner) == ("improved", "fast")
    assert result.best is not None
    assert 1 < result.best.speedup.low <= 1.10 <= result.best.speedup.high
    assert result.best.corrected_p < 0.01
    assert result.pairs == result.best.starts == len(result.samples)


def test_identical_settings_are_no_improvement(rules: ModuleType):
    assert {on_clock(rules, 1.0, seed).verdict for seed in range(50)} == {"no improvement"}


def test_a_slower_finalist_is_given_up_at_the_first_look():
    result = confirm({"slow": steady(0.8)}, RULE)
    assert (result.verdict, result.winner, result.best) == ("no improvement", None, None)
    assert [(finding.decision, finding.starts) for finding in result.findings] == [("not worth it", 4)]


def test_a_true_gain_below_the_worthwhile_minimum_is_not_claimed():
    assert confirm({"a": steady(1.05)}, Rule(floor=0.005, minimum_gain=0.10)).verdict == "no improvement"
    assert confirm({"a": steady(1.05)}, Rule(floor=0.005, minimum_gain=0.0)).verdict == "improved"


def test_the_next_finalist_is_asked_about_only_where_the_one_before_failed():
    result = confirm({"first": steady(1.2), "second": steady(1.5)}, RULE)
    assert (result.winner, [finding.finalist for finding in result.findings]) == ("first", ["first"])
    assert {sample.finalist for sample in result.samples} == {"first"}
    result = confirm({"first": steady(1.0), "second": steady(1.5)}, RULE)
    assert (result.winner, [finding.finalist for finding in result.findings]) == ("second", ["first", "second"])
    assert result.findings[1].corrected_p == pytest.approx(2 * result.findings[1].p_value)


@pytest.mark.parametrize("load_from", range(1, 12))
def test_a_load_that_starts_in_the_middle_does_not_change_the_verdict(rules: ModuleType, load_from: int):
    assert on_clock(rules, 1.20, load_from=load_from).verdict == "improved"
    assert on_clock(rules, 1.0, load_from=load_from).verdict == "no improvement"


def test_order_within_pairs_is_random_and_seeded():
    assert coins(1, "a", 0, 50) == coins(1, "a", 0, 50)
    assert coins(1, "a", 0, 50) != coins(2, "a", 0, 50) != coins(2, "b", 0, 50)
    assert 10 < sum(coins(1, "a", 3, 50)) < 40


def test_a_start_may_make_several_pairs_and_each_keeps_its_order():
    orders = []

    def start(number: int, order: tuple[bool, ...]) -> Started:
        orders.append(order)
        return steady(1.5)(number, order)

    result = confirm({"a": start}, RULE, seed=3, pairs_of=lambda name, number: 1 if number == 0 else 3)
    assert [len(order) for order in orders] == [1, 3, 3, 3]
    assert [sample.start for sample in result.samples] == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [sample.index for sample in result.samples] == list(range(10))
    assert [sample.baseline_first for sample in result.samples] == [coin for order in orders for coin in order]
    assert result.findings[0].starts == 4


def test_a_finalist_whose_run_fails_is_dropped_with_its_reason():
    def breaks(number: int, order: tuple[bool, ...]) -> Started:
        if number == 3:
            raise NoPair("rank 1 gave no file")
        return steady(2.0)(number, order)

    result = confirm({"broken": breaks, "good": steady(1.25)}, RULE)
    assert result.dropped == (Dropped("broken", 3, "rank 1 gave no file"),)
    assert [finding.finalist for finding in result.findings] == ["good"]
    assert result.winner == "good"
    assert sum(sample.finalist == "broken" for sample in result.samples) == 3


def test_when_all_are_dropped_there_is_no_improvement():
    def fails(number: int, order: tuple[bool, ...]) -> Started:
        raise OSError("no such file")

    result = confirm({"a": fails}, RULE, run_failed=OSError)
    assert (result.verdict, len(result.dropped), result.findings) == ("no improvement", 1, ())


def test_without_finalists_there_is_no_improvement():
    assert confirm({}, RULE).verdict == "no improvement"


def test_a_bug_in_a_finalist_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        confirm({"a": lambda number, order: 1 / 0}, RULE)


def resumable(events: list[Event], stop_after: int | None = None) -> Confirmation:
    """A confirmation whose times depend on the event only, so that an interrupted one can be compared."""
    done = [0]

    def breaks(number: int, order: tuple[bool, ...]) -> Started:
        raise NoPair("diverged")

    def record(event: Event) -> None:
        events.append(event)
        done[0] += 1
        if done[0] == stop_after:
            raise KeyboardInterrupt

    finalists = {"broken": breaks, "b": steady(1.0), "a": steady(1.1)}
    return confirm(finalists, RULE, seed=5, on_progress=record, completed=list(events))


@pytest.mark.parametrize("stop_after", [1, 2, 5, 8])
def test_a_resumed_confirmation_equals_an_uninterrupted_one(stop_after: int):
    whole: list[Event] = []
    expected = resumable(whole)
    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        resumable(events, stop_after)
    events = [event_from_dict(json.loads(json.dumps(asdict(event)))) for event in events]
    assert resumable(events) == expected
    assert events == whole  # nothing was measured twice


def test_the_result_is_json_and_keeps_every_sample():
    result = confirm({"a": steady(2.0)}, RULE)
    values = json.loads(json.dumps(result.as_dict()))
    assert values["verdict"] == "improved"
    assert values["findings"][0]["speedup"]["estimate"] == pytest.approx(2.0, rel=0.02)
    assert [values["samples"][0]] == [asdict(result.samples[0])]
    assert all(isinstance(event_from_dict(sample), Pair) for sample in values["samples"])


def test_a_time_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive, finite"):
        confirm({"a": partial(lambda number, order: Started(tuple((1.0, 0.0) for _ in order)))}, RULE)
