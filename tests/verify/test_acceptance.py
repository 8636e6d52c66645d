"""The rules of acceptance one by one, on rasters of the three networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.raster import Raster


def shifted(bench, ms: float) -> Raster:
    return Raster.from_arrays(bench.baseline.gids, bench.baseline.times_ms + ms)


def spliced(bench, other: Raster, ms: float) -> Raster:
    parts = bench.baseline.window(-np.inf, ms), other.window(ms, np.inf)
    return Raster.from_arrays(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("gids", "times_ms"))
    )


def with_perturbed(bench, *perturbed: Raster, regime: str):
    return replace(
        bench.acceptance,
        regime=regime,
        references=replace(bench.references, perturbed=perturbed),
    )


def test_round_off_may_do_to_a_regular_network_what_a_perturbation_does_and_no_more(bench) -> None:
    ring = bench("ring")
    late = spliced(ring, shifted(ring, 0.025), 30)
    acceptance = with_perturbed(ring, late, regime="regular")
    assert acceptance.spikes.judge(late, ROUND_OFF).verdict == "accepted"
    assert acceptance.spikes.judge(spliced(ring, shifted(ring, 0.025), 40), ROUND_OFF).verdict == "accepted"
    earlier = acceptance.spikes.judge(spliced(ring, shifted(ring, 0.025), 20), ROUND_OFF)
    assert "earlier than a perturbation of 1e-10 mV" in earlier.reason
    further = acceptance.spikes.judge(spliced(ring, shifted(ring, 0.05), 30), ROUND_OFF)
    assert "further than a perturbation of 1e-10 mV" in further.reason


def test_round_off_may_part_a_chaotic_network_no_earlier_than_a_perturbation_and_not_change_its_statistics(
    bench,
) -> None:
    balanced = bench("balanced")
    one, two, three = balanced.references.null[:3]
    acceptance = with_perturbed(balanced, spliced(balanced, one, 30), spliced(balanced, two, 35), regime="chaotic")
    assert acceptance.spikes.judge(spliced(balanced, three, 50), ROUND_OFF).verdict == "accepted"
    assert "earlier than" in acceptance.spikes.judge(spliced(balanced, three, 5), ROUND_OFF).reason
    quiet = balanced.other("--excitation", "0.002")
    assert (
        "runs of the same model lie between" in acceptance.spikes.judge(spliced(balanced, quiet, 50), ROUND_OFF).reason
    )
    assert acceptance.spikes.judge(spliced(balanced, three, 50), EXACT).verdict == "diverged"


def test_the_error_of_the_own_dt_is_the_yardstick(bench) -> None:
    ring = bench("ring")
    own = ring.calibration.own_error_ms
    assert own > 0
    double = ring.run(dt=0.05).raster
    assert ring.acceptance.spikes.judge(double, NUMERICAL).verdict == "accepted"
    strict = ring.with_limits(error_factor=1.0, floor_ms=0.0).spikes.judge(double, NUMERICAL)
    assert "in the worst cell" in strict.reason
    assert 0 < strict.violation < 1
    assert ring.with_limits(error_factor=1.0, floor_ms=5.0).spikes.judge(double, NUMERICAL).verdict == "accepted"


def test_the_window_holds_whatever_the_own_error_is(bench) -> None:
    ring = bench("ring")
    generous = ring.with_limits(error_factor=1000.0, window_ms=0.3)
    assert "beyond 0.3 ms" in generous.spikes.judge(shifted(ring, 0.4), NUMERICAL).reason
    assert generous.spikes.judge(shifted(ring, 0.2), NUMERICAL).verdict == "accepted"


def test_a_share_of_spikes_may_stay_unmatched_if_the_user_says_so(bench) -> None:
    ring = bench("ring")
    kept = np.arange(len(ring.baseline)) != 10
    fewer = Raster.from_arrays(ring.baseline.gids[kept], ring.baseline.times_ms[kept])
    assert ring.acceptance.spikes.judge(fewer, NUMERICAL).verdict == "diverged"
    assert ring.with_limits(unmatched=0.05, error_factor=100.0).spikes.judge(fewer, NUMERICAL).verdict == "accepted"


def test_the_violation_grows_with_the_distance(bench) -> None:
    ring = bench("ring")
    violations = []
    for dropped in (1, 5, 20):
        fewer = Raster.from_arrays(ring.baseline.gids[dropped:], ring.baseline.times_ms[dropped:])
        violations.append(ring.acceptance.spikes.judge(fewer, NUMERICAL).violation)
    assert 0 < violations[0] < violations[1] < violations[2] <= 1


def test_a_chaotic_run_that_is_too_short_for_statistics_is_held_to_the_identical_raster(bench) -> None:
    balanced = bench("balanced")
    other = balanced.references.null[0]
    assert balanced.acceptance.spikes.judge(other, NUMERICAL).verdict == "accepted"
    for limits in ({"least_spikes": 10**6}, {"resolution": 1e-6}):
        judgement = balanced.with_limits(**limits).spikes.judge(other, NUMERICAL)
        assert "too short for statistics" in judgement.reason
    same = balanced.with_limits(least_spikes=10**6).spikes.judge(balanced.baseline, NUMERICAL)
    assert same.verdict == "accepted"


@pytest.mark.parametrize("safety", [EXACT, ROUND_OFF, NUMERICAL])
@pytest.mark.parametrize("name", ["ring", "balanced", "artificial"])
def test_a_raster_without_spikes_is_never_accepted(bench, name, safety) -> None:
    judgement = bench(name).acceptance.spikes.judge(Raster.from_arrays([], []), safety)
    assert (judgement.verdict, judgement.violation) == ("diverged", 1.0)


def test_each_null_run_is_inside_the_band_of_the_others(bench) -> None:
    balanced = bench("balanced")
    for left in range(3):
        others = tuple(raster for at, raster in enumerate(balanced.references.null) if at != left)
        acceptance = replace(balanced.acceptance, references=replace(balanced.references, null=others))
        judgement = acceptance.spikes.judge(balanced.references.null[left], NUMERICAL)
        assert judgement.verdict == "accepted", judgement
