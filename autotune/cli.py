"""The command line: one short function a command, and no logic.

Everything after `--` is the user's own command, kept as it was typed.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from autotune import __version__
from autotune.errors import AutotuneError, ExitCode, Interrupted, UsageError

if TYPE_CHECKING:
    from autotune.handover.production import Production
    from autotune.handover.recorded import Outputs

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
        "knobs": _split(knobs),
        "exclude": _split(exclude),
        "environments": _absolute(env),
        "objective": objective,
    }
    from autotune.begin import config_of
    from autotune.pipeline import tune
    from autotune.report.progress import Reports
    from autotune.report.terminal import TerminalProgress

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
    try:
        best = tune(config, place, storage=storage, fresh=fresh, progress=progress, also=others)
    except KeyboardInterrupt as interrupt:
        raise Interrupted("interrupted", cure="The same command goes on where it stopped.") from interrupt
    finally:
        progress.close()
    if as_json:
        _print_json(best.model_dump(mode="json"))
    if launch:
        from autotune.handover.production import production

        _become(production(best, config.command, config.folder))


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

    config = config_of(study, context.obj, Path.cwd(), search={"trials": trials})
    place = out or Path("runs") / config.name
    wishes = Wishes(workers, ranks, nodes, partition, _seconds(time), exclusive, scheduler)
    if dry_run:
        typer.echo(job_script(config, place, wishes, os.environ), nl=False)
        return
    submission = submit_array(config, place, wishes, storage, os.environ)
    typer.echo(f"{submission.scheduler} job {submission.jobs[-1]}: {workers} workers on {place}")
    typer.echo(f"See how far they are: python -m autotune status {place}")


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

    if as_json:
        _print_json(status_of(folder).as_dict())
    elif watch:
        watch_status(Console(highlight=False), lambda: status_of(folder))
    else:
        Console(highlight=False).print(status_view(status_of(folder)))


@app.command()
def cancel(folder: Folder) -> None:
    """End all jobs of a submitted study; what was finished is kept."""
    from autotune.cluster import cancel as cancel_jobs
    from autotune.cluster import read_submission

    submission = read_submission(folder)
    for line in cancel_jobs(submission):
        errors.print(f"[yellow]autotune:[/] {escape(line)}", highlight=False, soft_wrap=True)
    typer.echo(f"Ended: {submission.scheduler} jobs {', '.join(submission.jobs)}. Submit it again to go on.")


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

    search = {"knobs": _split(knobs), "exclude": _split(exclude), "environments": _absolute(env)}
    config = config_of(study, context.obj, Path.cwd(), search=search)
    observation, space = plan_only(config)
    advice = advice_on(observation, parse_command(config.command, config.folder))
    if as_json:
        _print_json(plan_json(space, observation.notes) | {"advice": [asdict(one) for one in advice]})
    else:
        Console(highlight=False).print(plan_table(space, observation.notes), *advice_lines(advice), sep="\n")


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
        scaling = scale(config, RANKS if ranks else THREADS, _numbers(ranks or threads or ""), lambda point: None)
        if as_json:
            _print_json(scaling_json(scaling))
        else:
            Console(highlight=False).print(scaling_table(scaling))
        return
    seen, advice = profile_only(config, Path("runs") / config.name, mechanisms=mechanisms)
    facts = seen.observation.facts if seen.observation else None
    if as_json:
        _print_json(profile_json(seen.profile, facts, advice))
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
    from autotune.export import read_best
    from autotune.handover.production import plain, production, verified

    command = _after_dashes(context)
    answer = read_best(best)
    asked = _outputs(spikes, vectors or ())
    writes = asked.job() if asked else None
    if verify:
        with console_status("two runs, with your own settings and with these"):
            same, says = verified(answer, command, Path.cwd(), _absolute(env) or ())
        typer.echo(says)
        raise typer.Exit(ExitCode.DONE if same else ExitCode.DIFFERENT)
    try:
        ready = production(answer, command, Path.cwd(), force=force, environments=_absolute(env) or (), writes=writes)
    except UsageError as refused:
        if not otherwise:
            raise
        ready = plain(answer, command, Path.cwd(), warning=refused.message, writes=writes)
    if asked:
        _run_and_keep(ready, asked)
    _become(ready)


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
    from autotune.export import read_best
    from autotune.handover.shims import shell_lines

    typer.echo("\n".join(shell_lines(read_best(best), best.resolve())))


@app.command()
def trials(
    folder: Folder,
    csv: Annotated[Path | None, typer.Option(help="write the table to this file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the records as JSON")] = False,
) -> None:
    """Show the trials of a study."""
    from autotune.report.terminal import trial_table
    from autotune.report.trials import trials_frame, write_csv
    from autotune.store.folder import open_finished

    records = open_finished(folder)[0].trials()
    frame = trials_frame(records)
    if csv is not None:
        write_csv(frame, csv)
    elif as_json:
        _print_json(json.loads(frame.reset_index().to_json(orient="records")))
    else:
        Console(highlight=False).print(trial_table(records))


@app.command("list")
def list_studies(
    folder: Annotated[Path, typer.Argument(help="where studies lie")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="print the list as JSON")] = False,
) -> None:
    """List the studies of a folder: how far each has come, and its answer."""
    from autotune.report.studies import find_studies
    from autotune.report.terminal import studies_table

    studies = find_studies(folder)
    if as_json:
        _print_json([study.as_dict() for study in studies])
    else:
        Console(highlight=False).print(studies_table(studies))


@app.command()
def show(
    folder: Folder,
    trial: Annotated[int | None, typer.Option(min=0, help="the number of one trial, to see all that is known")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
) -> None:
    """Show a study, as far as it has come, or one of its trials."""
    from autotune.report.studies import show_study, show_trial
    from autotune.report.terminal import study_view, trial_view
    from autotune.store.folder import open_finished

    opened, _ = open_finished(folder)
    if trial is None:
        shown = show_study(opened)
        view, plain = study_view(shown), shown.as_dict()
    else:
        one = show_trial(opened, trial)
        view, plain = trial_view(one), one.as_dict()
    if as_json:
        _print_json(plain)
    else:
        Console(highlight=False).print(view)


@app.command()
def report(
    folder: Folder,
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path("report.html"),
) -> None:
    """Write a finished study as one web page that needs nothing else: for those who were not there."""
    from autotune.report.html import html_report
    from autotune.store.folder import open_finished
    from autotune.store.output import write_output

    write_output(output, html_report(*open_finished(folder)))
    typer.echo(f"{output} written")


@app.command()
def dashboard(
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8080,
) -> None:
    """Show a study in the browser: optuna-dashboard, read-only, on 127.0.0.1."""
    from autotune.report.dashboard import serve_dashboard
    from autotune.store.folder import open_finished
    from autotune.store.optuna import open_storage

    opened, study = open_finished(folder)
    serve_dashboard(open_storage(folder, study.storage), study.name, port=port, say=typer.echo, records=opened)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="a raster (.npz, SONATA .h5, two columns), another file, or a folder")],
    b: Annotated[Path, typer.Argument(help="what to compare with it")],
    window: Annotated[float, typer.Option(help="largest shift of a spike that stays the same one, ms")] = 1.0,
    columns: Annotated[str | None, typer.Option(help='of text files: "time gid" or "gid time"')] = None,
    population: Annotated[str | None, typer.Option(help="of SONATA files with several")] = None,
    distance: Annotated[bool, typer.Option("--spike-distance", help="SPIKE-distance too (needs PySpike)")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the comparison as JSON")] = False,
    plot: Annotated[Path | None, typer.Option(help="draw both rasters into this PNG")] = None,
    as_files: Annotated[
        bool, typer.Option("--files", help="not as rasters: variable by variable, as folders and .npy, .json, .mat are")
    ] = False,
) -> None:
    """Compare two rasters, files or folders. Exit code: 0 identical or equivalent, 1 different, 2 nothing to compare or
    bad input.
    """
    from autotune.report.files import are_results, compare_results, exit_code_of, print_results, results_as_dict

    if as_files or are_results(a, b):
        found = compare_results(a, b)
        if as_json:
            _print_json(results_as_dict(found))
        else:
            print_results(found, Console(highlight=False))
        raise typer.Exit(exit_code_of(found))
    from autotune.report.compare import compare_files, plot_comparison, print_comparison

    comparison = compare_files(a, b, window, population=population, columns=columns, with_spike_distance=distance)
    if as_json:
        _print_json(comparison.as_dict())
    else:
        print_comparison(comparison, Console(highlight=False))
    if plot is not None:
        plot_comparison(comparison, plot)
    raise typer.Exit(comparison.exit_code)


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
        _print_json({"findings": [asdict(finding) for finding in findings], "exit_code": int(code)})
    else:
        Console(highlight=False).print(findings_table(findings))
    raise typer.Exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake ends with one message and no traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    command: list[str] | None = None
    if "--" in words:
        split = words.index("--")
        words, command = words[:split], words[split + 1 :]
    for number in (signal.SIGTERM, signal.SIGHUP):  # end a study in the same orderly way as Ctrl-C
        if signal.getsignal(number) == signal.SIG_DFL:  # not with nohup
            signal.signal(number, _stop)
    try:
        app(args=words, prog_name="python -m autotune", obj=command)
    except AutotuneError as error:
        return _report(error)
    except KeyboardInterrupt:  # a second one, while the first was being answered
        return ExitCode.INTERRUPTED
    except SystemExit as end:  # typer has printed its message
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    return ExitCode.DONE


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _after_dashes(context: typer.Context) -> list[str]:
    if not context.obj:
        raise UsageError("there is no command", cure="Write it after --: … -- mpiexec -n 2 python model.py")
    return list(context.obj)


def console_status(text: str) -> AbstractContextManager[object]:
    """Say on standard error what is going on."""
    return errors.status(text)


def _outputs(spikes: Path | None, vectors: Sequence[str]) -> Outputs | None:
    """What of the run is to be kept, if anything is: what does that takes a while to load."""
    if not (spikes or vectors):
        return None
    from autotune.handover.recorded import outputs

    return outputs(spikes, vectors, Path.cwd())


def _run_and_keep(ready: Production, asked: Outputs) -> NoReturn:
    """Run the user's command, keep what was asked for, and end as it did."""
    from autotune.handover.recorded import make_folders, merge_outputs, run_model

    _warn(ready)
    make_folders(asked)
    status = run_model(ready.argv, ready.environment, ready.folder)
    code = 0
    try:
        merge_outputs(asked)
    except AutotuneError as error:
        code = _report(error)
    if status < 0:  # the model died of a signal, and so do we
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    raise typer.Exit(status or code)


def _warn(ready: Production) -> None:
    for warning in ready.warnings:
        errors.print(f"[yellow]autotune:[/] {escape(warning)}", highlight=False, soft_wrap=True)


def _become(ready: Production) -> None:
    """This process becomes the user's command."""
    _warn(ready)
    os.chdir(ready.folder)
    sys.stdout.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and a program that it becomes would, too
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(ready.argv[0], list(ready.argv), ready.environment)


def _print_json(value: Any) -> None:
    """Print it on standard output, where nothing else stands beside it."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))


def _report(error: AutotuneError) -> int:
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


def _absolute(paths: list[Path] | None) -> tuple[Path, ...] | None:
    return tuple(path.expanduser().absolute() for path in paths) if paths else None


def _numbers(text: str) -> list[int]:
    numbers = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in numbers):
        raise UsageError(f"{text}: not a list of whole numbers.", cure="Write them with commas: --ranks 1,2,4")
    return [int(word) for word in numbers]


def _seconds(text: str | None) -> float | None:
    from autotune.config import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        raise UsageError(f"--time {text}: {error}", cure="Write it so: --time 2h") from error


def _split(names: str | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(name.strip() for name in names.split(",") if name.strip())
