"""The study in a terminal: live while it runs, a table at the end; without a terminal, a plain line for each event."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autotune.agent.knobs import KNOBS
from autotune.config import SearchConfig
from autotune.doctor import Finding
from autotune.export import Best, Bill
from autotune.measure import Event, Pair
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.search.resident import ResidentRecord
from autotune.store.records import Settings, Trial
from autotune.verify.calibrate import Calibration
from autotune.verify.noise import NoiseRecord

SHOWN_TRIALS = 12
BAR_COLUMNS = 24
NAME_COLUMNS = max(map(len, KNOBS))
VERDICT_STYLES = {
    "accepted": "green",
    "diverged": "red",
    "unstable": "red",
    "crashed": "bold red",
    "timeout": "yellow",
    "not applicable": "dim",
}


class TerminalProgress:
    """Implements report.progress.Progress with rich."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._trials: list[Trial] = []
        self._limits = SearchConfig()
        self._started = time.monotonic()
        self._pairs_done = self._pairs_all = 0
        self._confirm_started = 0.0

    def step(self, name: str) -> str:
        self._end_live()
        titles = {
            "observe": "Running your command once, watched",
            "plan": "What can be tuned",
            "calibrate": "The baseline against itself",
            "search": "Searching",
            "confirm": "Confirming in fresh processes",
        }
        self._console.print(f"[bold]{titles.get(name, name)}[/bold]")
        return name

    def observed(self, observation: Observation) -> None:
        facts, environment = observation.facts, observation.environment
        balance = f", load balance {observation.load_balance:.2f}" if observation.load_balance is not None else ""
        version = ".".join(map(str, facts.neuron))
        self._line(f"NEURON {version}, Python {environment.python}, {environment.mpi}, {facts.ranks} rank(s){balance}")
        delay = f", smallest delay between ranks {facts.min_delay_ms:g} ms" if facts.min_delay_ms is not None else ""
        self._line(
            f"{facts.cells} cells, {observation.spikes} spikes in {facts.t_stop_ms:g} ms at dt = {facts.dt_ms:g} ms"
            + delay
        )
        parts = observation.sections
        self._line(
            f"set-up {parts['setup']:.2f} s, run {parts['run']:.2f} s (exchange {parts['exchange']:.2f} s), "
            f"output {parts['output']:.2f} s"
        )
        if observation.written:
            self._line(f"it writes {', '.join(observation.written[:5])} beside itself", "yellow")
        for note in observation.notes:
            self._line(f"note: {note}", "yellow")

    def planned(self, space: SearchSpace) -> None:
        for name, domain in space.domains.items():
            values = ", ".join(map(_plain, domain.values))
            self._line(f"{name:<{NAME_COLUMNS}} {domain.safety:<10} {values}")
        for left in space.out:
            self._line(f"{left.knob:<{NAME_COLUMNS}} not searched: {left.reason}", "dim")

    def calibrated(self, calibration: Calibration) -> None:
        if calibration.regime != "random":
            self._line("the model reproduces itself bit for bit")
        if calibration.regime == "chaotic":
            self._line(f"chaotic: {calibration.why}; a change of numbers is judged by statistics")
        elif calibration.half_dt_shift_ms is not None:
            self._line(
                f"half the dt shifts its spikes by up to {calibration.half_dt_shift_ms:.3f} ms: the error you live with"
            )
        if calibration.note:
            self._line(f"note: {calibration.note}", "yellow")

    def timed(self, record: NoiseRecord, note: str) -> None:
        for line in filter(None, (note, *record.advice)):
            self._line(line)

    def resident(self, record: ResidentRecord) -> None:
        self._line(record.note if record.way else f"every trial is a fresh process: {record.note}")

    def searching(self, known: list[Trial], limits: SearchConfig) -> None:
        self._trials, self._limits, self._started = list(known), limits, time.monotonic()
        if known:
            self._line(f"going on after {len(known)} finished trials")
        if self._console.is_terminal:
            self._live = Live(self._view(), console=self._console, refresh_per_second=2)
            self._live.start()

    def trial(self, trial: Trial) -> None:
        if not self._trials or self._trials[-1] is not trial:
            self._trials.append(trial)
        if self._live:
            self._live.update(self._view())
        else:
            best = _best(self._trials)
            self._line(
                f"trial {trial.number:>3}  {_settings(trial):<46} {trial.verdict:<14} {_ratio(trial):<7} "
                f"best {_ratio(best)}  {self._time_left()}{_why(trial)}"
            )

    def confirming(self, chosen: list[Trial], pairs: int, done: int) -> None:
        if not chosen:
            self._line("no accepted trial looked faster than the baseline; nothing to confirm")
            return
        self._pairs_done, self._pairs_all = done, len(chosen) * pairs
        self._confirm_started = time.monotonic()
        for trial in chosen:
            self._line(f"finalist: trial {trial.number} ({_settings(trial)}), ratio {_ratio(trial)}")
        if self._console.is_terminal:
            self._live = Live(self._confirm_view(), console=self._console, refresh_per_second=2)
            self._live.start()

    def confirmed(self, event: Event) -> None:
        self._pairs_done += 1
        if self._live:
            self._live.update(self._confirm_view())
        elif isinstance(event, Pair):
            ratio = event.trial_s / event.baseline_s
            self._line(f"pair {self._pairs_done}/{self._pairs_all}: trial {event.finalist} {ratio:.3f}")
        else:
            self._line(f"trial {event.finalist} is out: {event.reason}", "yellow")

    def finished(self, best: Best, folder: Path) -> None:
        self._end_live()
        self._console.print(answer(best))
        self._console.print(f"python -m autotune export {escape(str(folder))} -o best.json", highlight=False)

    def close(self) -> None:
        """Give the terminal back, whatever happened."""
        self._end_live()

    def _line(self, text: str, style: str = "") -> None:
        if self._console.is_terminal:
            self._console.print(Padding(Text(text, style=style), (0, 0, 0, 2)))
        else:
            self._console.print(Text("  " + text, style=style), soft_wrap=True)

    def _end_live(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def _time_left(self) -> str:
        measured = [t.wall_s for t in self._trials if t.answered_from is None]
        if not measured:
            return ""
        left = sum(measured) / len(measured) * max(0, self._limits.trials - len(self._trials))
        if self._limits.time_budget_s is not None:
            left = min(left, max(0.0, self._limits.time_budget_s - sum(t.wall_s for t in self._trials)))
        return f"about {_duration(left)} left"

    def _view(self) -> Group:
        best = _best(self._trials)
        found = (
            f"best so far {_ratio(best)} in trial {best.number} ({_settings(best)})" if best else "nothing faster yet"
        )
        status = f"{len(self._trials)} of {self._limits.trials} trials, {self._time_left()}; {found}"
        return Group(
            trial_table(self._trials[-SHOWN_TRIALS:]), Text(), _bar(len(self._trials), self._limits.trials, status)
        )

    def _confirm_view(self) -> Table:
        elapsed = time.monotonic() - self._confirm_started
        left = elapsed / self._pairs_done * (self._pairs_all - self._pairs_done) if self._pairs_done else None
        text = f"{self._pairs_done} of {self._pairs_all} pairs" + (
            f", about {_duration(left)} left" if left is not None else ""
        )
        return _bar(self._pairs_done, self._pairs_all, text)


def _bar(done: int, total: int, text: str) -> Table:
    """A progress bar with its text beside it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row(ProgressBar(total=total, completed=done, width=BAR_COLUMNS), Text(text))
    return grid


def trial_table(trials: list[Trial]) -> Table:
    """Trials as rows: number, settings, verdict, paired time ratio, and why."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trial", justify="right")
    table.add_column("settings", ratio=3)
    table.add_column("verdict")
    table.add_column("time ratio", justify="right")
    table.add_column("why", ratio=2, style="dim")
    for trial in trials:
        why = f"as trial {trial.answered_from}" if trial.answered_from is not None else trial.reason
        verdict = Text(trial.verdict, style=VERDICT_STYLES[trial.verdict])
        table.add_row(str(trial.number), escape(_settings(trial)), verdict, _ratio(trial), escape(why))
    return table


def answer(best: Best) -> Panel:
    """The end of a study: baseline and best side by side, the speed-up with its interval, and the verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "baseline", "best"):
        table.add_column(column)
    for name, value in best.settings.items():
        own = best.baseline_settings[name]
        style = "" if value == own else "bold green"
        table.add_row(name, _plain(own), Text(_plain(value), style=style))
    speedup = best.speedup
    if best.verdict == "improved":
        line = (
            f"[bold green]improved[/]: {speedup.estimate:.2f} times as fast "
            f"({speedup.confidence:.0%} interval {speedup.low:.2f} to {speedup.high:.2f}), "
            f"{best.evidence.pairs} pairs, p = {best.evidence.corrected_p:.2g}"
        )
        raster = best.evidence.raster
        if raster:
            same = (
                "identical"
                if raster.distance == 0 and raster.safety_class != "numerical"
                else f"distance {raster.distance:.3g}"
            )
            line += f"\nraster: {raster.verdict} as {raster.safety_class} ({same}, {raster.spikes} spikes)"
    else:
        line = "[bold]no improvement[/] is proved: keep your settings" + _closest(best)
    bill = Text(describe_bill(best.bill), style="dim")
    return Panel(Group(table, Text(), Text.from_markup(line), bill), title=f"study {escape(best.study)}", expand=False)


def describe_bill(bill: Bill) -> str:
    """What the tuning cost and when it has paid for itself, in a sentence."""
    cost = f"tuning took {_duration(bill.tuning_s)}"
    if bill.saved_s_per_run is None or bill.runs_to_pay is None:
        return cost
    return f"{cost}; a run saves {bill.saved_s_per_run:.3g} s, so it has paid for itself after {bill.runs_to_pay} runs"


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


def findings_table(findings: list[Finding]) -> Table:
    """What the doctor found: name, status, text, and what to do about it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    styles = {"ok": "green", "note": "yellow", "missing": "bold red"}
    for finding in findings:
        text = escape(finding.text) + (f"\n[italic]{escape(finding.cure)}[/]" if finding.cure else "")
        table.add_row(finding.name, Text(finding.status, style=styles[finding.status]), text)
    return table


def _best(trials: list[Trial]) -> Trial | None:
    """The fastest accepted trial; None while nothing was faster than the user's own settings, which are no find."""
    faster = [trial for trial in trials if trial.accepted and trial.changes and (trial.ratio or 1.0) < 1.0]
    return min(faster, key=lambda trial: trial.ratio or 1.0, default=None)


def _why(trial: Trial) -> str:
    why = [f"as trial {trial.answered_from}"] if trial.answered_from is not None else []
    why += [trial.reason] if trial.reason else []
    return f"  ({'; '.join(why)})" if why else ""


def _settings(trial: Trial) -> str:
    return format_settings(trial.changes) if trial.changes else "baseline"


def format_settings(settings: Settings) -> str:
    """Settings in one line: dt=0.05 nspike=2 gid_compress."""
    return " ".join(
        name if value is True else f"no {name}" if value is False else f"{name}={_plain(value)}"
        for name, value in settings.items()
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ratio(trial: Trial | None) -> str:
    return "-" if trial is None or trial.ratio is None else f"{trial.ratio:.3f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
