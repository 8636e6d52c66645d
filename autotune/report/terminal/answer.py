"""The end of a study as a panel: baseline and best side by side, the speed-up with its interval, what became of the
spikes, and what the tuning cost.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from autotune.best import Best
from autotune.handover.told import describe_bill, describe_brings, describe_raster, describe_speedup
from autotune.report.format import format_value


def answer(best: Best) -> Panel:
    """The whole panel."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "baseline", "best"):
        table.add_column(column)
    for name, value in best.settings.items():
        own = best.baseline_settings[name]
        style = "" if value == own else "bold green"
        table.add_row(name, format_value(own), Text(format_value(value), style=style))
    group = Group(table, Text(), Text.from_markup(_verdict(best)), Text(describe_bill(best.bill), style="dim"))
    return Panel(group, title=f"study {escape(best.study)}", expand=False)


def _verdict(best: Best) -> str:
    evidence = best.evidence
    notes = [evidence.machine_changed] if evidence.machine_changed else []
    changed = "".join(f"\nnote: {note}" for note in (*notes, *evidence.disturbed))
    if best.verdict != "improved":
        return "[bold]no improvement[/] is proved: keep your settings" + _closest(best) + _refused(best) + changed
    line = f"[bold green]improved[/]: {describe_speedup(best)}"
    looked = f"compared: {best.evidence.looked_at}" if best.evidence.looked_at else ""
    raster = describe_raster(best.evidence.raster) if best.evidence.raster else ""
    brings = describe_brings(best) if best.evidence.brings else ""
    return "\n".join(filter(None, (line, brings, raster, escape(looked)))) + changed


def _closest(best: Best) -> str:
    findings: list[dict[str, Any]] = best.evidence.findings
    if not findings:
        return ""
    top = max(findings, key=lambda finding: float(finding["speedup"]["estimate"]))
    interval = top["speedup"]
    return (
        f"\nclosest: trial {top['finalist']}, {interval['estimate']:.3f} times as fast "
        f"({interval['low']:.3f} to {interval['high']:.3f}), p = {top['corrected_p']:.2g}"
    )


def _refused(best: Best) -> str:
    refused = best.evidence.refused
    if not refused:
        return ""
    numbers = ", ".join(map(str, sorted(refused)))
    return f"\nout: trial {numbers}: accepted on the part that was searched, not in the whole run"
