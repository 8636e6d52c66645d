"""Apply the answer of a study."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from autotune.commands.become import become, tell_warnings
from autotune.commands.common import Folder, absolute, after_dashes, app, errors, tell
from autotune.errors import AutotuneError, ExitCode, UsageError

if TYPE_CHECKING:
    from autotune.handover.production import Production
    from autotune.handover.recorded import Outputs


@app.command()
def export(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="file to write; - prints it (default: the format's own name)")
    ] = None,
    format: Annotated[
        str, typer.Option(help="json; code to paste: python or hoc; toml; t4: all trials, for other autotuners")
    ] = "json",
) -> None:
    """Write the answer of a study: best.json, code to paste, or another format."""
    from autotune.handover.answer import read_answer
    from autotune.handover.formats import named
    from autotune.store.folder import open_finished
    from autotune.store.output import write_output

    chosen = named(format)
    text = chosen.text(read_answer(*open_finished(folder)))
    if output == Path("-"):
        typer.echo(text, nl=False)
    else:
        write_output(output or Path(chosen.FILE), text)
        typer.echo(f"{output or chosen.FILE} written")


@app.command("exec")
def execute(
    context: typer.Context,
    best: Annotated[Path, typer.Argument(help="best.json, as export wrote it; the command follows --")],
    force: Annotated[bool, typer.Option("--force", help="apply the settings though the proof does not hold")] = False,
    otherwise: Annotated[
        bool, typer.Option("--else-plain", help="run the command untouched where the settings are refused")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="run it twice instead, with your settings and with these, and compare")
    ] = False,
    env: Annotated[
        list[Path] | None,
        typer.Option("--env", help="an environment with another NEURON that the answer may run; may be repeated"),
    ] = None,
    spikes: Annotated[
        Path | None, typer.Option(help="keep the run's spikes in this SONATA file (.h5), written by all ranks")
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=FILE", help="keep the recorded Vectors with this label() too; may be repeated"),
    ] = None,
) -> None:
    """Run your production command with the settings of a study applied; output and exit code are its own."""
    from autotune.best import read_best
    from autotune.handover.production import plain, production, verified

    command = after_dashes(context)
    answer = read_best(best)
    asked = _outputs(spikes, vectors or ())
    writes = asked.job() if asked else None
    if verify:
        with errors.status("two runs, with your own settings and with these"):
            same, says = verified(answer, command, Path.cwd(), absolute(env) or ())
        typer.echo(says)
        raise typer.Exit(ExitCode.DONE if same else ExitCode.DIFFERENT)
    try:
        ready = production(answer, command, Path.cwd(), force=force, environments=absolute(env) or (), writes=writes)
    except UsageError as refused:
        if not otherwise:
            raise
        ready = plain(answer, command, Path.cwd(), warning=refused.message, writes=writes)
    if asked:
        _run_and_keep(ready, asked)
    become(ready)


@app.command()
def merge(
    parts: Annotated[Path, typer.Argument(help="the folder FILE.parts that an exec which was killed has left")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write (default: FILE)")] = None,
) -> None:
    """Merge what the ranks of a production run wrote: spikes or recorded vectors."""
    from autotune.handover.recorded import merge as merge_now

    file = output or parts.with_suffix("")
    typer.echo(f"{file}: {merge_now(parts, file)}")


@app.command()
def env(best: Annotated[Path, typer.Argument(help="best.json, as export wrote it")]) -> None:
    """Print lines for a job script: eval "$(python -m autotune env best.json)" (bash, dash)."""
    from autotune.best import read_best
    from autotune.handover.shims import shell_lines

    typer.echo("\n".join(shell_lines(read_best(best), best.resolve())))


def _outputs(spikes: Path | None, vectors: Sequence[str]) -> Outputs | None:
    """What of the run is to be kept, if anything is: what does that takes a while to load."""
    if not (spikes or vectors):
        return None
    from autotune.handover.recorded import outputs

    return outputs(spikes, vectors, Path.cwd())


def _run_and_keep(ready: Production, asked: Outputs) -> NoReturn:
    """Run the user's command, keep what was asked for, and end as it did."""
    from autotune.handover.recorded import make_folders, merge_outputs, run_model

    tell_warnings(ready)
    make_folders(asked)
    status = run_model(ready.argv, ready.environment, ready.folder)
    code = 0
    try:
        merge_outputs(asked)
    except AutotuneError as error:
        code = tell(error)
    if status < 0:  # the model died of a signal, and so do we
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    raise typer.Exit(status or code)
