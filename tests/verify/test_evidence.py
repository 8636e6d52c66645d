"""Too little evidence: with few spikes, none late in the run, or one cell of many, no change of the numbers is
searched, and what is missing is said. On real models, from the plan to the whole study.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig, make_config
from autotune.pipeline import plan
from autotune.plan.making import make_space
from autotune.plan.space import LeftOut, SearchSpace
from autotune.raster import Raster
from autotune.raster.metrics import moved
from autotune.verify.acceptance import Acceptance
from autotune.verify.evidence import too_little

MODEL = "sparse.py"
KNOBS = ("dt", "secondorder", "node_order")


def spikes(number: int, until_ms: float, cells: int) -> Raster:
    """So many, evenly up to that time, of so many cells in turn."""
    return Raster.from_arrays(np.arange(number) % cells, np.linspace(1.0, until_ms, number))


@pytest.mark.parametrize(
    ("number", "until_ms", "firing", "cells", "limits", "lacking"),
    [
        (20, 75.0, 2, 20, {}, ""),
        (19, 75.0, 2, 20, {}, "19 spikes, at least 20 are needed (evidence_spikes)"),
        (1, 100.0, 1, 1, {}, "1 spike, at least 20 are needed"),
        (20, 74.0, 2, 20, {}, "none after t = 74 ms of 100 ms (evidence_until)"),
        (20, 75.0, 1, 1, {}, ""),
        (20, 75.0, 1, 2, {}, "1 of 2 cells fired, at least 2 are needed (evidence_cells)"),
        (20, 75.0, 2, 21, {}, "2 of 21 cells fired, at least 3 are needed"),
        (20, 75.0, 1, 0, {}, ""),  # how many there are is not known
        (5, 10.0, 1, 20, {"evidence_spikes": 5, "evidence_until": 0.1, "evidence_cells": 0}, ""),
    ],
)
def test_evidence_is_spikes_in_number_late_in_the_run_and_of_enough_cells(
    number, until_ms, firing, cells, limits, lacking
) -> None:
    found = too_little(spikes(number, until_ms, firing), 100.0, cells, AcceptConfig(**limits))
    assert (lacking in found) if lacking else found == ""


def searched(kind: str) -> SearchSpace:
    """The plan for this kind of model."""
    search = {"knobs": KNOBS}
    command = (sys.executable, MODEL, *kind.split())
    folder = __file__.rpartition("/tests/")[0] + "/tests/models"
    return plan(make_config({"name": "sparse", "command": command, "folder": folder, "search": search}))[1]


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [
        ("one", "1 spike, at least 20 are needed (evidence_spikes), none after t = "),
        ("early", "none after t = 1"),
        ("alone", "1 of 20 cells fired, at least 2 are needed"),
        ("alone serial", "1 of 20 cells fired, at least 2 are needed"),
    ],
)
def test_a_model_with_too_little_evidence_is_not_searched_over_numerical_knobs(kind, lacking) -> None:
    space = searched(kind)
    assert space.domains.keys() == {"node_order"}
    reasons = {left.knob: left.reason for left in space.out}
    for knob in ("dt", "secondorder"):
        assert reasons[knob].startswith("the spikes prove too little of a change of the numbers: ")
        assert lacking in reasons[knob]
        assert "lower these keys under [accept]" in reasons[knob]


@pytest.mark.parametrize("kind", ["enough", "enough serial"])
def test_a_model_whose_cells_fire_until_the_end_is_searched_over_numerical_knobs(kind) -> None:
    assert searched(kind).domains.keys() == set(KNOBS)


def test_spikes_of_a_stimulus_alone_show_nothing_of_dt(autotune, make_study, tmp_path) -> None:
    study = make_study(tmp_path / "model", f"{{python}} {MODEL} stimulus", MODEL, search={"trials": 3, "knobs": ["dt"]})
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    record = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert record["domains"] == {}
    reason = next(left["reason"] for left in record["out"] if left["knob"] == "dt")
    assert reason.startswith("100 of 100 spikes do not depend on dt, as those of a stimulus; without them")
    assert "0 spikes, at least 20 are needed" in reason
    assert not list((tmp_path / "out" / "trials").iterdir())
    assert "100 of 100 spikes do not depend on dt" in " ".join(answer.stdout.split())


@pytest.mark.mpi
def test_a_numerical_trial_that_was_made_all_the_same_is_not_judged(ring) -> None:
    strict = Acceptance(ring.baseline, ring.observation, AcceptConfig(evidence_spikes=1 + len(ring.baseline)))
    for safety in (EXACT, ROUND_OFF):
        assert strict.judge(ring.run, safety).verdict == "accepted"
    judgement = strict.judge(ring.run, NUMERICAL)
    assert judgement.verdict == "not applicable"
    assert judgement.violation >= 1
    assert "73 spikes, at least 74 are needed" in judgement.reason


@pytest.mark.mpi
def test_of_a_knob_with_values_of_several_classes_only_the_numerical_ones_are_left_out(ring) -> None:
    space = make_space(ring.observation, ("dt", "node_order"))
    domain = replace(space.domains["node_order"], classes=((2, NUMERICAL),))
    space = replace(space, domains={**space.domains, "node_order": domain})
    assert space.safety({"node_order": 1}) == ROUND_OFF
    assert space.safety({"node_order": 2}) == NUMERICAL
    assert space.classes == {ROUND_OFF, NUMERICAL}
    rest = space.without_class(NUMERICAL, "too little")
    assert rest.domains.keys() == {"node_order"}
    assert rest.domains["node_order"].values == (0, 1)
    assert rest.classes == {ROUND_OFF}
    assert rest.out[-2:] == (LeftOut("dt", "too little"), LeftOut("node_order", "too little", (2,)))


def test_spikes_of_cells_that_fire_at_the_same_times_are_told_from_the_others() -> None:
    a = Raster.from_arrays([1, 1, 2, 2, 3, 4], [1.0, 2.0, 1.0, 2.0, 5.0, 6.0])
    b = Raster.from_arrays([1, 1, 2, 2, 4, 4], [1.0, 2.0, 1.0, 2.5, 6.0, 7.0])
    assert list(moved(a, b).gids) == [2, 2, 3, 4]
    assert not len(moved(a, a))
    assert not len(moved(Raster.from_arrays([], []), Raster.from_arrays([], [])))
