"""What a scheduler is: the program that starts the workers of a study as one job array. One scheduler is one small file
in this package that holds all that the tuner knows of it; nothing else names one.

A scheduler must never run anything: it knows words.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from autotune.errors import UsageError


@dataclass(frozen=True)
class Array:
    """A job array as it is asked for: so many workers, each an allocation of its own."""

    name: str
    workers: int
    ranks: int
    """Of each worker."""
    log: Path
    """The folder for what the workers print."""
    nodes: int | None = None
    """Of each worker; None: as the scheduler likes."""
    partition: str | None = None
    time_s: float | None = None
    exclusive: bool = False
    parallel_environment: str = "mpi"
    """SGE's."""

    @property
    def ranks_a_node(self) -> int:
        """Where `nodes` is said. Raises UsageError when they are not the same on each."""
        assert self.nodes is not None
        if self.ranks % self.nodes:
            raise UsageError(
                f"{self.ranks} ranks cannot be spread evenly over {self.nodes} nodes",
                cure="Give --nodes a number that divides the ranks.",
            )
        return self.ranks // self.nodes

    def log_file(self, name: str = "") -> str:
        """A file in the folder for what the workers print, or that folder, quoted as a shell would have it."""
        return shlex.quote(f"{self.log}/{name}")

    def clock(self) -> str:
        """The time limit as H:MM:SS."""
        minutes, seconds = divmod(int(self.time_s or 0), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


class Scheduler:
    """Base class."""

    name: str
    submit: tuple[str, ...]
    """The words to which the script is given."""
    by_stdin: bool = False
    """The script is read from standard input, not named."""
    variables: ClassVar[Mapping[str, str]] = {}
    """What a job needs in its environment."""
    directive: str
    """What lines of the script begin with that the scheduler reads."""
    job_id: re.Pattern[str]
    """What is printed when a job was submitted; group 1 names it."""
    cancel: tuple[str, ...]
    """The words to which the job's name is given to end it."""
    states: tuple[str, ...] = ()
    """The words that print a line "job|state|reason" for each task of the jobs that they are given, with commas; empty
    where the scheduler is not asked."""

    never: ClassVar[Mapping[str, str]] = {}
    """Reasons for which a job will not begin however long it waits, with what to do."""

    def directives(self, array: Array) -> Sequence[str]:
        """The options for this array, without the directive. Raises UsageError for what cannot be asked for."""
        raise NotImplementedError

    def is_here(self, environment: Mapping[str, str]) -> bool:
        """Whether jobs are submitted to it on this machine."""
        return shutil.which(self.submit[0], path=environment.get("PATH")) is not None

    def job_here(self, environment: Mapping[str, str]) -> str:
        """The job, and the task of its array, that a process with this environment belongs to; empty outside of one."""
        raise NotImplementedError
