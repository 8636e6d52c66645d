"""Where the time of a run goes, and what this machine has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autotune.commands.common import Study, app, numbers, print_json
from autotune.errors import ExitCode, UsageError


@app.command()
def profile(
    context: typer.Context,
    study: Study = None,
    mechanisms: Annotated[bool, typer.Option(help="time each mechanism in a second, short run")] = True,
    balance: Annotated[Path | None, typer.Option(help="write the gids with their best ranks to this file")] = None,
    ranks: Annotated[str | None, typer.Option(help="how it scales instead: run it with 1,2,4 ranks")] = None,
    threads: Annotated[str | None, typer.Option(help="the same with so many threads a rank")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="write the profile as one web page")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the profile as JSON")] = False,
) -> None:
    """Show where the time of a run goes and what to do about it: one watched run, no trials, nothing is kept."""
    from autotune.agent.knobs import RANKS, THREADS
    from autotune.begin import config_of
    from autotune.pipeline import profile as profile_only
    from autotune.pipeline import scale
    from autotune.profile.advice.balance import write_table
    from autotune.report.profile import profile_json, profile_table, scaling_json, scaling_table

    config = config_of(study, context.obj, Path.cwd())
    if ranks or threads:
        scaling = scale(config, RANKS if ranks else THREADS, numbers(ranks or threads or ""), lambda point: None)
        if as_json:
            print_json(scaling_json(scaling))
        else:
            Console(highlight=False).print(scaling_table(scaling))
        return
    seen, advice = profile_only(config, Path("runs") / config.name, mechanisms=mechanisms)
    facts = seen.observation.facts if seen.observation else None
    if as_json:
        print_json(profile_json(seen.profile, facts, advice))
    else:
        Console(highlight=False).print(profile_table(seen.profile, facts, advice))
    if html is not None:
        from autotune.report.html.profile import html_profile
        from autotune.store.output import write_output

        write_output(html, html_profile(config.name, seen.profile, facts, advice))
    if balance is not None and not write_table(seen.profile, balance):
        raise UsageError(
            f"{balance}: not written, the gids of the cells are not known.",
            cure="Give each cell a gid (pc.set_gid2node, pc.cell), or leave --balance out.",
        )
    if seen.profile.failed:
        raise typer.Exit(ExitCode.BASELINE_FAILED)


@app.command()
def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="print what was found as JSON")] = False,
) -> None:
    """Say what would be used to run a model and what is missing: autotune doctor [-- COMMAND]."""
    from autotune.doctor import examine
    from autotune.launch.command import parse_command
    from autotune.report.terminal import findings_table

    command = parse_command(context.obj, Path.cwd()) if context.obj else None
    findings, code = examine(command)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "exit_code": int(code)})
    else:
        Console(highlight=False).print(findings_table(findings))
    raise typer.Exit(code)
