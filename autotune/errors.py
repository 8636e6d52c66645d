"""The errors that a user may see, and the exit codes of every command.

Each error says what happened, where to look and what to do; the command line prints it without a traceback. Never
raise these for a mistake in our own code: a bug must keep its traceback.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What `python -m autotune …` ends with."""

    DONE = 0  # also when no improvement is proved
    DIFFERENT = 1  # `compare`: the rasters are not equivalent
    USAGE = 2  # usage or configuration
    BASELINE_FAILED = 3  # the user's own command does not run as it stands
    NO_MPI = 4  # MPI was asked for but is not in effect
    INTERRUPTED = 130


class AutotuneError(Exception):
    """A problem that the user can do something about.

    `message` says what is wrong and where; `cure` says what to do; `details` carries a program's own last lines, if
    there are any, and `log` names the file with all that it printed, where that is kept.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, *, cure: str = "", details: str = "", log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.details = details
        self.log = log

    def __str__(self) -> str:
        return self.message + (f"\n{self.cure}" if self.cure else "")


class UsageError(AutotuneError):
    """The command line, study.toml or an input file is not usable."""


class BaselineError(AutotuneError):
    """The user's own command fails, so there is nothing to compare with."""

    exit_code = ExitCode.BASELINE_FAILED


class MpiError(AutotuneError):
    """The command asks for MPI ranks, but they do not make one world."""

    exit_code = ExitCode.NO_MPI


class Interrupted(AutotuneError):
    """The user ended the command; everything that was finished is kept."""

    exit_code = ExitCode.INTERRUPTED
