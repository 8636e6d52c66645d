"""Tune a model, or see what could be tuned."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autotune.commands.become import become
from autotune.commands.common import Environments, Names, Study, absolute, app, print_json, split, warn
from autotune.errors import Interrupted


@app.command()
def run(
    context: typer.Context,
    study: Study = None,
    trials: Annotated[int | None, typer.Option(help="number of trials, the baseline among them")] = None,
    time_budget: Annotated[float | None, typer.Option(help="seconds to search")] = None,
    budget: Annotated[str | None, typer.Option(help="time for the whole study, proof included: 10min, 2h")] = None,
    claim: Annotated[str | None, typer.Option(help="what the proof times: whole (the run), or part (of it)")] = None,
    out: Annotated[Path | None, typer.Option(help="the study folder (default: runs/<name>)")] = None,
    knobs: Names = None,
    exclude: Names = None,
    env: Environments = None,
    seed: Annotated[int | None, typer.Option(help="seed of the sampler")] = None,
    objective: Annotated[str | None, typer.Option(help="what is timed: run (the run section) or total")] = None,
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage URL (default: a journal in the study folder)")
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(help="how your files are kept from trials: auto, overlay, library, put back, copy, or in place"),
    ] = None,
    resident: Annotated[
        str | None, typer.Option(help="many trials on one built network, if it replays: auto, or never")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="COMMAND", help="check the winner's spikes on this command too; may be repeated"),
    ] = None,
    launch: Annotated[
        bool, typer.Option("--launch", help="start the command with the answer as soon as there is one")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="start anew; an earlier study goes to a folder beside it")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the answer as JSON, and progress on standard error")
    ] = False,
) -> None:
    """Tune a study, or a command: autotune run [OPTIONS] (STUDY | -- mpiexec -n 2 python model.py)."""
    search = {
        "trials": trials,
        "time_budget_s": time_budget,
        "budget": budget,
        "seed": seed,
        "knobs": split(knobs),
        "exclude": split(exclude),
        "environments": absolute(env),
        "objective": objective,
    }
    from autotune.begin import config_of
    from autotune.pipeline import tune
    from autotune.report.progress import Reports
    from autotune.report.terminal import TerminalProgress
    from autotune.store.address import INSTEAD, has_password

    config = config_of(
        study,
        context.obj,
        Path.cwd(),
        search=search,
        confirm={"claim": claim},
        run={"workspace": workspace, "resident": resident},
    )
    progress = Reports(TerminalProgress(Console(highlight=False, stderr=as_json)))
    others = [shlex.split(line) for line in also or ()]
    place = out or Path("runs") / config.name
    if has_password(storage):
        warn(f"The password in --storage is kept nowhere, but whoever lists the processes here sees it. {INSTEAD}")
    try:
        best = tune(config, place, storage=storage, fresh=fresh, progress=progress, also=others)
    except KeyboardInterrupt as interrupt:
        raise Interrupted("interrupted", cure="The same command goes on where it stopped.") from interrupt
    finally:
        progress.close()
    if as_json:
        print_json(best.model_dump(mode="json"))
    if launch:
        from autotune.handover.production import production

        become(production(best, config.command, config.folder))


@app.command()
def plan(
    context: typer.Context,
    study: Study = None,
    knobs: Names = None,
    exclude: Names = None,
    env: Environments = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the plan as JSON")] = False,
) -> None:
    """Show what can be tuned, and why the rest cannot: one watched run, no trials, nothing is kept."""
    from autotune.begin import config_of
    from autotune.launch.command import parse_command
    from autotune.pipeline import advice_on
    from autotune.pipeline import plan as plan_only
    from autotune.report.plan import plan_json, plan_table
    from autotune.report.profile import advice_lines

    search = {"knobs": split(knobs), "exclude": split(exclude), "environments": absolute(env)}
    config = config_of(study, context.obj, Path.cwd(), search=search)
    observation, space = plan_only(config)
    advice = advice_on(observation, parse_command(config.command, config.folder))
    if as_json:
        print_json(plan_json(space, observation.notes) | {"advice": [asdict(one) for one in advice]})
    else:
        Console(highlight=False).print(plan_table(space, observation.notes), *advice_lines(advice), sep="\n")
