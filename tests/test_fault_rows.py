"""A run of all faults fails where a row of docs/reference/faults.md ran in no way, whatever else is green."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import ways
from ways import IN_NO_WAY, NOT_ASKED_FOR, NOT_IN_CI, Ways, rows

PAGE = """
| fault | what happens | test |
|---|---|---|
| the disk is full | it says so | `test_a_small_disk`; second way: `test_a_write_hook` |
| a rank hangs | it is ended | `test_a_rank` |
"""
FULL, RANK = ["test_a_small_disk", "test_a_write_hook"], ["test_a_rank"]


def ways_of(*passed: str) -> Ways:
    known = Ways()
    known.whole = True
    known.there = known.in_ci = known.asked = {*FULL, *RANK}
    for name in passed:
        report = SimpleNamespace(nodeid=f"tests/faults/test_x.py::{name}[a::b]", when="call", passed=True)
        known.pytest_runtest_logreport(report)
    return known


@pytest.fixture(autouse=True)
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(ways, "PAGE", tmp_path / "faults.md")
    ways.PAGE.write_text(PAGE)


def test_a_row_names_its_tests() -> None:
    assert rows(PAGE) == {"the disk is full": FULL, "a rank hangs": RANK}


def test_the_second_way_stands_in() -> None:
    known = ways_of("test_a_write_hook", "test_a_rank")
    known.made["test_a_write_hook"]["a write hook"] = None
    assert dict(known.ends()) == {"the disk is full": "a write hook", "a rank hangs": "for real"}
    assert known.missing() == []


def test_a_row_that_was_skipped_in_both_ways_fails_the_run() -> None:
    known = ways_of("test_a_rank")
    assert dict(known.ends())["the disk is full"] == IN_NO_WAY
    for code, after in ((pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), (pytest.ExitCode.INTERRUPTED, None)):
        session = SimpleNamespace(exitstatus=None, config=SimpleNamespace(option=SimpleNamespace(collectonly=False)))
        known.pytest_sessionfinish(session, code)
        assert session.exitstatus == after


def test_so_does_one_that_ci_would_never_run() -> None:
    known = ways_of("test_a_rank")
    known.in_ci, known.asked = {*RANK}, {*RANK}
    assert known.end_of(FULL) == NOT_IN_CI
    assert known.missing() == ["the disk is full"]


def test_one_that_was_not_asked_for_does_not() -> None:
    known = ways_of("test_a_rank")
    known.asked = {*RANK}
    assert known.end_of(FULL) == NOT_ASKED_FOR
    assert known.missing() == []


def test_nor_one_whose_tests_lie_elsewhere() -> None:
    assert ways_of().end_of(["test_of_another_folder"]) == ""
