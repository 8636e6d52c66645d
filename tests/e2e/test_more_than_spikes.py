"""Whole studies of models that do something beside their spikes which CoreNEURON drops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SEARCH = {"trials": 2, "knobs": ["coreneuron"]}


@pytest.mark.parametrize("kind", ["every-step", "put-after-the-start"])
def test_coreneuron_is_left_out_with_its_true_reason(
    autotune: Callable, make_study: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    study = make_study(tmp_path / "cell", f"{{python}} beside.py {kind}", "beside.py", search=SEARCH)
    answer = autotune("plan", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    reason = {"every-step": "CVode.extra_scatter_gather", "put-after-the-start": "CVode.event"}[kind]
    assert any("coreneuron" in line and reason in line for line in answer.stdout.splitlines()), str(answer)


def test_a_trial_that_records_something_else_is_rejected_with_the_warning(
    autotune: Callable, make_study: Callable[..., Path], tmp_path: Path
) -> None:
    """CoreNEURON records no weight, and says so on a stream that nobody reads."""
    command = "{python} beside.py a-weight-recorded --tstop 1000"
    study = make_study(tmp_path / "cell", command, "beside.py", search=SEARCH)
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    baseline, trial = (json.loads(file.read_text()) for file in sorted((tmp_path / "out/trials").glob("*.json")))
    assert baseline["verdict"] == "accepted"
    assert trial["changes"] == {"coreneuron": True}
    assert (trial["verdict"], trial["where"]) == ("diverged", "output")
    assert "ignored because not a Range Variable" in trial["reason"]
    assert "ignored because not a Range Variable" in answer.stdout


def test_a_knob_whose_fresh_run_does_something_else_is_not_believed_in_a_session(
    autotune: Callable, make_study: Callable[..., Path], tmp_path: Path
) -> None:
    """No session comes to the line that the model prints at its end, and all spikes are the same."""
    search = {"trials": 12, "knobs": ["node_order"]}
    command = "{python} beside.py notices --tstop 3000"
    study = make_study(tmp_path / "cell", command, "beside.py", search=search)
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert json.loads((tmp_path / "out/resident.json").read_text())["way"]
    trials = [json.loads(file.read_text()) for file in sorted((tmp_path / "out/trials").glob("*.json"))]
    own, changed = ([trial for trial in trials if bool(trial["changes"]) == other] for other in (False, True))
    assert {(trial["verdict"], trial["samples"][0]["way"]) for trial in own} == {("accepted", "session")}
    assert {trial["params"]["node_order"] for trial in changed} == {1, 2}
    for trial in changed:
        assert (trial["verdict"], trial["where"], trial["samples"][0]["way"]) == ("diverged", "output", "fresh")
        assert trial["reason"] == "warning: Warning: these nodes stand in another order"


@pytest.mark.slow
def test_coreneuron_is_tried_on_a_model_without_spikes_by_its_voltages(
    autotune: Callable, make_study: Callable[..., Path], tmp_path: Path
) -> None:
    study = make_study(tmp_path / "cell", "{python} no_spikes.py", "no_spikes.py", search=SEARCH)
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    trials = [json.loads(file.read_text()) for file in sorted((tmp_path / "out/trials").glob("*.json"))]
    assert [(trial["changes"], trial["verdict"]) for trial in trials] == [
        ({}, "accepted"),
        ({"coreneuron": True}, "accepted"),
    ]
    assert any("no spikes: its voltage is compared" in line for line in answer.stdout.splitlines()), str(answer)
