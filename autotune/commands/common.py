"""What the commands share: the program, options that several have, and how they print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from autotune import __version__
from autotune.errors import AutotuneError, UsageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
errors = Console(stderr=True)

Study = Annotated[Path | None, typer.Argument(help="a folder with a study.toml; or give a command after --")]
Folder = Annotated[Path, typer.Argument(help="the study folder, for example runs/ring")]
Names = Annotated[str | None, typer.Option(help="comma-separated knobs")]
Environments = Annotated[
    list[Path] | None, typer.Option(help="another environment with NEURON to try the model in; may be repeated")
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"neuron-autotune {__version__}")
        raise typer.Exit


@app.callback()
def every(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and end")
    ] = False,
) -> None:
    """Finds the settings that run a NEURON model fastest without changing its spikes, with proof."""


def print_json(value: Any) -> None:
    """Print it on standard output, where nothing else stands beside it."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))


def tell(error: AutotuneError) -> int:
    from autotune.launch.secrets import as_shown

    errors.print(f"[bold red]autotune:[/] {escape(as_shown(error.message))}", highlight=False, soft_wrap=True)
    if error.details.strip():
        errors.print("[dim]its last lines:[/]")
        errors.print(escape(as_shown(error.details.rstrip())), style="dim", highlight=False, soft_wrap=True)
    if error.log and os.path.exists(error.log):
        errors.print(escape(f"All that it printed: {error.log}"), highlight=False, soft_wrap=True)
    if error.cure:
        errors.print(escape(as_shown(error.cure)), highlight=False, soft_wrap=True)
    return error.exit_code


def warn(text: str) -> None:
    """Say it on standard error; the command goes on."""
    errors.print(f"[yellow]autotune:[/] {escape(text)}", highlight=False, soft_wrap=True)


def after_dashes(context: typer.Context) -> list[str]:
    if not context.obj:
        raise UsageError("there is no command", cure="Write it after --: … -- mpiexec -n 2 python model.py")
    return list(context.obj)


def absolute(paths: list[Path] | None) -> tuple[Path, ...] | None:
    return tuple(path.expanduser().absolute() for path in paths) if paths else None


def numbers(text: str) -> list[int]:
    numbers = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in numbers):
        raise UsageError(f"{text}: not a list of whole numbers.", cure="Write them with commas: --ranks 1,2,4")
    return [int(word) for word in numbers]


def seconds_of(text: str | None) -> float | None:
    from autotune.config import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        raise UsageError(f"--time {text}: {error}", cure="Write it so: --time 2h") from error


def split(names: str | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(name.strip() for name in names.split(",") if name.strip())
