"""What was left out, and why."""

from __future__ import annotations

from autotune.report.format import format_left_out
from autotune.report.html.markup import table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied


def rows(studied: Studied) -> list[tuple[str, str, str]]:
    """Setting, what of it was left out, why."""
    found = [(each.knob, format_left_out(each.values), each.reason) for each in studied.answer.plan.out]
    later = studied.calibration.left_out if studied.calibration else {}
    return found + [(name, format_left_out(()), str(reason)) for name, reason in later.items()]


def section(studied: Studied) -> Section | None:
    """A table; None where everything was searched."""
    found = rows(studied)
    if not found:
        return None
    body = table(
        "Settings that were not searched, or not over all of their values", ("setting", "left out", "why"), found
    )
    return Section("left-out", "What was left out, and why", body)
