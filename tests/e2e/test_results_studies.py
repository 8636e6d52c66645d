"""Whole studies of a model that keeps results, as they are typed: what its files say decides what is searched and what
is accepted, as study.toml has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ci

MODEL = "writes_results.py"


@pytest.fixture
def study(autotune, make_study, tmp_path):
    """`study(kind, search, **tables)`: what the terminal said, the study folder, and its trials by their settings."""

    def run(kind: str, search: dict[str, Any], **tables: Any) -> tuple[str, Path, dict[str, dict[str, Any]]]:
        tables = {"run": {"resident": "never"}} | tables | {"search": {"trials": 2} | search}
        place, out = make_study(tmp_path / "model", f"{{python}} {MODEL} {kind}", MODEL, **tables), tmp_path / "out"
        answer = autotune("run", "--out", out, place, cwd=tmp_path)
        assert answer.code == 0, str(answer)
        trials = [json.loads(file.read_text()) for file in sorted((out / "trials").glob("*.json"))]
        return " ".join(answer.stdout.split()), out, {json.dumps(trial["params"]): trial for trial in trials}

    return run


def record(out: Path, name: str) -> Any:
    return json.loads((out / f"{name}.json").read_text())


def test_a_script_that_counts_steps_is_searched_without_dt_and_the_file_is_named(study) -> None:
    said, out, trials = study("counts-steps", {"knobs": ["dt", "bin_queue"], "values.dt": [0.05]})
    why = (
        "your script counts steps, or does something else at another dt: "
        "lfp.npy: filled for half of its length at dt = 0.05"
    )
    assert record(out, "calibration")["left_out"] == {"dt": why}
    assert f"note: {why}" in said
    assert "dt: left out for this reason" in said
    assert not any("dt" in json.loads(params) for params in trials)
    assert record(out, "calibration")["own_error_ms"] > 0  # the yardstick of the queue's bins is known all the same


def test_a_file_that_needs_whole_multiples_of_the_step_leaves_these_to_the_search(study) -> None:
    search = {"knobs": ["dt"], "values.dt": [0.03125, 0.05], "trials": 6}  # proposals made before cost nothing
    said, out, trials = study("interval", search)
    assert record(out, "calibration")["only"] == {"dt": [0.025, 0.05]}
    assert "lfp.npy" in record(out, "calibration")["note"]
    assert "dt: only 0.025, 0.05, for this reason" in said
    longer = trials['{"dt": 0.05}']
    assert longer["verdict"] == "accepted", longer["reason"]
    assert {each["name"] for each in longer["looked"] if each["where"] == "file"} > {"lfp.npy"}


def test_the_users_tolerances_and_globs_decide(study) -> None:
    files = {"accept.files": {"ignore": ["*.json"], "required": ["spikes.txt"], "tolerances.'v.csv:m'": 1.0}}
    _, out, trials = study("column", {"knobs": ["bin_queue"]}, **files, run={"resident": "auto"})
    trial = trials['{"bin_queue": true}']
    assert trial["verdict"] == "accepted", trial["reason"]
    looked = record(out, "looked")["before_sessions"] if record(out, "resident")["way"] else {"": trial["looked"]}
    for every in looked.values():
        found = {each["name"]: each["state"] for each in every if each["where"] == "file"}
        assert found == {"": "identical", "v.csv": "within", "results.pkl": "not compared"}


@pytest.mark.slow
def test_a_file_that_is_required_must_be_read_or_the_same(study) -> None:
    _, _, trials = study("sound", {"knobs": ["bin_queue"]}, **{"accept.files": {"required": ["*.pkl"]}})
    trial = trials['{"bin_queue": true}']
    assert (trial["verdict"], trial["where"]) == ("diverged", "file")
    assert trial["reason"].startswith("results.pkl: its bytes are others than in your run (a pickle is never opened")
