"""A study of several workers in the terminal."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from autotune.cluster.status import Status, WorkerStatus
from autotune.launch.secrets import as_shown
from autotune.report.format import counted, format_changes, format_ratio
from autotune.report.terminal.places import places_view

EVERY_S = 2.0


def status_view(status: Status) -> RenderableType:
    """Workers, jobs, trials, the best so far, what is waited for."""
    table = Table(box=None, pad_edge=False)
    for heading in ("worker", "node", "processor", "trials", "does"):
        table.add_column(heading)
    for each in status.workers:
        worker = each.worker
        said = (worker.job or worker.name, worker.host, worker.node_type, str(each.trials), _does(each))
        table.add_row(*(escape(as_shown(word)) for word in said))
    lines = [f"{counted(status.living, 'worker')} at work, {_queue(status)}"]
    lines.append(
        f"{len(status.done)} of {status.wanted} trials done"
        + (f", {len(status.running)} running" if status.running else "")
        + (f", {waiting} waiting for their turn" if (waiting := len(status.claims) - len(status.running)) else "")
        + (f"; the search has ended: {status.stopped}" if status.stopped else "")
    )
    if len(status.places) == 1 and status.places[0].best is not None:
        best = status.places[0]
        lines.append(
            f"best so far: trial {best.best}, {format_ratio(best.best_ratio)}, {format_changes(best.best_changes)}"
        )
    if status.confirmed:
        lines.append(f"The study is finished: python -m autotune show {shlex.quote(str(status.folder))}")
    elif status.waiting_for:
        lines.append(f"Waiting for {status.waiting_for}.")
    return Group(
        *((table, "") if status.workers else ()),
        *(escape(as_shown(line)) for line in lines),
        *places_view(status.places),
    )


def watch_status(console: Console, look: Callable[[], Status]) -> None:
    """Show it anew every other second until the study is finished, or Ctrl-C."""
    status = look()
    with Live(status_view(status), console=console, auto_refresh=False) as live:
        while not status.confirmed:
            try:
                time.sleep(EVERY_S)
            except KeyboardInterrupt:
                return
            status = look()
            live.update(status_view(status), refresh=True)


def _does(each: WorkerStatus) -> str:
    if each.worker.ended:
        return f"ended: {each.worker.ended}"
    return each.worker.doing if each.alive else f"killed while it did: {each.worker.doing}"


def _queue(status: Status) -> str:
    if status.jobs is None:
        return f"{status.submission.scheduler} jobs {', '.join(status.submission.jobs) or 'none'}"
    states = [job.state for job in status.jobs]
    told = ", ".join(f"{states.count(state)} {state.lower()}" for state in sorted(set(states)))
    return f"in the queue: {told or 'none'}"
