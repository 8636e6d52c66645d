"""Which spikes count: every cell is looked at, and the end of the run excuses one spike of a cell and no more."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.verify.acceptance import Acceptance
from autotune.verify.error import Ruler, ruler
from autotune.verify.references import References

RULER = Ruler(window_ms=1.0, end_ms=100.0)


def raster(*spikes: tuple[int, float]) -> Raster:
    return Raster.from_arrays(*zip(*spikes, strict=True))


def judged(baseline: Raster, trial: Raster, safety: str = NUMERICAL, **references: tuple[Raster, ...]):
    facts = SimpleNamespace(t_stop_ms=100.0, dt_ms=0.025, has_sections=True)
    kept = References(**({"finer": (baseline, baseline)} | references))
    acceptance = Acceptance(baseline, SimpleNamespace(facts=facts), AcceptConfig(), references=kept)
    return acceptance.spikes.judge(trial, safety)


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_shifted_population_is_seen_however_many_cells_there_are_and_wherever_it_is_among_them(late) -> None:
    gids, times = np.repeat(np.arange(12_000), 2), np.tile([20.0, 60.0], 12_000)
    baseline = Raster.from_arrays(gids, times)
    moved = Raster.from_arrays(gids, np.where(gids % 3 == late, times + 0.9, times))
    assert RULER.error_ms(moved, baseline) == pytest.approx(0.9)
    assert "0.9 ms in the worst cell" in judged(baseline, moved).reason


def test_the_error_is_the_mean_of_the_worst_cell_where_a_spike_alone_counts_as_a_window() -> None:
    reference = raster((7, 10.0), (7, 20.0), (-3, 30.0), (-3, 40.0), (8, 50.0))
    run = raster((7, 10.2), (7, 20.4), (-3, 30.1), (8, 50.1))
    assert RULER.error_ms(run, reference) == pytest.approx((0.1 + 1.0) / 2)
    assert RULER.error_ms(reference, reference) == 0
    assert RULER.error_ms(raster((7, 99.95)), raster((8, 99.95))) == 0


def test_two_runs_part_at_the_first_spike_of_either_that_is_alone() -> None:
    one = raster((1, 10.0), (2, 20.0), (1, 30.0), (1, 99.95))
    assert RULER.parting_ms(one, one) == RULER.end_ms
    assert RULER.parting_ms(one, raster((1, 10.5), (2, 20.5), (1, 30.5))) == RULER.end_ms
    assert RULER.parting_ms(one, raster((1, 10.5), (1, 30.5))) == 20.0
    assert RULER.parting_ms(raster((1, 10.5), (1, 30.5)), one) == 20.0


def test_rasters_with_spikes_in_the_last_window_only_are_no_match() -> None:
    baseline = raster(*((gid, 99.5) for gid in range(10)))
    strangers = raster(*((gid, 99.5) for gid in range(100, 140)))
    assert "nothing to compare" in judged(baseline, strangers).reason
    pushed = raster(*((gid, 99.55) for gid in range(10)))
    assert "nothing to compare" in judged(baseline, strangers, ROUND_OFF, perturbed=(pushed,)).reason
    assert judged(baseline, baseline).verdict == "accepted"


def test_the_last_spike_of_a_cell_may_have_its_partner_beyond_the_end() -> None:
    early, late = raster((1, 49.95), (1, 99.96)), raster((1, 50.0))
    assert judged(early, late).verdict == "accepted"  # the last one comes at 100.01 there
    assert judged(late, early).verdict == "accepted"
    burst = raster((1, 50.0), (1, 99.2), (1, 99.4), (1, 99.6), (1, 99.98))
    assert "0 spikes missed and 3 extra" in judged(late, burst).reason
    assert "3 spikes missed and 0 extra" in judged(burst, late).reason
    assert "1 spike missed and 0 extra" in judged(raster((1, 49.5), (1, 98.9)), late).reason


@pytest.mark.parametrize(("moved_ms", "excused_ms"), [(0.0, 0.1), (0.02, 0.1), (0.3, 0.6), (0.9, 1.0)])
def test_it_is_excused_only_where_the_spikes_that_have_a_partner_have_moved_about_as_far(moved_ms, excused_ms) -> None:
    baseline = raster((1, 50.0), (2, 60.0))
    late = raster((1, 50.0), (2, 60.0 + moved_ms))
    for before_end_ms, accepted in ((excused_ms - 0.01, True), (excused_ms + 0.01, False)):
        last = (3, 100.0 - before_end_ms)
        assert (RULER.alone(raster(*spikes_of(baseline), last), late) == (0, 0)) == accepted
        assert (RULER.alone(late, raster(*spikes_of(baseline), last)) == (0, 0)) == accepted


def test_what_comes_early_does_not_excuse_a_spike_that_would_have_to_be_late() -> None:
    baseline, early = raster((1, 50.0)), raster((1, 49.6))
    assert RULER.alone(raster((1, 50.0), (3, 99.5)), early) == (1, 0)
    assert RULER.alone(baseline, raster((1, 49.6), (3, 99.5))) == (0, 0)


def test_strangers_in_the_last_window_are_seen_unless_everything_else_has_moved_as_far() -> None:
    baseline = raster(*((gid, 50.0) for gid in range(10)))
    strangers = [(gid, 99.5) for gid in range(100, 140)]
    assert "0 spikes missed and 40 extra" in judged(baseline, raster(*spikes_of(baseline), *strangers)).reason
    # This is what is not seen: one spike a cell, twice as near to the end as any spike has moved.
    moved = raster(*((gid, 49.7) for gid in range(10)), *strangers)
    assert RULER.alone(baseline, moved) == (0, 0)


def test_how_far_is_the_users_choice() -> None:
    strict = ruler(AcceptConfig(tail=0.0, floor_ms=0.0), 100.0)
    assert strict.alone(raster((1, 49.8), (1, 99.9)), raster((1, 50.0))) == (1, 0)
    assert ruler(AcceptConfig(window_ms=0.5), 100.0, windows=2).window_ms == 1.0


def spikes_of(raster: Raster) -> list[tuple[int, float]]:
    return list(zip(raster.gids.tolist(), raster.times_ms.tolist(), strict=True))
