"""What the tuning cost, and when it has paid for itself."""

from __future__ import annotations

from autotune.handover.told import describe_bill
from autotune.report.format import format_duration
from autotune.report.html.markup import join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied


def section(studied: Studied) -> Section:
    """A sentence and the steps."""
    told = describe_bill(studied.best.bill)
    rows = [(step, format_duration(seconds)) for step, seconds in studied.spent_s.items()]
    body = [paragraph(f"{told[0].upper()}{told[1:]}."), table("Time of each step of the study", ("step", "took"), rows)]
    return Section("bill", "What it cost", join(body))
