"""Look at studies, trials and results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autotune.commands.common import Folder, app, print_json


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
        print_json(json.loads(frame.reset_index().to_json(orient="records")))
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
        print_json([study.as_dict() for study in studies])
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
        print_json(plain)
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
    from autotune.store.opening import open_storage

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
            print_json(results_as_dict(found))
        else:
            print_results(found, Console(highlight=False))
        raise typer.Exit(exit_code_of(found))
    from autotune.report.compare import compare_files, plot_comparison, print_comparison

    comparison = compare_files(a, b, window, population=population, columns=columns, with_spike_distance=distance)
    if as_json:
        print_json(comparison.as_dict())
    else:
        print_comparison(comparison, Console(highlight=False))
    if plot is not None:
        plot_comparison(comparison, plot)
    raise typer.Exit(comparison.exit_code)
