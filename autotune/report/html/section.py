"""One part of the report."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.report.html.markup import Html


@dataclass(frozen=True)
class Section:
    """A heading, its anchor, and what stands below it."""

    anchor: str
    title: str
    body: Html
