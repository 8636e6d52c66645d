"""What the doctor found, as a table."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autotune.doctor import Finding

STYLES = {"ok": "green", "note": "yellow", "missing": "bold red"}


def findings_table(findings: list[Finding]) -> Table:
    """Name, status, text, and what to do about it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        text = escape(finding.text) + (f"\n[italic]{escape(finding.cure)}[/]" if finding.cure else "")
        table.add_row(finding.name, Text(finding.status, style=STYLES[finding.status]), text)
    return table
