"""The step: watch one run of the user's own command, untouched, and write down what it teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autotune.errors import BaselineError, MpiError
from autotune.launch.beside import beside_of
from autotune.launch.judge import RunFailed
from autotune.launch.mechanisms import launch_facts
from autotune.launch.mpi import Mpi
from autotune.launch.run import FreshRunner
from autotune.launch.workspace import snapshot, written
from autotune.observe.facts import load_balance, merge_facts, runs_of, session_start, uses_psolve, voltage_digests
from autotune.observe.identity import describe_environment
from autotune.observe.notes import notes_of
from autotune.observe.observation import Observation
from autotune.raster import Raster, read_raster, write_raster
from autotune.store.folder import StudyFolder


def observed(
    folder: StudyFolder, watcher: FreshRunner, mpi: Mpi | None, limit_s: float, environments: Sequence[Path]
) -> tuple[Observation, Raster]:
    """The observation of a study and the baseline's raster: an earlier driver's, else made now. Raises as observe."""
    observation = folder.read(Observation)
    if observation is not None and folder.baseline_raster.is_file():
        return observation, read_raster(folder.baseline_raster)
    observation, baseline = observe(watcher, mpi, limit_s, environments)
    write_raster(folder.baseline_raster, baseline)
    folder.write(observation)
    return observation, baseline


def observe(
    runner: FreshRunner, mpi: Mpi | None, limit_s: float, environments: Sequence[Path] = ()
) -> tuple[Observation, Raster]:
    """Run the command once, untouched but watched; `environments` are further ones in which it may run.

    Raises BaselineError or MpiError when it does not run as it stands, UsageError for an environment without NEURON.
    """
    before = snapshot(runner.command.cwd, runner.ours)
    try:
        run = runner.watch(limit_s)
    except RunFailed as failure:
        if failure.failure == "no mpi":  # nothing is wrong with the model
            raise MpiError(failure.message, cure=failure.cure, details=failure.details) from failure
        message = f"the model does not run with its own settings: {failure.message}"
        raise BaselineError(message, cure=failure.cure, details=failure.details) from failure
    run = run.timed_by("psolve" if uses_psolve(run) else "clock")
    facts = merge_facts(run, runner.command)
    launch = launch_facts(
        runner.command,
        runner.environment,
        mpi,
        libraries=sorted({library for report in run.reports for library in report.model["libraries"]}),
        neuron=facts.neuron,
        executable=run.reports[0].executable,
        environments=environments,
    )
    facts = replace(facts, launch=launch)
    observation = Observation(
        facts=facts,
        environment=describe_environment(run, mpi),
        exit_code=run.exit_code,
        spikes=len(run.raster),
        raster_digest=run.raster.digest(),
        voltage_digests=voltage_digests(run),
        voltages=tuple(report.voltage for report in run.reports),
        rounding=tuple(report.rounding for report in run.reports),
        run_s=run.run_s,
        wall_s=run.wall_s,
        sections=run.sections,
        load_balance=load_balance(run.reports),
        rank_cells=tuple(int(r.model.get("cells", 0)) for r in run.reports),
        finitializes=max(len(r.sections) for r in run.reports),
        runs=len(runs_of(run.reports[0])),
        takeover=session_start(run, facts),
        written=tuple(written(before, snapshot(runner.command.cwd, runner.ours))),
        beside=beside_of(run),
        notes=tuple(notes_of(run, facts)),
    )
    return observation, run.raster
