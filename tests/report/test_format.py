"""What is written for people reads alike wherever it stands."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autotune.agent.knobs import KNOBS
from autotune.plan.space import SearchSpace
from autotune.report.format import format_changes, format_duration, format_settings, format_value, format_version
from autotune.report.plan import plan_table
from autotune.report.terminal import TerminalProgress
from knob_pages import EXAMPLE


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "as it is"), ("", "as it is"), (True, "on"), (False, "off"), (0.025, "0.025"), (3, "3"), ("core", "core")],
)
def test_a_value(value, text):
    assert format_value(value) == text


def test_the_plan_and_the_run_print_the_same_for_the_same_value():
    """maxstep is left as the model sets it, or set: the first has no number."""
    space = SearchSpace({"maxstep": KNOBS["maxstep"].domain(EXAMPLE)}, (), {"maxstep": None}, EXAMPLE)
    printed = []
    for tell in (
        lambda console: console.print(plan_table(space)),
        lambda console: TerminalProgress(console).planned(space),
    ):
        console = Console(file=io.StringIO(), width=120)
        tell(console)
        line = next(line for line in console.file.getvalue().splitlines() if line.split()[:1] == ["maxstep"])
        printed.append(line.split("exact")[1].strip())
    assert printed == ["as it is, 3"] * 2


def test_settings_in_a_line():
    settings = {"dt": 0.05, "nspike": 2, "gid_compress": True, "step_wait": False, "maxstep": None}
    assert format_settings(settings) == "dt=0.05 nspike=2 gid_compress no step_wait maxstep as it is"


def test_a_trial_that_changes_nothing_is_the_baseline():
    assert format_changes({}) == "baseline"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (101, "1 min 41 s"), (6000, "1 h 40 min")]
)
def test_a_duration(seconds, text):
    assert format_duration(seconds) == text


def test_a_version():
    assert (format_version((9, 0, 2)), format_version(())) == ("9.0.2", "unknown")
