"""A run that is not the user's own, at another dt or perturbed, never condemns the user's model: where it fails or ends
elsewhere, what needed it is left out with the reason, and the study goes on. Whole studies, as they are typed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotune.calibrate.baseline import calibrate
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask, Run
from autotune.launch.judge import RunFailed
from autotune.plan.making import make_space
from autotune.verify.acceptance import Acceptance

pytestmark = pytest.mark.ci

MODEL = "relies_on_dt.py"
REASONS = {
    "counts": "your script counts steps: at dt/2 it ended at t = 50 ms, not at 100 ms",
    "array": "at dt/2 your model fails: rank 0: IndexError: list assignment index out of range",
    "asserts": "at dt/2 your model fails: rank 0: AssertionError: another number of samples than expected",
}


@pytest.fixture
def study(autotune, make_study, tmp_path):
    """`study(command, knobs, resident)`: the answer of a whole study, its records by name, and its trials."""

    def run(command: str, knobs: list[str], resident: str) -> tuple[Any, Any, list[dict[str, Any]]]:
        tables = {"search": {"trials": 4, "knobs": knobs}, "run": {"resident": resident}}
        place, out = make_study(tmp_path / "model", command, MODEL, **tables), tmp_path / "out"
        answer = autotune("run", "--out", out, place, cwd=tmp_path)
        assert answer.code == 0, str(answer)
        trials = [json.loads(file.read_text()) for file in sorted((out / "trials").glob("*.json"))]
        return answer, lambda name: json.loads((out / f"{name}.json").read_text()), trials

    return run


@pytest.mark.parametrize(
    ("launcher", "way", "resident"),
    [
        ("", "counts", "never"),
        ("", "array", "auto"),  # each run in a copy of the process, which goes on with the script
        pytest.param("", "asserts", "never", marks=pytest.mark.slow),
        pytest.param("mpiexec -n 2 ", "asserts", "auto", marks=pytest.mark.mpi),  # a session never comes to the end
    ],
)
def test_a_script_that_relies_on_its_dt_is_searched_without_dt_and_told_why(study, launcher, way, resident):
    answer, record, trials = study(f"{launcher}{{python}} {MODEL} {way}", ["dt", "node_order"], resident)
    assert bool(record("resident")["way"]) == (resident == "auto")
    assert record("calibration")["left_out"] == {"dt": REASONS[way]}
    assert {"knob": "dt", "reason": REASONS[way], "values": []} in record("plan")["out"]
    assert REASONS[way] in " ".join(answer.stdout.split())
    assert "not converged" not in answer.stdout
    assert "dt: left out for this reason" in answer.stdout
    assert record("plan")["domains"].keys() == {"node_order"}
    assert {trial["params"]["node_order"] for trial in trials} == {0, 1, 2}
    assert {trial["verdict"] for trial in trials} == {"accepted"}


def test_with_nothing_else_to_search_the_study_comes_to_its_end_without_a_trial(study):
    answer, record, trials = study(f"{{python}} {MODEL} counts", ["dt"], "never")
    assert trials == []
    assert record("search")["reason"] == "no knob of this model can be searched"
    assert record("confirmation")["verdict"] == "no improvement"
    assert REASONS["counts"] in " ".join(answer.stdout.split())


class Without:
    """Real runs, but for those that fail."""

    def __init__(self, runner, fails) -> None:
        self.runner, self.fails = runner, fails

    def run(self, ask: Ask) -> Run:
        if self.fails(ask):
            raise RunFailed("timeout", f"still running after {ask.limit_s:.0f} s")
        return self.runner.run(ask)


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("fails", "out"),
    [
        (lambda ask: ask.perturbation is not None, {"dt", "node_order"}),
        (lambda ask: ask.changes.get("dt") == 0.0125, {"dt"}),
        (lambda ask: ask.changes.get("dt") == 0.00625, {"dt"}),
    ],
    ids=["perturbed", "half of dt", "a quarter of dt"],
)
def test_a_hang_of_such_a_run_costs_what_needed_it(ring, tmp_path: Path, fails, out):
    space = make_space(ring.observation, ["dt", "node_order", "self_queue"])
    acceptance = Acceptance(ring.baseline, ring.observation, AcceptConfig())
    found = calibrate(ring.runner, Without(ring.runner, fails), Ask(60.0), acceptance, space, tmp_path)
    assert set(found.left_out) == out
    assert all("still running after 60 s" in why for why in found.left_out.values())
    assert found.regime == "regular"


@pytest.mark.mpi
def test_a_hang_of_the_users_own_run_is_no_matter_of_knobs(ring, tmp_path: Path):
    space = make_space(ring.observation, ["dt"])
    acceptance = Acceptance(ring.baseline, ring.observation, AcceptConfig())
    fresh = Without(ring.runner, lambda ask: True)
    with pytest.raises(Exception, match="ran once with its own settings and then failed: still running after 60 s"):
        calibrate(fresh, ring.runner, Ask(60.0), acceptance, space, tmp_path)
