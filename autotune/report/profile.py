"""A profile, for people and for programs: where the time went, rank by rank, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autotune.agent.driver.ask import why_no_coreneuron
from autotune.agent.driver.facts import ModelFacts
from autotune.profile import Advice, Profile
from autotune.profile.profile import RUN
from autotune.profile.scaling import Scaling
from autotune.report.format import NOTHING, counted, format_number

BAR = 24
MOST_RANKS = 8
MOST_LINES = 5
MOST_POPULATIONS = 12
MOST_MECHANISMS = 10
NSPIKE_PERCENTILE = 95.0


def profile_json(profile: Profile, facts: ModelFacts | None, advice: Sequence[Advice]) -> dict[str, Any]:
    """All of it as JSON types; times in seconds, memory and output in MB."""
    return {
        "profile": asdict(profile),
        "balance": profile.balance,
        "exchange_s": profile.exchange_s,
        "model": asdict(facts) if facts else None,
        "advice": [asdict(one) for one in advice],
    }


def profile_table(profile: Profile, facts: ModelFacts | None, advice: Sequence[Advice]) -> Group:
    """What a terminal shows of it."""
    parts: list[RenderableType] = [_sections(profile)]
    if profile.failed:
        parts.append(Text(f"the model did not come to its end: {profile.failed}; this is what was seen", style="red"))
    if profile.undivided:
        parts.append(Text(f"  {profile.undivided}", style="dim"))
    if profile.named:
        parts += ["", _bars("sections that the model names", profile.named.items(), profile.wall_s)]
    if profile.ranks:
        parts += ["", _ranks(profile)]
    if profile.populations:
        parts += ["", _populations(profile)]
    if facts:
        parts += ["", *map(Text, _run(profile, facts))]
    if profile.mechanisms:
        parts += ["", _mechanisms(profile)]
    for phase, lines in profile.interpreted.items():
        parts += ["", _bars(f"Python in {phase}", lines[:MOST_LINES], profile.wall_s)]
    if profile.notes:
        parts += ["", *(Text(f"note: {note}", style="yellow") for note in profile.notes)]
    if profile.failed:
        return Group(*parts)
    none = Text("advice: none; nothing in the script stands in the way", style="green")
    return Group(*parts, "", *(advice_lines(advice) or [none]))


def advice_lines(advice: Sequence[Advice]) -> list[RenderableType]:
    """Each piece with its number, its bound and its lines."""
    lines: list[RenderableType] = []
    for one in advice:
        bound = f" (at most {one.bound:.2f} times as fast)" if one.bound else ""
        lines.append(Text(f"advice: {one.what}{bound}", style="bold"))
        lines.append(Text(f"  because {one.because}"))
        lines += [Text(f"    {line}", style="cyan") for line in one.how.splitlines()]
    return lines


def _sections(profile: Profile) -> RenderableType:
    shown = ((name, s) for name, s in profile.sections.items() if s >= 0.0005 or name == RUN)
    return _bars(f"where {profile.wall_s:.3g} s go", shown, profile.wall_s)


def _bars(title: str, entries: Iterable[tuple[str, float]], whole_s: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title)
    table.add_column("s", justify="right")
    table.add_column("%", justify="right")
    table.add_column("")
    for name, seconds in entries:
        share = seconds / whole_s if whole_s > 0.0 else 0.0
        table.add_row(escape(name), f"{seconds:.3f}", f"{share:.0%}", Text("█" * round(share * BAR), style="cyan"))
    return table


def _ranks(profile: Profile) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("rank", "cells", "segments", "computes s", "exchange s", "barrier s", "output s", "peak MB", "spikes")
    for name in columns:
        table.add_column(name, justify="right")
    slowest = sorted(profile.ranks, key=lambda rank: -rank.step_s)
    for rank in slowest[:MOST_RANKS]:
        times = (rank.step_s, rank.exchange_s, rank.barrier_s, rank.output_s)
        table.add_row(
            str(rank.rank),
            format_number(max(rank.cells, rank.trees)),
            format_number(rank.segments),
            *(f"{seconds:.3f}" for seconds in times),
            f"{rank.peak_mb:.0f}",
            format_number(rank.spikes),
        )
    if len(slowest) > MOST_RANKS:
        table.add_row(f"… {len(slowest) - MOST_RANKS} more")
    return table


def _populations(profile: Profile) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("population", "cells", "spikes", "Hz a cell"):
        table.add_column(name, justify="left" if name == "population" else "right")
    for each in profile.populations[:MOST_POPULATIONS]:
        table.add_row(escape(each.name), format_number(each.cells), format_number(each.spikes), f"{each.rate_hz:.3g}")
    if len(profile.populations) > MOST_POPULATIONS:
        table.add_row(f"… {len(profile.populations) - MOST_POPULATIONS} more")
    return table


def _run(profile: Profile, facts: ModelFacts) -> list[str]:
    how = "pc.psolve" if facts.psolve else "run() or fadvance()"
    step = "the variable step" if facts.cvode else f"dt = {facts.dt_ms:g} ms"
    lines = [f"run section: {how}, {step}, t = {facts.t_stop_ms:g} ms, {counted(len(profile.ranks), 'rank')}"]
    if profile.balance is not None and len(profile.ranks) > 1:
        waiting = max(rank.step_s + rank.barrier_s for rank in profile.ranks)
        dynamic = sum(profile.computation_s) / len(profile.ranks) / waiting
        lines.append(
            f"load balance: {profile.balance:.3f} (mean over maximum of the computation), with waiting {dynamic:.3f}; "
            f"exchange {profile.exchange_s:.3g} s"
        )
    if facts.delays_ms:
        lines.append(f"delays: {_delays(facts)}")
    if facts.histogram:
        lines.append(
            f"spikes per exchange: {sum(facts.histogram):,} exchanges, "
            f"nspike at the {NSPIKE_PERCENTILE:g}th percentile: {facts.spikes_per_exchange(NSPIKE_PERCENTILE)}"
        )
    unsafe = ", ".join(facts.thread_unsafe)
    lines.append(f"threads: {f'one only, for {unsafe}' if unsafe else 'every mechanism in use is thread safe'}")
    lines.append(f"CoreNEURON: {why_no_coreneuron(facts) or 'nothing in the model stands in its way'}")
    return lines


def _delays(facts: ModelFacts) -> str:
    least, most, interval = facts.delays_ms[0], facts.delays_ms[-1], facts.exchange_interval_ms
    values = f"{least:g} ms" if least == most else f"{least:g} to {most:g} ms"
    return f"{values}; spikes are exchanged every {interval:.3g} ms" if interval and facts.ranks > 1 else values


def _mechanisms(profile: Profile) -> Table:
    whole = profile.mechanisms_run_s
    times = sorted(profile.mechanisms.items(), key=lambda entry: -entry[1])[:MOST_MECHANISMS]
    return _bars(f"mechanisms, in a run section of {whole:.3g} s that times them {NOTHING} thread 0", times, whole)


def scaling_json(scaling: Scaling) -> dict[str, Any]:
    """The runs, and forecasts for twice and four times the largest number; times in seconds, memory in MB."""
    rows = [
        asdict(point)
        | {
            "speedup": scaling.speedup(point),
            "efficiency": scaling.efficiency(point),
            "serial_fraction": scaling.serial_fraction(point),
        }
        for point in scaling.points
    ]
    largest = scaling.points[-1].number
    forecast = {str(number): scaling.forecast(number) for number in (2 * largest, 4 * largest)}
    return {"by": scaling.by, "runs": rows, "forecast": forecast, "no_forecast": scaling.no_forecast()}


def scaling_table(scaling: Scaling) -> Group:
    """The same for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("run s", "wall s", "speed-up", "efficiency", "serial fraction", "load balance", "peak MB", "")
    for name in (scaling.by, *columns):
        table.add_column(name, justify="right")
    for point in scaling.points:
        serial = scaling.serial_fraction(point)
        table.add_row(
            str(point.number),
            f"{point.run_s:.3f}",
            f"{point.wall_s:.3f}",
            f"{scaling.speedup(point):.2f}",
            f"{scaling.efficiency(point):.0%}",
            NOTHING if serial is None else f"{serial:.3f}",
            NOTHING if point.balance is None else f"{point.balance:.3f}",
            f"{point.peak_mb:.0f}",
            "more than cores" if point.over else "",
        )
    why_not = scaling.no_forecast()
    lines = [Text(why_not)] if why_not else []
    for number in (2 * scaling.points[-1].number, 4 * scaling.points[-1].number):
        seconds = scaling.forecast(number)
        if seconds:
            least, likely, most = (f"{s:.3g}" for s in seconds)
            lines.append(Text(f"forecast, not run: {number} {scaling.by}: {likely} s ({least} to {most} s)"))
    return Group(table, *lines)
