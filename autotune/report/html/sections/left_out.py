"""What was left out, and why."""

from __future__ import annotations

from autotune.plan.space import LeftOut
from autotune.report.format import format_left_out
from autotune.report.html.markup import table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

COLUMNS = ("setting", "why")


def rows(studied: Studied) -> list[tuple[str, str]]:
    """Setting, with the values where only these were left out; why."""
    found = [(_named(each), each.reason) for each in studied.answer.plan.out]
    later = studied.calibration.left_out if studied.calibration else {}
    return found + [(name, str(reason)) for name, reason in later.items()]


def section(studied: Studied) -> Section | None:
    """A table; None where everything was searched."""
    found = rows(studied)
    if not found:
        return None
    body = table("Settings that were not searched, or not over all of their values", COLUMNS, found)
    return Section("left-out", "What was left out, and why", body)


def _named(out: LeftOut) -> str:
    return f"{out.knob}, {format_left_out(out.values)}" if out.values else out.knob
