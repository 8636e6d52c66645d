"""What a model records is compared, and is evidence where there are no spikes: cells whose right verdict is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.calibrate.baseline import calibrate
from autotune.calibrate.calibration import Calibration
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask, Perturbation, Run
from autotune.launch.mechanisms import Builder
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.plan.manner import manner
from autotune.search.verified import Verifier
from autotune.traces import Ruler, Trace, apart
from autotune.verify.acceptance import Acceptance
from autotune.verify.judgement import Judgement
from autotune.verify.traces import OwnTraces, lacking

LIMIT_S = 120.0


@dataclass
class Cell:
    """A cell with its calibration."""

    runner: FreshRunner
    acceptance: Acceptance
    calibration: Calibration
    verifier: Verifier

    @classmethod
    def of(cls, runner: FreshRunner, folder: Path) -> Cell:
        limits = AcceptConfig()
        observation, baseline = observe(runner, None, LIMIT_S)
        space = make_space(observation)
        made = manner(observation, space, Builder(observation.facts.launch, runner.environment), 10**6)
        runner = replace(runner, manner=made)
        raw = Acceptance(baseline, observation, limits, traces=OwnTraces(folder / "traces", limits))
        (folder / "rasters").mkdir()
        known = calibrate(runner, runner, Ask(LIMIT_S), raw, space, folder / "rasters")
        acceptance = replace(raw, regime=known.regime)
        return cls(runner, acceptance, known, Verifier(space, acceptance, LIMIT_S))

    def run(self, **settings: Any) -> Run:
        return self.runner.run(self.verifier.ask(settings))

    def judged(self, **settings: Any) -> Judgement:
        return self.verifier.judge(self.run(**settings), settings)


@pytest.fixture(scope="module")
def cell(runner_in: Callable[..., FreshRunner], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Cell]:
    """`cell("nothing", "every-step")`: tests/models/one_cell.py with these arguments, calibrated once."""

    @cache
    def made(*arguments: str) -> Cell:
        folder = tmp_path_factory.mktemp("cell")
        return Cell.of(runner_in(folder, "one_cell.py", *arguments, ranks=1), folder)

    return made


KINDS = {
    "below threshold": ("nothing", "every-step", "--passive"),
    "recorded by nobody": ("nothing", "nothing", "--passive"),
    "at an interval": ("nothing", "interval", "--passive"),
    "at given times": ("nothing", "times", "--passive"),
    "counted by APCount": ("apcount", "nothing"),
    "a few spikes and a trace": ("nothing", "every-step"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_is_right_at_twice_the_dt_and_wrong_at_eight_times(cell: Callable[..., Cell], kind: str) -> None:
    judged = cell(*KINDS[kind])
    assert judged.calibration.unproved == ""
    right = judged.judged(dt=0.05)
    assert right.verdict == "accepted", right.reason
    assert any(each.where == "trace" and each.state == "within" and 0 < each.distance <= 1 for each in right.looked)
    wrong = judged.judged(dt=0.2)
    assert wrong.verdict == "diverged"
    assert wrong.violation > 0
    assert "of your own dt" in wrong.reason or "is accepted" in wrong.reason


def test_an_exact_knob_must_leave_a_trace_as_it_is(cell: Callable[..., Cell]) -> None:
    judged = cell(*KINDS["below threshold"])
    again, other = judged.run(), judged.run(dt=0.05)
    same = judged.acceptance.traces.compared(again, EXACT, "regular", np.inf)
    assert [(each.where, each.state) for each in same] == [("trace", "identical")]
    moved = judged.acceptance.traces.compared(other, EXACT, "regular", np.inf)
    assert [each.state for each in moved] == ["different"]
    assert "a knob of class exact must not change it" in moved[0].says


def test_a_trace_that_comes_to_rest_proves_nothing_of_the_rest(cell: Callable[..., Cell]) -> None:
    judged = cell("nothing", "every-step", "--passive", "--rest", "--tstop", "300")
    assert "0 traces that change with dt after t = 225 ms (evidence_until)" in judged.calibration.unproved
    assert judged.judged(dt=0.05).verdict == "not applicable"


def test_a_variable_step_is_compared_at_its_own_times(cell: Callable[..., Cell]) -> None:
    judged = cell("nothing", "every-step", "--passive", "--cvode")
    assert judged.judged().verdict == "accepted"
    perturbed = judged.runner.run(replace(judged.verifier.ask(), perturbation=Perturbation(1e-3, 1)))
    looked = judged.acceptance.traces.compared(perturbed, ROUND_OFF, "regular", np.inf)
    assert [each.state for each in looked] == ["within"]
    far = judged.runner.run(replace(judged.verifier.ask(), perturbation=Perturbation(3.0, 1)))
    looked = judged.acceptance.traces.compared(far, ROUND_OFF, "regular", np.inf)
    assert [each.state for each in looked] == ["different"]


def test_what_is_not_filled_is_said(cell: Callable[..., Cell]) -> None:
    judged = cell(*KINDS["below threshold"])
    own = judged.acceptance.traces
    trace = own.own.read(own.own.keys[0])
    half = replace(
        trace, values=trace.values[: len(trace.values) // 2], times_ms=trace.times_ms[: len(trace.values) // 2]
    )
    assert "is filled until t = 74.975 ms, in your run until 150 ms" in lacking(half, trace, np.inf)
    assert "holds 1 value, in your run" in lacking(replace(trace, values=trace.values[:1]), trace, np.inf)


def sines(dt_ms: float, *, shift_ms: float = 0.0, spikes: bool = False, times: float = 1.0) -> Trace:
    t = np.arange(0, 200 + dt_ms / 2, dt_ms)
    values = times * np.sin((t - shift_ms) / 20)
    if spikes:
        values += 20 * np.exp(-(((t - shift_ms) % 20 - 10) ** 2) / 0.1)
    return Trace("x", "every step", values, t, 200.0)


def test_a_late_spike_is_a_shift_and_a_lost_one_is_far_beyond() -> None:
    right = sines(0.01, spikes=True)
    late = apart(sines(0.02, spikes=True, shift_ms=0.3), right, Ruler(1.0))
    assert late.shift_ms == pytest.approx(0.3, abs=0.02)
    assert (late.lost, late.beyond < 0.01, late.largest < 0.05) == (0, True, True)
    lost = apart(sines(0.02), right, Ruler(1.0))
    assert lost.lost > 0
    assert lost.beyond > 0.8


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_the_error_of_a_slow_trace_grows_with_it(factor: int) -> None:
    right = sines(0.01)
    found = apart(sines(0.05, times=1 + factor * 1e-3), right, Ruler(1.0))
    assert found.rms == pytest.approx(factor * 1e-3 / np.sqrt(8), rel=0.05)
    assert found.largest == pytest.approx(factor * 1e-3 / 2, rel=0.05)


def test_a_rise_that_only_just_comes_to_the_middle_is_no_lost_spike() -> None:
    right = sines(0.01, spikes=True)
    middle = 0.5 * (right.values.min() + right.values.max())
    bump = np.exp(-(((right.times_ms - 109.2) / 0.1) ** 2))
    for height, lost in ((0.5, 0), (5.0, 1)):
        near = replace(right, values=right.values + bump * (middle + height - right.values))
        assert apart(near, right, Ruler(1.0)).lost == lost


def test_what_spikes_leave_in_a_report_each_ms_is_not_taken_for_its_slow_part() -> None:
    """Of a cell that fires each 20 ms a fifth of the values lie in spikes, whose place is a matter of their phase."""

    def report(shift_ms: float, slow: float) -> Trace:
        t = np.arange(0, 200.5)
        spike = 100 * np.exp(-((((t - shift_ms) % 20 - 10) / 0.8) ** 2))
        return Trace("v", "an interval", spike + slow * np.sin(t / 30), t, 200.0)

    own, wrong = (apart(report(0.2, slow), report(0.0, 1.0), Ruler(1.0)) for slow in (1.0, 30.0))
    assert own.largest < 0.01
    assert own.rms < 0.002
    assert wrong.largest > 0.2


@pytest.mark.parametrize("safety", [EXACT, NUMERICAL])
def test_the_users_own_tolerance_takes_the_place_of_the_models_error(cell: Callable[..., Cell], safety: str) -> None:
    judged = cell(*KINDS["below threshold"])
    run, traces = judged.run(dt=0.2), judged.acceptance.traces

    def looked(**wishes: Any) -> list[tuple[str, str]]:
        limits = AcceptConfig(traces=wishes)
        found = replace(traces, limits=limits).compared(run, safety, "regular", np.inf)
        return [(each.name, each.state) for each in found]

    name = "soma(0.5).v"
    assert looked() == [(name, "different")]
    assert looked(tolerances={name: 5.0}) == looked(tolerances={"soma*.v": 5.0}) == [(name, "within")]
    assert looked(tolerances={name: 1e-6}) == looked(tolerances={"dend*": 5.0}) == [(name, "different")]
    assert looked(ignore=["*.v"]) == []


def test_a_trace_that_is_ignored_is_no_evidence(cell: Callable[..., Cell]) -> None:
    judged = cell(*KINDS["below threshold"])
    traces = judged.acceptance.traces
    assert traces.too_little(150.0, 1) == ""
    ignoring = replace(traces, limits=AcceptConfig(traces={"ignore": ["soma(0.5).v"]}))
    assert "0 traces" in ignoring.too_little(150.0, 1)
