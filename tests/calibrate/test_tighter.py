"""The yardstick of a variable step: a run at a tenth of the tolerance, which must have been in effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.calibrate.notes import OWN_TOLERANCE
from autotune.calibrate.other_runs import TIGHTER_BY, LeftOut, OtherRuns
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.results.measure import Apart, Measured
from autotune.settings import Changes
from autotune.verify.files import FileJudge, OwnFiles
from autotune.verify.references import TIGHTER, read_references

LIMIT_S = 60.0


@pytest.fixture
def runs(fresh_runner: Callable[..., FreshRunner], tmp_path: Path) -> Callable[..., OtherRuns]:
    """`runs(*arguments)`: those of the model with CVODE, which has been watched."""

    def of(*arguments: str) -> OtherRuns:
        runner = fresh_runner("variable_step.py", *arguments, ranks=1)
        observation, baseline = observe(runner, None, LIMIT_S)
        space, folder = make_space(observation, only=["node_order"]), tmp_path / "rasters"
        folder.mkdir()
        return OtherRuns(runner, Ask(LIMIT_S), observation, baseline, space, AcceptConfig(), folder)

    return of


def test_a_run_at_a_tenth_of_the_tolerance_shows_the_error_of_the_variable_step(runs: Callable[..., OtherRuns]) -> None:
    work = runs()
    finest = work.finest()
    assert len(finest) == len(work.baseline)
    assert 0 < work.finer_ruler.error_ms(work.baseline, finest) < 1.0
    assert read_references(work.folder).finer == (finest,)
    again = work.runner.run(Ask(LIMIT_S, tighter=TIGHTER_BY))
    assert [report.tightened for report in again.reports] == [True]


def test_where_the_script_sets_its_tolerance_later_its_own_error_is_not_known(runs: Callable[..., OtherRuns]) -> None:
    work = runs("late")
    with pytest.raises(LeftOut) as out:
        work.finest()
    assert out.value.why == OWN_TOLERANCE
    assert out.value.knobs == ()
    assert read_references(work.folder).finer == ()


def off(by: float) -> Apart:
    return Apart("v", total=10 * by, largest=by, sum=by, power=by, size=70.0)


@pytest.mark.parametrize(("safety", "most"), [(ROUND_OFF, 1.5), (NUMERICAL, 4.5)])
def test_a_file_may_be_off_by_the_error_of_its_tolerance_and_no_further(safety: str, most: float) -> None:
    own = OwnFiles(["v.dat"])
    own.learn([Measured("v.dat", "differs", apart=(off(1.5),))], TIGHTER)

    def verdict(by: float) -> str:
        judge = FileJudge(own, AcceptConfig(), Changes({"mod_flags": "-O3"}), safety)
        (found,) = judge.judged([Measured("v.dat", "differs", apart=(off(by),))])
        return found.state

    assert verdict(0.9 * most) == "within"
    assert verdict(1.1 * most) == "different"


def test_rows_of_a_variable_step_are_those_of_other_times_and_no_yardstick() -> None:
    own = OwnFiles(["v.dat"])
    rows = Apart("lines", "201 lines, in your run 101")
    own.learn([Measured("v.dat", "differs", apart=(rows,), thinned=(off(5.0),))], TIGHTER)
    assert not own.error("v.dat", "v", own=False).total
