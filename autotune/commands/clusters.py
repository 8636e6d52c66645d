"""A study on a cluster."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autotune.commands.common import Folder, Study, app, print_json, seconds_of, warn
from autotune.errors import Interrupted


@app.command()
def submit(
    context: typer.Context,
    study: Study = None,
    workers: Annotated[int, typer.Option(min=1, help="how many make trials at the same time, a job each")] = 4,
    ranks: Annotated[
        int | None, typer.Option(min=1, help="ranks that each job has room for (default: those of the command)")
    ] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="nodes of each job")] = None,
    partition: Annotated[str | None, typer.Option(help="partition, or queue")] = None,
    time: Annotated[str | None, typer.Option(help="time limit of each job: 90min, 2h")] = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="nodes that no other job shares")] = False,
    scheduler: Annotated[str | None, typer.Option(help="slurm, pbs, lsf or sge (default: this machine's)")] = None,
    trials: Annotated[int | None, typer.Option(help="number of trials, the baseline among them")] = None,
    out: Annotated[Path | None, typer.Option(help="the study folder (default: runs/<name>)")] = None,
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage URL (default: a journal in the study folder)")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the job script, and do nothing")] = False,
) -> None:
    """Tune on a cluster: a job array whose workers share one study. Submit it again at any time to go on."""
    from autotune.begin import config_of
    from autotune.cluster import Wishes, job_script
    from autotune.cluster import submit as submit_array
    from autotune.report.format import counted

    config = config_of(study, context.obj, Path.cwd(), search={"trials": trials})
    place = out or Path("runs") / config.name
    wishes = Wishes(workers, ranks, nodes, partition, seconds_of(time), exclusive, scheduler)
    if dry_run:
        typer.echo(job_script(config, place, wishes, os.environ), nl=False)
        return
    submission = submit_array(config, place, wishes, storage, os.environ)
    typer.echo(f"{submission.scheduler} job {submission.jobs[-1]}: {counted(workers, 'worker')} on {place}")
    typer.echo(f"See how far they are: python -m autotune status {shlex.quote(str(place))}")


@app.command()
def worker(folder: Folder) -> None:
    """Make trials of a submitted study beside its other workers: what a job of `submit` runs."""
    from autotune.pipeline import work
    from autotune.report.terminal import TerminalProgress

    progress = TerminalProgress(Console(highlight=False))
    try:
        best = work(folder, progress)
    except KeyboardInterrupt as interrupt:
        raise Interrupted("interrupted", cure="Another worker makes its trial again.") from interrupt
    finally:
        progress.close()
    if best is None:
        typer.echo("The search is over; another worker confirms.")


@app.command()
def status(
    folder: Folder,
    watch: Annotated[bool, typer.Option("--watch", help="go on until the study is finished, or Ctrl-C")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
) -> None:
    """Show how far a submitted study is: its workers, their jobs, trials, the best so far, what is waited for."""
    from autotune.cluster import status_of
    from autotune.report.terminal.workers import status_view, watch_status
    from autotune.store.records import Trial

    if as_json:
        print_json(status_of(folder).as_dict())
    elif watch:
        known: list[Trial] = []
        watch_status(Console(highlight=False), lambda: status_of(folder, known))
    else:
        Console(highlight=False).print(status_view(status_of(folder)))


@app.command()
def cancel(folder: Folder) -> None:
    """End all jobs of a submitted study; what was finished is kept."""
    from autotune.cluster import cancel as cancel_jobs
    from autotune.cluster import read_submission

    submission = read_submission(folder)
    for line in cancel_jobs(submission):
        warn(line)
    typer.echo(f"Ended: {submission.scheduler} jobs {', '.join(submission.jobs)}. Submit it again to go on.")
