"""The beginning of a study: what its command needs is there, its folder is ours, an earlier study in it is this one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from optuna import Study

from autotune import __version__
from autotune.calibrate.calibration import Calibration
from autotune.config import StudyConfig, Workspace, make_config, read_study
from autotune.errors import UsageError
from autotune.launch.build import cache_folder
from autotune.launch.command import Command, check_programs, launch_environment, parse_command
from autotune.launch.files import NAMES, Files, Store, choose
from autotune.launch.interpreter import neuron_of
from autotune.launch.leftovers import end_runs_in
from autotune.launch.mpi import Mpi, check_world, find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, stage_agent
from autotune.launch.secrets import secrets_of
from autotune.launch.ways_in import check_way_in
from autotune.observe import Observation, identify_model
from autotune.results.folder import shown
from autotune.search.sampler import make_sampler
from autotune.store.address import has_password, without_password
from autotune.store.difference import differences
from autotune.store.disk import disk_errors_told
from autotune.store.folder import LOGS, StudyFolder
from autotune.store.opening import open_storage, set_damaged_aside, storage_errors_told
from autotune.store.optuna import delete_study, open_study
from autotune.store.records import ModelIdentity, StudyRecord


@dataclass(frozen=True)
class Begun:
    """A study that may go on."""

    folder: StudyFolder
    record: StudyRecord
    study: Study
    watcher: FreshRunner
    """Runs the command as it stands; nothing is known of the model yet."""
    mpi: Mpi | None


def config_of(
    study: Path | None, command: Sequence[str] | None, folder: Path, **given: Mapping[str, Any]
) -> StudyConfig:
    """What to tune: a study, or a command that is run in `folder`; what is given, by table of study.toml, wins over
    what the study says, and None is not given. Raises UsageError.
    """
    if (study is None) == (command is None):
        raise UsageError(
            "give either a study or a command, not both" if study else "nothing to tune",
            cure="python -m autotune run studies/ring, or: python -m autotune run -- mpiexec -n 2 python model.py",
        )
    tables = {name: {key: value for key, value in table.items() if value is not None} for name, table in given.items()}
    if study is not None:
        data = read_study(study).model_dump(exclude_unset=True)  # what is not said stays so: see price.SAID
        return make_config(data | {name: data.get(name, {}) | table for name, table in tables.items()})
    assert command is not None
    name = parse_command(command, folder).name()
    return make_config({"name": name, "command": tuple(command), "folder": folder, **tables})


@contextmanager
def begin(config: StudyConfig, folder: StudyFolder, storage: str | None, fresh: bool) -> Iterator[Begun]:
    """Hold the folder for this study, as long as the context lasts; with `fresh` what is there is discarded.

    Raises UsageError or MpiError before anything has run.
    """
    command, environment, mpi = prepare(config)
    _check_text(str(folder.path.absolute()), str(command.cwd), *command.argv)
    with disk_errors_told(folder.path):
        folder.create()
    with disk_errors_told(folder.path), storage_errors_told(), closing(folder):
        if folder.first:  # an earlier driver may have been killed
            end_runs_in(folder.scratch)
            folder.tidy()
            Store(folder.files).recover()
        if fresh:
            folder.set_aside()
        record = _recorded(folder, _record(config, identify_model(command), storage))
        _check_neuron(folder, command, environment)
        study = _opened(folder, record, storage, config.search.seed + folder.salt, fresh)
        agent = _place_of_agent(folder)
        if folder.first:
            stage_agent(agent)
        watcher = FreshRunner(
            command,
            environment,
            agent,
            folder.scratch,
            config.run.end_grace_s,
            files=_files(folder, command, environment, config.run.workspace),
            sampling=config.accept.sampling,
            logs=folder.path.absolute() / LOGS,
        )
        yield Begun(folder, record, study, watcher, mpi)


def _place_of_agent(folder: StudyFolder) -> Path:
    """In the study's folder, but where PYTHONPATH could not name that: it is a list put together with colons."""
    path = str(folder.agent)
    if os.pathsep not in path and "\n" not in path:
        return folder.agent
    place = cache_folder() / "agents" / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    if os.pathsep in str(place):
        raise UsageError(
            f"{folder.path}: no folder with a colon in its path can hold the agent, and neither can the cache, {place}",
            cure="Choose another folder with --out, or set AUTOTUNE_CACHE to one without a colon.",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _files(folder: StudyFolder, command: Command, environment: dict[str, str], workspace: Workspace) -> Files | None:
    """What keeps runs from the user's files. Raises UsageError where nothing does."""
    if workspace == "in place":
        return None
    allowed = {"auto": NAMES, "copy": ("copy", "library")}.get(workspace, (workspace,))
    if folder.shared:  # what is put back there, another worker's run would miss
        allowed = tuple(name for name in allowed if name != "put back") or ("copy",)
    return choose(
        folder.files,
        command.cwd,
        environment,
        ours=(folder.path.absolute(),),
        launcher=command.launcher[0] if command.launcher else "",
        allowed=allowed,
    )


def _check_text(*names: str) -> None:
    """Names are written into records, which are text. Raises UsageError."""
    for name in names:
        if name != shown(name):
            raise UsageError(
                f"{shown(name)}: this name holds bytes that are no text in UTF-8, so it cannot be written down",
                cure="Rename it, or give it another name beside its own: ln -s",
            )


def _check_secrets(command: Sequence[str]) -> None:
    """The command is written into the study, its answer and its report. Raises UsageError."""
    held = [name for name, value in secrets_of(os.environ).items() if any(value in word for word in command)]
    if held:
        raise UsageError(
            f"the command holds the value of ${held[0]}, and a study writes its command down",
            cure="Let the model read it from the environment, which is passed on and written nowhere.",
        )


def prepare(config: StudyConfig) -> tuple[Command, dict[str, str], Mpi | None]:
    """Understand the command, find what it needs, and prove that its launcher makes one world. Touches no study
    folder.
    """
    _check_secrets(config.command)
    command = parse_command(config.command, config.folder)
    environment = launch_environment(command, os.environ)
    check_programs(command, environment)
    check_way_in(command, environment)
    mpi = find_mpi(command, environment)
    environment |= mpi_environment(mpi, environment)
    check_world(command, mpi, environment)
    return command, environment, mpi


def _record(config: StudyConfig, model: ModelIdentity, storage: str | None) -> StudyRecord:
    settled = config.model_dump(mode="json", exclude={"search": {"trials", "time_budget_s", "budget"}, "cluster": True})
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return StudyRecord(config.name, settled, model, without_password(storage), created, __version__)


def _recorded(folder: StudyFolder, record: StudyRecord) -> StudyRecord:
    """The record of this study; an earlier one in the same place must be of the same model and the same question."""
    earlier = folder.read(StudyRecord)
    observation = folder.read(Observation)
    changed = differences(earlier, record, observation.written if observation else ()) if earlier else []
    if earlier and not changed:
        if has_password(earlier.storage):  # of a version that kept it
            earlier = replace(earlier, storage=record.storage)
            folder.write(earlier)
        return earlier
    if changed and (folder.read(Calibration) is not None or folder.trials()):
        raise UsageError(
            f"{folder.path}: holds another study; changed since then: {'; '.join(changed)}",
            cure="Give --fresh to put it aside, or --out for another place.",
        )
    folder.clear()  # nothing worth keeping: the earlier study did not come as far as its first trial
    folder.write(record)
    return record


def _check_neuron(folder: StudyFolder, command: Command, environment: Mapping[str, str]) -> None:
    """The same NEURON as in the watched run, where its interpreter says which it has. Raises UsageError; another place
    of the same version is found at the first run.
    """
    observation = folder.read(Observation)
    if observation is None:
        return
    now = neuron_of(command, environment, sure=True)
    if now and now != observation.environment.neuron:
        raise UsageError(
            f"{folder.path}: was made with {observation.environment.neuron}, and the command runs {now} today",
            cure="Run it in the environment of the study, or give --fresh to put this study aside, or --out for "
            "another place.",
        )


def _opened(folder: StudyFolder, record: StudyRecord, storage: str | None, seed: int, fresh: bool) -> Study:
    """The Optuna study in its storage; a storage that cannot be used is told before anything has run. `storage` has the
    password that the record lacks.
    """
    if storage is None:
        set_damaged_aside(folder.path)
    opened = open_storage(folder.path, storage)
    if fresh and storage is not None:
        delete_study(opened, record.name)
    study = open_study(opened, record.name, seed, partial(make_sampler, several=folder.shared))
    if len(study.trials) and study.user_attrs.get("created") != record.created:
        raise UsageError(
            f"{record.storage}: already holds a study named {record.name!r} with {len(study.trials)} trials",
            cure="Give --fresh to discard it, or choose another storage.",
        )
    study.set_user_attr("created", record.created)
    return study
