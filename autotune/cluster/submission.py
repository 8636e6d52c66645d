"""The job array of a study: its script, what it was submitted with, and its end.

What is submitted is written into cluster/submission.json of the study folder, which is all that a worker reads. Nothing
is run on the login node but the scheduler's own commands.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from autotune.cluster.schedulers import Array, Scheduler, find, named
from autotune.config import StudyConfig, make_config
from autotune.errors import UsageError
from autotune.launch.command import parse_command
from autotune.machine import ALLOCATED
from autotune.report.format import counted
from autotune.store.address import INSTEAD, has_password
from autotune.store.folder import CLUSTER, StudyFolder
from autotune.store.locks import check_locks

JOB = re.compile(r"\w[\w.\[\]@-]{0,99}")
ASKED_S = 60.0  # after this long a scheduler that does not answer is given up


@dataclass(frozen=True)
class Wishes:
    """What the user asks a scheduler for."""

    workers: int
    ranks: int | None = None
    """Of each worker; None: as many as the command has."""
    nodes: int | None = None
    partition: str | None = None
    time_s: float | None = None
    exclusive: bool = False
    scheduler: str | None = None
    """None: that of this machine."""


@dataclass(frozen=True)
class Submission:
    """What a study was submitted with, the last time."""

    RECORD: ClassVar[str] = f"{CLUSTER}/submission"

    config: dict[str, Any]
    """All that `run` would be told."""
    storage: str | None
    scheduler: str
    workers: int
    ranks: int
    jobs: tuple[str, ...] = ()
    """Of all submissions, as the scheduler names them."""

    def study(self) -> StudyConfig:
        return make_config(dict(self.config))


def job_script(config: StudyConfig, out: Path, wishes: Wishes, environment: Mapping[str, str]) -> str:
    """The script that each worker's job runs. Raises UsageError for what cannot be asked for."""
    scheduler, array = _asked(config, out, wishes, environment)
    return _script(scheduler, array, config, out)


def submit(
    config: StudyConfig, out: Path, wishes: Wishes, storage: str | None, environment: Mapping[str, str]
) -> Submission:
    """Write the script and what workers need into the study folder, and submit it. Raises UsageError."""
    if has_password(storage):
        raise UsageError("--storage holds a password, and what is submitted is written down", cure=INSTEAD)
    scheduler, array = _asked(config, out, wishes, environment)
    folder = StudyFolder(out)
    folder.check_place()
    array.log.mkdir(parents=True, exist_ok=True)
    check_locks(out / CLUSTER)
    earlier = folder.read(Submission)
    script = out / CLUSTER / f"job-{scheduler.name.lower()}.sh"
    script.write_text(_script(scheduler, array, config, out))
    submission = Submission(
        config.model_dump(mode="json"),
        storage,
        scheduler.name,
        wishes.workers,
        array.ranks,
        earlier.jobs if earlier else (),
    )
    folder.write(submission)  # before the first worker looks for it
    printed = _submitted(scheduler, script)
    found = scheduler.job_id.search(printed)
    if found is None:
        raise UsageError(
            f"{scheduler.name} did not say which job it has made", details=printed, cure="Look for it in its queue."
        )
    submission = replace(submission, jobs=(*submission.jobs, found[1]))
    folder.write(submission)
    return submission


def read_submission(path: Path) -> Submission:
    """What a study was submitted with. Raises UsageError when it was not."""
    submission = StudyFolder(path).read(Submission) if path.is_dir() else None
    if submission is None:
        raise UsageError(f"{path}: no study was submitted there", cure="python -m autotune submit STUDY --workers 4")
    odd = [job for job in submission.jobs if not JOB.fullmatch(job)]
    if odd:  # a scheduler would take it for an option
        raise UsageError(
            f"{path / Submission.RECORD}.json: {odd[0][:40]!r} is no job",
            cure="It is damaged. Submit the study again from a new folder.",
        )
    return submission


def cancel(submission: Submission) -> list[str]:
    """End all jobs of a study; the scheduler's answer for each that it did not end, as it is over already, say."""
    scheduler = named(submission.scheduler)
    answers = []
    for job in submission.jobs:
        code, said = ask(scheduler, [*scheduler.cancel, job])
        if code:
            answers.append(f"{job}: {said.strip()}")
    return answers


def ask(scheduler: Scheduler, words: Sequence[str], stdin: str | None = None) -> tuple[int, str]:
    """The exit code of one of a scheduler's commands, and what it printed. Raises UsageError when it cannot be run."""
    try:
        answer = subprocess.run(
            list(words), input=stdin or "", capture_output=True, text=True, timeout=ASKED_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(
            f"{scheduler.name}: {words[0]} cannot be run: {error}", cure="Run it on a login node of your cluster."
        ) from error
    return answer.returncode, answer.stdout + answer.stderr


def _asked(config: StudyConfig, out: Path, wishes: Wishes, environment: Mapping[str, str]) -> tuple[Scheduler, Array]:
    scheduler = named(wishes.scheduler) if wishes.scheduler else find(environment)
    array = Array(
        name="autotune-" + re.sub(r"[^A-Za-z0-9_.-]+", "-", config.name),
        workers=wishes.workers,
        ranks=_ranks(config, wishes.ranks),
        log=out.absolute() / CLUSTER / "log",
        nodes=wishes.nodes,
        partition=wishes.partition,
        time_s=wishes.time_s,
        exclusive=wishes.exclusive,
        parallel_environment=config.cluster.parallel_environment,
    )
    return scheduler, array


def _ranks(config: StudyConfig, wished: int | None) -> int:
    """How many ranks an allocation has room for."""
    command = parse_command(config.command, config.folder)
    if command.tunable_ranks:
        if wished is None:
            raise UsageError("with {ranks} in the command, say how many there may be", cure="Give --ranks.")
        return wished
    if wished is not None and wished < command.ranks:
        raise UsageError(
            f"the command asks for {command.ranks} ranks, an allocation would have room for {wished}",
            cure=f"Give --ranks {command.ranks} or more, or write {{ranks}} in the command.",
        )
    return wished or command.ranks


def _script(scheduler: Scheduler, array: Array, config: StudyConfig, out: Path) -> str:
    options = [*scheduler.directives(array), *config.cluster.options]
    workers = counted(array.workers, "worker")
    worker = [sys.executable, "-m", "autotune", "worker", str(out.absolute())]
    lines = [
        "#!/bin/bash",
        f"# {workers} of the study {config.name}. It may be submitted again at any time: workers go on",
        "# where others have stopped, beside those that are still at work.",
        *(f"{scheduler.directive} {option}" for option in options),
        "",
        *config.cluster.setup,
        *(f"export {name}={value}" for name, value in {ALLOCATED: array.ranks, **scheduler.variables}.items()),
        f"exec {shlex.join(worker)}",
    ]
    return _readable("\n".join(lines) + "\n")


def _readable(script: str) -> str:
    """The script, if bash can read it: else the scheduler would take it, and every worker would end at once. Raises
    UsageError.
    """
    bash = shutil.which("bash")
    read = subprocess.run([bash, "-n"], input=script, capture_output=True, text=True, check=False) if bash else None
    if read and read.returncode:
        raise UsageError(
            "bash cannot read the job script",
            details=f"{script}\n{read.stderr.strip()}",
            cure="Correct setup in study.toml: [cluster] holds lines of that script.",
        )
    return script


def _submitted(scheduler: Scheduler, script: Path) -> str:
    if scheduler.by_stdin:
        code, said = ask(scheduler, scheduler.submit, script.read_text())
    else:
        code, said = ask(scheduler, [*scheduler.submit, str(script)])
    if code:
        raise UsageError(
            f"{scheduler.name} refused the job {script}", details=said, cure="Change the options and try again."
        )
    return said
