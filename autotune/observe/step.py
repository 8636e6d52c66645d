"""The step: watch one run of the user's own command, untouched, and write down what it teaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from autotune.errors import BaselineError, MpiError
from autotune.launch.ask import Run
from autotune.launch.beside import beside_of
from autotune.launch.files.copying import Snapshot, snapshot, written
from autotune.launch.interpreter import neuron_of
from autotune.launch.judge import RunFailed
from autotune.launch.mechanisms import Foreign, compiled_libraries, launch_facts, made_for_another, parse_version
from autotune.launch.mpi import Mpi
from autotune.launch.run import FreshRunner
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


def _foreign_mechanisms(runner: FreshRunner, neuron: tuple[int, ...] | None = None) -> Foreign | None:
    """Mechanisms in the model's folder that were compiled for another NEURON than the one that runs: `neuron`, or where
    that is not known, the one that the command's interpreter has.
    """
    folder = runner.command.program_cwd
    libraries = compiled_libraries(folder)
    if libraries and neuron is None:
        neuron = parse_version(neuron_of(runner.command, runner.environment))
    return made_for_another(libraries[0], folder, neuron or ()) if libraries else None


def observe(
    runner: FreshRunner, mpi: Mpi | None, limit_s: float, environments: Sequence[Path] = ()
) -> tuple[Observation, Raster]:
    """Run the command once, untouched but watched; `environments` are further ones in which it may run.

    Raises BaselineError or MpiError when it does not run as it stands, UsageError for an environment without NEURON.
    """
    before = snapshot(runner.command.cwd) if runner.files is None else {}
    run = watched(runner, lambda: runner.watch(limit_s))
    observation = learnt(run, runner, mpi, environments)
    return replace(observation, written=_written(runner, before)), run.raster


def watched(runner: FreshRunner, watch: Callable[[], Run]) -> Run:
    """The run that `watch` makes of the user's own settings. Raises BaselineError or MpiError when it does not run."""
    try:
        run = watch()
    except RunFailed as failure:
        if failure.failure == "no mpi":  # nothing is wrong with the model
            raise MpiError(failure.message, cure=failure.cure, details=failure.details, log=failure.log) from failure
        message = f"the model does not run with its own settings: {failure.message}"
        foreign = _foreign_mechanisms(runner)
        if foreign:
            message, cure = f"{message}; its mechanisms were {foreign.what}", foreign.cure
        raise BaselineError(
            message, cure=cure if foreign else failure.cure, details=failure.details, log=failure.log
        ) from failure
    return run.timed_by("psolve" if uses_psolve(run) else "clock")


def learnt(run: Run, runner: FreshRunner, mpi: Mpi | None, environments: Sequence[Path] = ()) -> Observation:
    """What a watched run teaches, but for the files that it wrote.

    Raises UsageError for an environment without NEURON.
    """
    facts = merge_facts(run, runner.command)
    launch = launch_facts(
        runner.command,
        runner.environment,
        mpi,
        libraries=sorted({library for report in run.reports for library in report.model.get("libraries", ())}),
        neuron=facts.neuron,
        executable=run.first.executable,
        environments=environments,
    )
    facts = replace(facts, launch=launch)
    files = runner.files and runner.files.proved((report.pid, report.ancestors) for report in run.reports)
    foreign = _foreign_mechanisms(runner, facts.neuron)
    return Observation(
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
        rank_step_s=tuple(sum(section.step_s for section in r.sections) for r in run.reports),
        rank_spikes=tuple(r.spikes for r in run.reports),
        rank_trees=tuple(int(r.model.get("trees", 0)) for r in run.reports),
        finitializes=max(len(r.sections) for r in run.reports),
        runs=max(len(runs_of(report)) for report in run.reports),
        takeover=session_start(run, facts),
        means=files.means.name if files else "",
        kept=files.describe() if files else "",
        beside=beside_of(run),
        notes=tuple(notes_of(run, facts)) + ((f"mechanisms {foreign.what}. {foreign.cure}",) if foreign else ()),
    )


def _written(runner: FreshRunner, before: Snapshot) -> tuple[str, ...]:
    """What the watched run wrote; in place, what has changed in the command's folder."""
    folder = runner.command.cwd
    if runner.files is None:
        return tuple(written(before, snapshot(folder)))
    here = folder.resolve()
    names = map(Path, runner.files.store.written())
    return tuple(str(name.relative_to(here)) if name.is_relative_to(here) else str(name) for name in names)
