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

from autotune.export import Best, Bill, RasterEvidence
from autotune.report.format import counted, format_duration, format_value


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


def describe_bill(bill: Bill) -> str:
    """What the tuning cost and when it has paid for itself, in a sentence."""
    cost = f"tuning took {format_duration(bill.tuning_s)}"
    if bill.saved_s_per_run is None or bill.runs_to_pay is None:
        return cost
    return f"{cost}; a run saves {bill.saved_s_per_run:.3g} s, so it has paid for itself after {bill.runs_to_pay} runs"


def describe_raster(raster: RasterEvidence) -> str:
    """By which rule the spikes of the best trial were accepted, and what they do."""
    accepted = f"raster: {raster.verdict} as {raster.safety_class}"
    spikes = counted(raster.spikes, "spike")
    if raster.statistics is not None:
        return (
            f"{accepted} by its statistics: the worst reaches {raster.statistics:.0%} of what it may ({spikes}, "
            f"{raster.distance:.1%} of them without a partner, as in any two runs of a chaotic network)"
        )
    if raster.distance == 0 and raster.safety_class == "exact":
        return f"{accepted} (identical, {spikes})"
    partners = "all matched" if raster.distance == 0 else f"{raster.distance:.2%} without a partner"
    if raster.largest_shift_ms is None or raster.mean_shift_ms is None:
        return f"{accepted} ({spikes}, {partners})"
    moved = f"shifted by {raster.mean_shift_ms:.3f} ms on average, at most {raster.largest_shift_ms:.3f} ms"
    return f"{accepted} ({spikes}, {partners}; {moved})"


def _verdict(best: Best) -> str:
    if best.verdict != "improved":
        return "[bold]no improvement[/] is proved: keep your settings" + _closest(best)
    speedup = best.speedup
    line = (
        f"[bold green]improved[/]: {speedup.estimate:.2f} times as fast "
        f"({speedup.confidence:.0%} interval {speedup.low:.2f} to {speedup.high:.2f}), "
        f"{best.evidence.pairs} pairs, p = {best.evidence.corrected_p:.2g}"
    )
    looked = f"compared: {best.evidence.looked_at}" if best.evidence.looked_at else ""
    raster = describe_raster(best.evidence.raster) if best.evidence.raster else ""
    return "\n".join(filter(None, (line, raster, escape(looked))))


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
