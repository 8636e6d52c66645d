"""The baseline against itself: which runs are made, what they say, and that they are not made twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autotune.agent.knobs import EXACT
from autotune.calibrate.baseline import calibrate
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.other_runs import EARLY
from autotune.config import AcceptConfig
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Perturbation, Run, Runner
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.raster.metrics import identical
from autotune.verify.acceptance import Acceptance
from autotune.verify.error import ruler
from autotune.verify.references import read_references

LIMIT_S = 60.0
STATISTICAL = {"statistical": True, "groups": 1, "null_runs": 7, "alpha": 1e-4, "resolution": 3.0}


def observed(runner: FreshRunner, **limits: object) -> Acceptance:
    """A watched run, as it is before anything is calibrated."""
    observation, baseline = observe(runner, None, LIMIT_S)
    return Acceptance(baseline, observation, AcceptConfig(**limits))


def calibrated(runner: Runner, acceptance: Acceptance, folder: Path, *knobs: str) -> Calibration:
    """What the calibration of a search of these knobs says; its rasters go to `folder`."""
    folder.mkdir(exist_ok=True)
    space = make_space(acceptance.observation, only=knobs)
    assert set(space.domains) == set(knobs)
    return calibrate(runner, runner, Ask(LIMIT_S), acceptance, space, folder)


@pytest.mark.parametrize(
    ("knobs", "kept"),
    [
        (("self_queue",), ()),
        (("self_queue", "node_order"), ("perturbed-1",)),
        (("dt",), ("half-dt", "perturbed-1", "quarter-dt")),
    ],
    ids=["exact", "round-off", "numerical"],
)
def test_only_the_runs_that_the_searched_knobs_need_are_made(fresh_runner, tmp_path, knobs, kept) -> None:
    runner, folder = fresh_runner("small_ring.py", "--tstop", "20", ranks=1), tmp_path / "rasters"
    calibration = calibrated(runner, observed(runner), folder, *knobs)
    assert tuple(sorted(calibration.runs)) == kept
    assert tuple(sorted(file.stem for file in folder.iterdir())) == kept
    assert (calibration.own_error_ms is not None) == ("dt" in knobs)


class CountingRunner:
    """Counts the runs that another runner makes."""

    def __init__(self, runner: Runner) -> None:
        self.runner, self.runs = runner, 0

    def run(self, ask: Ask) -> Run:
        self.runs += 1
        return self.runner.run(ask)


def test_a_run_whose_raster_was_kept_is_not_made_again(fresh_runner, tmp_path) -> None:
    runner = CountingRunner(fresh_runner("small_ring.py", "--tstop", "20", ranks=1))
    acceptance, folder = observed(runner.runner), tmp_path / "rasters"
    first = calibrated(runner, acceptance, folder, "dt")
    made = runner.runs
    (folder / "half-dt.npz").unlink()
    second = calibrated(runner, acceptance, folder, "dt")
    assert made == 4
    assert runner.runs == made + 2  # the repeat, and the raster that was lost
    assert replace(second, repeat_run_s=0) == replace(first, repeat_run_s=0)


def test_a_regular_network_converges_with_the_order_of_the_method(bench) -> None:
    calibration = bench("ring").calibration
    assert calibration.regime == "regular"
    assert calibration.order == pytest.approx(1.0, abs=0.5)
    assert calibration.half_dt_shift_ms > 0


def test_a_dt_that_is_not_converged_is_said(fresh_runner, tmp_path) -> None:
    runner = fresh_runner("small_ring.py", "--dt", "0.25", ranks=1)
    calibration = calibrated(runner, observed(runner), tmp_path / "rasters", "dt")
    assert "your own dt = 0.25 ms is not converged" in calibration.note
    assert calibration.regime == "regular"


def test_an_order_below_the_least_is_said(bench) -> None:
    ring = bench("ring")
    assert "halving your dt" not in ring.calibration.note
    acceptance = ring.with_limits(least_order=3.0, floor_ms=0.0)
    again = calibrated(ring.runner, acceptance, ring.folder / "rasters", "dt")
    assert "halving your dt = 0.025 ms does not halve its error" in again.note


def test_a_run_whose_own_voltages_are_not_finite_is_no_yardstick_for_a_step(bench, tmp_path) -> None:
    ring = bench("ring")
    broken = tuple({**sample, "finite": False} for sample in ring.observation.voltages)
    observation = replace(ring.observation, voltages=broken)
    acceptance = replace(ring.acceptance, observation=observation)
    with pytest.raises(BaselineError, match="rank 0: a voltage is not finite") as caught:
        calibrated(ring.runner, acceptance, tmp_path, "dt")
    assert 'exclude = ["dt"]' in caught.value.cure
    assert calibrated(ring.runner, acceptance, tmp_path, "self_queue").regime == "regular"


def test_a_chaotic_network_is_told_by_its_perturbed_runs(bench) -> None:
    balanced = bench("balanced")
    assert balanced.calibration.regime == "chaotic"
    assert "sends your network another way" in balanced.calibration.why
    assert len(balanced.references.null) == balanced.limits.null_runs
    assert len({raster.digest() for raster in (balanced.baseline, *balanced.references.null)}) == 8
    t_stop = balanced.observation.facts.t_stop_ms
    for null, small in zip(balanced.references.null, balanced.references.perturbed, strict=False):
        early = ruler(balanced.limits, t_stop).parting_ms(balanced.baseline, small) <= EARLY * t_stop
        assert identical(null, small) == early, "whether it parts depends on the processor"


def test_a_chaotic_network_without_statistics_is_searched_without_what_changes_its_numbers(bench) -> None:
    balanced = bench("balanced")
    acceptance = balanced.with_limits(least_spikes=10**6)
    found = calibrated(balanced.runner, acceptance, balanced.folder / "rasters", "dt", "node_order")
    assert (found.regime, found.in_range) == ("chaotic", False)
    assert "the run is too short for statistics" in found.unproved


CUSTOM_INIT = """
from neuron import h
h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.insert("hh")
h("proc init() { finitialize(v_init)  fcurrent() }")
h.tstop = 20
h.run()
h.quit()
"""


@pytest.mark.parametrize("model", ["small_ring.py", "variable_step.py", "early_finitialize.py", "custom_init.py"])
def test_a_perturbation_reaches_the_run_however_the_model_starts(fresh_runner, tmp_path, model) -> None:
    """Whether stdinit, CVODE or an init of the model's own sets the voltages, a large one is seen in them."""
    (tmp_path / "custom_init.py").write_text(CUSTOM_INIT)
    runner = fresh_runner(tmp_path / model if model == "custom_init.py" else model, ranks=1)
    plain, again, pushed = (
        runner.run(Ask(LIMIT_S, voltages=4, perturbation=Perturbation(mv, 1))) for mv in (0.0, 0.0, 0.5)
    )
    digests = [run.reports[0].voltage["digest"] for run in (plain, again, pushed)]
    assert plain.reports[0].perturbed == 0 < pushed.reports[0].perturbed
    assert digests[0] == digests[1] != digests[2]


def test_another_seed_is_another_perturbation_and_the_same_seed_the_same(bench) -> None:
    one, two, same = (bench("balanced").perturbed(0.1, seed).raster for seed in (1, 2, 1))
    assert identical(one, same)
    assert not identical(one, two)


def test_a_model_that_does_not_reproduce_itself_is_refused_with_its_reason(fresh_runner, tmp_path) -> None:
    runner = fresh_runner("random_time.py", ranks=1)
    with pytest.raises(BaselineError, match=r"does not reproduce itself.*from t = ") as caught:
        calibrated(runner, observed(runner), tmp_path, "self_queue")
    assert "statistical = true" in caught.value.cure


@pytest.mark.parametrize("statistical", [False, True])
def test_statistics_are_not_advised_where_the_voltages_alone_differ(bench, tmp_path, statistical) -> None:
    ring = bench("ring")
    observation = replace(ring.observation, voltage_digests=("other",))
    acceptance = replace(ring.with_limits(statistical=statistical), observation=observation)
    with pytest.raises(BaselineError, match="the sampled voltages differ") as caught:
        calibrated(ring.runner, acceptance, tmp_path, "self_queue")
    assert "statistical" not in caught.value.cure


def test_with_its_users_consent_it_is_judged_by_statistics_alone(fresh_runner, tmp_path) -> None:
    model = tmp_path / "random_long.py"
    source = Path(__file__).parents[1] / "models" / "random_time.py"
    model.write_text(source.read_text().replace("psolve(100)", "psolve(3000)"))
    runner = fresh_runner(model, ranks=1)
    acceptance, folder = observed(runner, **STATISTICAL), tmp_path / "rasters"
    calibration = calibrated(runner, acceptance, folder, "self_queue")
    assert calibration.regime == "random"
    assert "as you agreed" in calibration.note
    acceptance = replace(acceptance, regime="random", references=read_references(folder))
    assert acceptance.judge(runner.run(Ask(LIMIT_S)), EXACT).verdict == "accepted"
    kept = acceptance.baseline.window(-np.inf, 50)
    assert acceptance.spikes.judge(kept, EXACT).verdict == "diverged"


def test_a_run_too_short_for_statistics_ends_the_study_of_such_a_model_before_its_search(
    fresh_runner, tmp_path
) -> None:
    runner = fresh_runner("random_time.py", ranks=1)
    acceptance = observed(runner, statistical=True)
    with pytest.raises(BaselineError, match=r"does not reproduce itself, and the run is too short for") as caught:
        calibrated(runner, acceptance, tmp_path, "self_queue")
    assert "make the run longer" in caught.value.cure
