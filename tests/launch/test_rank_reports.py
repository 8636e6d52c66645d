"""What a rank says of itself is believed only as far as it has the shape of a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autotune.agent.protocol import PROTOCOL, RankReport, RunSection, to_json
from autotune.launch.reports import read_report


def written(folder: Path, text: str) -> Path:
    file = folder / "rank-000001.json"
    file.write_text(text)
    return file


def test_a_report_comes_through_as_it_was_sent_also_with_numbers_of_numpy(tmp_path: Path):
    report = RankReport(
        rank=1,
        nhost=2,
        neuron="NEURON -- VERSION 9.0.2",
        t_ms=100.0,
        effective={"nspike": np.int64(3), "dt": np.float64(0.05)},
    )
    report.sections = [RunSection(t_stop_ms=100.0, psolve_s=0.5, clock_s=None), RunSection(clock_s=0.25)]
    report.histogram = np.array([5, 3, 1])
    again = read_report(written(tmp_path, to_json(report)))
    assert again.sections == report.sections
    assert (again.rank, again.nhost, again.t_ms) == (1, 2, 100.0)
    assert again.effective == {"nspike": 3, "dt": 0.05}
    assert again.histogram == [5, 3, 1]


def test_a_field_of_a_newer_agent_is_ignored(tmp_path: Path):
    said = {"protocol": PROTOCOL, "rank": 3, "nhost": 4, "mood": "good"}
    assert read_report(written(tmp_path, json.dumps(said))).rank == 3


TORN = ["", '{"protocol": 2, "ra', "[]", "null", '{"rank": 0}', '{"protocol": 999}', "[" * 100_000]
BAD = [
    {"rank": 2, "nhost": 2},
    {"rank": -1},
    {"nhost": 10**12},
    {"t_ms": "late"},
    {"sections": [{"spikes": None}]},
    {"voltage": {"finite": True}},
    {"beside": {"vectors": "all"}},
    {"model": {"cells": 1}},
    {"effective": []},
]


@pytest.mark.parametrize("text", [*TORN, *(json.dumps({"protocol": PROTOCOL, "nhost": 1, **said}) for said in BAD)])
def test_torn_and_foreign_reports_are_refused(tmp_path: Path, text: str):
    with pytest.raises(ValueError, match=r"\w"):
        read_report(written(tmp_path, text))


def test_a_name_that_is_no_text_is_told_as_far_as_it_is_one(tmp_path: Path):
    report = RankReport(executable="/home/\udcff/python")
    assert read_report(written(tmp_path, to_json(report))).executable == "/home/?/python"
