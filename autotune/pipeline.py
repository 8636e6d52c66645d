"""The road that a study takes, in order: observe, plan, calibrate, search, confirm, hand over.

Each step writes its record into the study folder before the next begins, and is skipped when its record is already
there.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from optuna import Study
from pydantic import TypeAdapter

from autotune import __version__
from autotune.config import StudyConfig
from autotune.errors import UsageError
from autotune.export import Best, make_best
from autotune.launch.command import Command, check_programs, launch_environment, parse_command
from autotune.launch.judge import RunFailed
from autotune.launch.mechanisms import Builder
from autotune.launch.mpi import Mpi, check_world, find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, Run, stage_agent
from autotune.measure import Confirmation, Event, alpha_after, confirm, event_from_dict, minimum_pairs
from autotune.observe import Observation, identify_model, observe
from autotune.plan.builds import build_ahead
from autotune.plan.space import SearchSpace, make_space
from autotune.raster import Raster, read_raster, write_raster
from autotune.report.progress import Progress
from autotune.search.resident import ResidentRecord, Residents
from autotune.search.runner import TrialRunner
from autotune.search.sampler import make_sampler
from autotune.search.short import ShortRun, shorten
from autotune.search.study import finalists, search
from autotune.store.folder import StudyFolder
from autotune.store.optuna import delete_study, open_storage, open_study
from autotune.store.records import ConfirmationLog, StudyRecord
from autotune.verify.acceptance import Acceptance
from autotune.verify.calibrate import Calibration, calibrate, references
from autotune.verify.noise import NoiseRecord, measure_noise


def tune(config: StudyConfig, out: Path, *, storage: str | None, fresh: bool, progress: Progress) -> Best:
    """Walk the whole road for one study and return its answer.

    Raises UsageError, BaselineError or MpiError; killed at any moment, the same call goes on where it stopped.
    """
    folder = StudyFolder(out)
    command, environment, mpi = prepare(config)
    folder.create()
    with closing(folder):
        if fresh:
            folder.clear()
        record = _begin(folder, config, command, storage)
        study = _opened(folder, config, record, fresh)
        stage_agent(folder.agent)
        runner = FreshRunner(command, environment, folder.agent, folder.scratch, config.run.end_grace_s, ours=(out,))
        runner = replace(runner, sampling=config.accept.sampling)

        with folder.spending(progress.step("observe")):
            observation, baseline = _observed(folder, runner, mpi, config)
            runner = runner.timed_by("psolve" if observation.facts.psolve else "clock")
            facts = observation.facts
            runner = replace(runner, builder=Builder(facts.launch, environment), shared=facts.shared)
            runner = runner.as_watched(observation.environment.neuron, observation.environment.executable)
            if config.run.workspace == "copy" or (config.run.workspace == "auto" and observation.written):
                runner = runner.in_a_copy()
            progress.observed(observation)

        with folder.spending(progress.step("plan")):
            space = build_ahead(_space(observation, config), runner)
            if "coreneuron" in space.domains:
                runner = runner.timed_by("whole")
            progress.planned(space)

        in_place = config.run.workspace == "in place"
        residents = Residents(runner, space, Acceptance(baseline, observation, config.accept), in_place)
        with closing(residents):
            with folder.spending(progress.step("calibrate")):
                calibration = _calibrated(folder, runner, residents, baseline, config)
                progress.calibrated(calibration)
                if calibration.dt_is_fixed:
                    space = space.without("dt", calibration.note)
                short = _shortened(folder, runner, observation, baseline, config, calibration)
                noise = _noise(folder, runner.until(short.stop_ms), observation, config)
                progress.timed(noise, short.note)

            with folder.spending(progress.step("search")):
                kept = references(folder.rasters)
                acceptance = Acceptance(baseline, observation, config.accept, calibration, kept)
                trials = TrialRunner(runner, space, acceptance, config.search, noise.noise.upper, known=folder.trials())
                _search(folder, trials.until(short.stop_ms), residents, study, config, progress)

        with folder.spending(progress.step("confirm")):
            _confirm(folder, trials, config, noise.pairs, progress)

        best = make_best(folder, record)
        progress.finished(best, folder.path)
        return best


def plan(config: StudyConfig) -> tuple[Observation, SearchSpace]:
    """The first two steps alone: one watched run in a temporary folder, and what could be searched."""
    command, environment, mpi = prepare(config)
    with TemporaryDirectory(prefix="autotune-plan-") as name:
        agent = Path(name, "agent")
        stage_agent(agent)
        runner = FreshRunner(command, environment, agent, Path(name, "scratch"), config.run.end_grace_s)
        observation, _ = observe(runner, mpi, config.run.timeout_s, config.environments())
    return observation, _space(observation, config)


def prepare(config: StudyConfig) -> tuple[Command, dict[str, str], Mpi | None]:
    """Understand the command, find what it needs, and prove that its launcher makes one world. Touches no study
    folder.
    """
    command = parse_command(config.command, config.folder)
    environment = launch_environment(command, os.environ)
    check_programs(command, environment)
    mpi = find_mpi(command, environment)
    environment |= mpi_environment(mpi, environment)
    check_world(command, mpi, environment)
    return command, environment, mpi


def _begin(folder: StudyFolder, config: StudyConfig, command: Command, storage: str | None) -> StudyRecord:
    """The record of this study; an earlier one in the same place must be of the same model and the same question."""
    model = identify_model(command)
    settled = config.model_dump(mode="json", exclude={"search": {"trials", "time_budget_s"}})
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record = StudyRecord(config.name, settled, model, storage, created, __version__)
    earlier = folder.read("study", StudyRecord)
    changed = _changed(earlier, record, folder.read("observation", Observation)) if earlier else []
    if earlier and not changed:
        return earlier
    if changed and (folder.read("calibration", Calibration) is not None or folder.trials()):
        raise UsageError(
            f"{folder.path}: holds another study; changed since then: {', '.join(changed)}",
            cure="Give --fresh to discard it, or --out for another place.",
        )
    folder.clear()  # nothing worth keeping: the earlier study did not come as far as its first trial
    folder.write("study", record)
    return record


def _changed(earlier: StudyRecord, now: StudyRecord, observation: Observation | None) -> list[str]:
    """What makes `now` another study than the one that is there, in words."""
    changed = [name for name, value in now.config.items() if earlier.config.get(name) != value]
    results = observation.written if observation else ()
    # Files that are new since then were no part of the model.
    known = {name: sha for name, sha in earlier.model.files.items() if name not in results}
    files = [name for name, sha in known.items() if now.model.files.get(name) != sha]
    if files:
        changed.append(f"the model's files ({', '.join(files[:5])})")
    if earlier.storage != now.storage:
        changed.append("storage")
    return changed


def _space(observation: Observation, config: StudyConfig) -> SearchSpace:
    wishes = config.search
    return make_space(observation, wishes.knobs, wishes.exclude, wishes.values, config.confirm.minimum_gain)


def _observed(
    folder: StudyFolder, runner: FreshRunner, mpi: Mpi | None, config: StudyConfig
) -> tuple[Observation, Raster]:
    observation = folder.read("observation", Observation)
    if observation is not None and folder.baseline_raster.is_file():
        return observation, read_raster(folder.baseline_raster)
    observation, baseline = observe(runner, mpi, config.run.timeout_s, config.environments())
    write_raster(folder.baseline_raster, baseline)
    folder.write("observation", observation)
    return observation, baseline


def _calibrated(
    folder: StudyFolder, runner: FreshRunner, residents: Residents, baseline: Raster, config: StudyConfig
) -> Calibration:
    calibration = folder.read("calibration", Calibration)
    if calibration is not None:
        return calibration

    def further(*settings: Any, **how: Any) -> Run:
        _resident(folder, residents, config)
        return residents.once(*settings, **how)

    classes = {domain.safety for domain in residents.space.domains.values()}
    calibration = calibrate(
        runner, residents.observation, baseline, config.accept, classes=classes, folder=folder.rasters, further=further
    )
    folder.write("calibration", calibration)
    return calibration


def _shortened(
    folder: StudyFolder,
    runner: FreshRunner,
    observation: Observation,
    baseline: Raster,
    config: StudyConfig,
    calibration: Calibration,
) -> ShortRun:
    short = folder.read("short", ShortRun)
    if short is None:
        # A part of the run says little of the whole process, in which set-up counts in full.
        short_s = config.search.short_s if config.search.objective == "run" else None
        short = shorten(runner, observation, baseline, short_s, calibration.regime, config.search.short_spikes)
        folder.write("short", short)
    return short


def _noise(folder: StudyFolder, runner: FreshRunner, observation: Observation, config: StudyConfig) -> NoiseRecord:
    record = folder.read("noise", NoiseRecord)
    if record is None:
        record = measure_noise(runner, config, observation.facts.ranks, observation.facts.threads)
        folder.write("noise", record)
    return record


def _opened(folder: StudyFolder, config: StudyConfig, record: StudyRecord, fresh: bool) -> Study:
    """The Optuna study in its storage; a storage that cannot be used is told before anything has run."""
    storage = open_storage(folder.path, record.storage)
    if fresh and record.storage is not None:
        delete_study(storage, record.name)
    study = open_study(storage, record.name, config.search.seed, make_sampler)
    if len(study.trials) and study.user_attrs.get("created") != record.created:
        raise UsageError(
            f"{record.storage}: already holds a study named {record.name!r} with {len(study.trials)} trials",
            cure="Give --fresh to discard it, or choose another storage.",
        )
    study.set_user_attr("created", record.created)
    return study


def _search(
    folder: StudyFolder,
    trials: TrialRunner,
    residents: Residents,
    study: Study,
    config: StudyConfig,
    progress: Progress,
) -> None:
    if not trials.space.domains:
        return
    with closing(residents.for_trials(trials.runner, trials.space, trials.acceptance)) as residents:
        if len(trials.known) < config.search.trials:
            record = _resident(folder, residents, config)
            folder.write("resident", record)
            progress.session(record)
        progress.searching(trials.known, config.search)
        search(study, replace(trials, residents=residents), folder, config.search, progress.trial)
        if residents.record:
            folder.write("resident", residents.record)


def _resident(folder: StudyFolder, residents: Residents, config: StudyConfig) -> ResidentRecord:
    """Whether runs are made on one built network, and how; an earlier search may have found that out already."""
    if residents.record is None:
        known = folder.read("resident", ResidentRecord)
        if known is not None and not known.way:
            residents.record = known
        else:
            why = "as you asked" if config.run.resident == "never" else residents.obstacle(config.search)
            residents.record = ResidentRecord(note=why) if why else residents.choose(known)
    return residents.record


def _confirm(
    folder: StudyFolder, trials: TrialRunner, config: StudyConfig, pairs: int, progress: Progress
) -> Confirmation:
    """The best trials against the baseline once more, in fresh processes; goes on with the pairs that are already
    there.
    """
    limits = config.confirm
    best = finalists(trials.known, limits.finalists, trials.noise, limits.minimum_gain)
    chosen = {str(trial.number): trial for trial in best}
    log = folder.read("confirming", ConfirmationLog) or ConfirmationLog()
    earlier = log.earlier + (bool(log.events) and log.finalists != tuple(chosen))
    alpha = alpha_after(earlier, limits.alpha)
    if chosen:
        pairs = max(pairs, minimum_pairs(alpha, len(chosen)))
    same_plan = log.finalists == tuple(chosen) and log.pairs == pairs
    events: list[Event] = [event_from_dict(e) for e in log.events] if same_plan else []
    progress.confirming(list(chosen.values()), pairs, len(events))

    def remember(event: Event) -> None:
        events.append(event)
        folder.write("confirming", ConfirmationLog(tuple(chosen), pairs, tuple(map(as_plain, events)), earlier))
        progress.confirmed(event)

    confirmation = confirm(
        trials.baseline,
        {key: partial(trials.run_verified, trial.changes) for key, trial in chosen.items()},
        pairs=pairs,
        alpha=alpha,
        minimum_gain=limits.minimum_gain,
        confidence=limits.confidence,
        seed=config.search.seed,
        on_progress=remember,
        completed=tuple(events),
        run_failed=RunFailed,
    )
    folder.write("confirmation", confirmation)
    return confirmation


def as_plain(event: Event) -> dict[str, object]:
    """An event of the confirmation as JSON types."""
    plain: dict[str, object] = TypeAdapter(type(event)).dump_python(event, mode="json")
    return plain
