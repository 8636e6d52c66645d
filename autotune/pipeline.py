"""The road that a study takes, in order: observe, plan, calibrate, search, confirm, hand over.

Each step returns its result and is skipped when its record is already in the study folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from autotune.begin import begin, prepare
from autotune.best import Best
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.price import Prices, cheap_trials, check_budget, prices, searching, starts_within
from autotune.calibrate.steps import Calibrator
from autotune.cluster import read_submission
from autotune.cluster.schedulers import job_here
from autotune.config import StudyConfig
from autotune.confirm.confirmation import Confirmer
from autotune.confirm.elsewhere import check_elsewhere
from autotune.confirm.finalists import winning_trial
from autotune.confirm.starts import Starts
from autotune.export import make_best
from autotune.launch.ask import Ask, Run
from autotune.launch.command import Command
from autotune.launch.judge import RunFailed
from autotune.launch.mechanisms import Builder
from autotune.launch.mpi import Mpi
from autotune.launch.run import FreshRunner, stage_agent
from autotune.machine import cpu_name, physical_cores, usable_cores
from autotune.measure import Confirmation
from autotune.observe import Observation, observe, observed
from autotune.observe.results import results_of_watched
from autotune.plan.manner import manner, what_is_timed
from autotune.plan.space import SearchSpace
from autotune.plan.steps import planned, wished_space
from autotune.profile import Advice, Profiled, advise, glimpse, known_of, profiled
from autotune.profile.scaling import Point, Scaling, scaling
from autotune.raster.files import write_raster
from autotune.report.progress import Progress
from autotune.search.loop import search, simplified
from autotune.search.recipe import first_trials
from autotune.search.second_look import second_look
from autotune.search.stop import Terms
from autotune.search.together import search_together
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier, remember_looked, remember_looked_before_sessions
from autotune.search.whole_look import whole_look
from autotune.session.record import SessionRecord
from autotune.session.router import Router
from autotune.settings import Changes
from autotune.store.folder import StudyFolder
from autotune.store.shared import SharedFolder
from autotune.store.workers import node_type, this_worker
from autotune.verify.acceptance import Acceptance
from autotune.verify.beside import own_runs
from autotune.verify.files import own_files
from autotune.verify.traces import OwnTraces

MOST_ADVICE = 2
"""After the answer of a plan or a study; `profile` shows all."""


def tune(
    config: StudyConfig,
    out: Path,
    *,
    storage: str | None,
    fresh: bool,
    progress: Progress,
    also: Sequence[Sequence[str]] = (),
) -> Best:
    """Walk the whole road for one study and return its answer.

    Raises UsageError, BaselineError or MpiError; killed at any moment, the same call goes on where it stopped.
    """
    best = walk(config, StudyFolder(out), storage=storage, fresh=fresh, progress=progress, also=also)
    assert best is not None  # nobody else is on the road
    return best


def walk(
    config: StudyConfig,
    folder: StudyFolder,
    *,
    storage: str | None,
    fresh: bool,
    progress: Progress,
    also: Sequence[Sequence[str]] = (),
) -> Best | None:
    """The road, alone or as one of several workers who share the folder; None where another one makes its last steps.
    Raises as tune.
    """
    others = [prepare(config.model_copy(update={"command": tuple(words)})) for words in also]  # refused now, not after
    with begin(config, folder, storage, fresh) as begun:
        wishes = config.search
        with folder.spending(progress.step("observe")):
            watched = observed(folder, begun.watcher, begun.mpi, config.run.timeout_s, config.environments())
            observation, baseline = watched
            wishes = what_is_timed(wishes, observation)
            progress.observed(observation)
            check_budget(wishes, observation)

        with folder.spending(progress.step("plan")):
            builder = Builder(observation.facts.launch, begun.watcher.environment)
            results = results_of_watched(folder, begun.watcher, baseline, config.accept.files)
            raw = Acceptance(
                baseline,
                observation,
                config.accept,
                beside=own_runs(folder, observation.beside),
                files=own_files(folder, results),
                traces=OwnTraces.of(folder.traces, config.accept),
            )
            space = planned(folder, observation, wishes, config.confirm.minimum_gain, raw.unproved, builder)
            progress.planned(space)

        files = begun.watcher.files and begun.watcher.files.using(observation.means)
        made = manner(observation, space, builder, config.accept.traces.most_values)
        runner = replace(begun.watcher, manner=made, files=files, results=results)
        limit_s = observation.limit_s(config.run.timeout_s)
        router = Router(
            runner,
            space,
            raw,
            wishes,
            config.run,
            folder.read(SessionRecord),
            folder.write,
            progress.session,
            partial(remember_looked_before_sessions, folder),
        )
        with closing(router):
            with folder.spending(progress.step("calibrate")):
                calibrator = Calibrator(
                    folder,
                    runner,
                    router,
                    router.runner_for,
                    router.own_rows,
                    Ask(limit_s),
                    space,
                    raw,
                    wishes,
                    config.confirm,
                )
                known = calibrator.calibrated(config.noise.runs)
                progress.calibrated(known.calibration)
                progress.timed(known.noise, known.short.note)
                rule = config.confirm.rule(known.noise.noise.upper)
                part, claim_part = known.part, config.confirm.claim == "part"
                told = folder.kept(
                    Prices,
                    lambda: prices(
                        observation, wishes, rule, part=part, replays=router.has_sessions, claim_part=claim_part
                    ),
                )
                told = told.asked_by(wishes)
                if isinstance(folder, SharedFolder):
                    told = told.without_limit  # its workers have the time that the cluster gives them
                progress.priced(told)
                cheap = cheap_trials(observation, part, replays=router.has_sessions)

            folder.share()
            with folder.spending(progress.step("search")):
                verifier = Verifier(
                    known.space,
                    known.acceptance,
                    limit_s,
                    wishes.objective,
                    keep=partial(_keep_raster, folder),
                    on_looked=partial(remember_looked, folder),
                )
                trials = TrialRunner(
                    runner,
                    verifier.until(known.short.stop_ms),
                    wishes,
                    known.noise.noise.upper,
                    router,
                    wanted_gain=max(config.confirm.gain_to_show, known.noise.visible_gain),
                    own=known.own,
                )
                before_s = sum(folder.spent().get(step, 0.0) for step in ("observe", "plan", "calibrate"))
                limits = searching(wishes, before_s, told)
                progress.searching(folder.trials(), limits)
                terms = Terms(
                    limits,
                    known.noise.visible_gain,
                    known.noise.noise.spread,
                    config.confirm.gain_to_show,
                    first=0 if told.search_limit_s is None else len(first_trials(verifier.space)),
                )
                found = (
                    search_together(begun.study, trials, folder, terms, progress.trial, progress.interrupted)
                    if isinstance(folder, SharedFolder)
                    else search(begun.study, trials, folder, terms, progress.trial, progress.interrupted)
                )
                progress.stopped(found.stopped.reason)
                if not folder.take():
                    return None
                spread, least = known.noise.after(found.trials, config.confirm).floor, config.confirm.minimum_gain
                if known.short.stop_ms is not None:
                    for number, why in whole_look(
                        verifier, router, folder, found.trials, spread, least
                    ).refused.items():
                        progress.refused(number, why)
                looked_at = config.confirm.finalists if cheap else 0
                second = second_look(trials, folder, found.trials, spread, least, looked_at)
                found = simplified(begun.study, trials, folder, found, progress.trial, spread, least, second)

        with folder.spending(progress.step("confirm")):
            on_part = claim_part and known.short.stop_ms is not None
            timed = verifier.until(known.short.stop_ms) if on_part else verifier
            resident = router if wishes.objective == "run" else None
            starts = Starts(runner, timed, resident, whole=verifier if on_part else None)
            most = starts_within(wishes.budget, sum(folder.spent().values()), starts.start_s, config.confirm.most)
            limited = config.confirm.model_copy(update={"pairs": most})
            here = node_type(cpu_name(), physical_cores())
            confirmer = Confirmer(folder, starts, limited, wishes.seed, here)
            noise = known.noise.after(found.trials, config.confirm)
            progress.unsteady(noise.unsteady)
            confirmer.confirm(second.left(found.trials), noise, progress.confirming, progress.confirmed)

        if others:
            with folder.spending(progress.step("elsewhere")):
                check_elsewhere(folder, config.run, runner, known.acceptance, others, progress.elsewhere)
        if config.accept.files.keep_winner:
            _keep_winner(folder, runner, verifier, progress)
        best = make_best(folder, begun.record)
        progress.finished(best, folder.path)
        progress.advised(advice_on(observation, begun.watcher.command, known.calibration))
        return best


def work(path: Path, progress: Progress) -> Best | None:
    """The road for one worker of the study that was submitted in this folder; None where another one makes its last
    steps. Raises as tune.
    """
    submission = read_submission(path)
    worker = this_worker(job_here(os.environ), cpu_name(), physical_cores())
    folder = SharedFolder(path, worker)
    with folder.joined():
        return walk(submission.study(), folder, storage=submission.storage, fresh=False, progress=progress)


def _keep_raster(folder: StudyFolder, changes: Changes, run: Run) -> None:
    """The first raster of each finalist, so that a report can lay it over the baseline's."""
    file = folder.raster_of(changes)
    if not file.exists():
        write_raster(file, run.raster)


def _keep_winner(folder: StudyFolder, runner: FreshRunner, verifier: Verifier, progress: Progress) -> None:
    """The files of one more run with the proved settings; made once."""
    confirmation = folder.read(Confirmation)
    winner = winning_trial(confirmation, folder.trials()) if confirmation else None
    if winner is None or folder.winner.exists():
        return
    why_not = "" if runner.results else "your files are not compared"
    with folder.spending("confirm"):
        try:
            verifier.accepted(replace(runner, keep=folder.winner), winner.changes)
        except RunFailed as failure:
            why_not = failure.message
    progress.kept(folder.winner, why_not)


def advice_on(observation: Observation, command: Command, calibration: Calibration | None = None) -> list[Advice]:
    """What the watched run of a plan or a study says about the user's script: the pieces that bring most."""
    known = known_of(glimpse(observation), observation, command, calibration)
    return advise(known)[:MOST_ADVICE]


def profile(config: StudyConfig, study: Path, *, mechanisms: bool = True) -> tuple[Profiled, list[Advice]]:
    """One watched run that tells where its time goes, and what to do about it; if there is a study in the folder
    `study`, what its own runs at a finer dt have shown counts too. Raises as plan.
    """
    with _runner(config) as (runner, mpi):
        seen = profiled(runner, mpi, config.run.timeout_s, mechanisms=mechanisms)
    if seen.observation is None:
        return seen, []
    calibration = StudyFolder(study).read(Calibration) if study.is_dir() else None
    return seen, advise(known_of(seen.profile, seen.observation, runner.command, calibration))


def scale(config: StudyConfig, by: str, numbers: Sequence[int], made: Callable[[Point], None]) -> Scaling:
    """One run of the command for each number of ranks or threads. Raises as plan, and UsageError without {ranks}."""
    with _runner(config) as (runner, _):
        return scaling(runner, by, numbers, config.run.timeout_s, usable_cores(), made)


@contextmanager
def _runner(config: StudyConfig) -> Iterator[tuple[FreshRunner, Mpi | None]]:
    """What runs the command in the user's own folder, as long as the context lasts."""
    command, environment, mpi = prepare(config)
    with TemporaryDirectory(prefix="autotune-profile-") as name:
        agent = Path(name, "agent")
        stage_agent(agent)
        yield FreshRunner(command, environment, agent, Path(name, "scratch"), config.run.end_grace_s), mpi


def plan(config: StudyConfig, runner: Callable[..., FreshRunner] = FreshRunner) -> tuple[Observation, SearchSpace]:
    """The first two steps alone: one watched run in a temporary folder, and what could be searched.

    `runner` makes the one that runs the command; a benchmark's looks at what the run leaves behind.
    """
    command, environment, mpi = prepare(config)
    with TemporaryDirectory(prefix="autotune-plan-") as name:
        agent = Path(name, "agent")
        stage_agent(agent)
        watcher = runner(command, environment, agent, Path(name, "scratch"), config.run.end_grace_s)
        observation, baseline = observe(watcher, mpi, config.run.timeout_s, config.environments())
    unproved = Acceptance(baseline, observation, config.accept).unproved
    return observation, wished_space(observation, config.search, config.confirm.minimum_gain, unproved)
