"""One run of the user's command: how it is understood, started, watched, judged and completely killed."""

from autotune.launch.command import (
    Command,
    check_programs,
    find_program,
    launch_environment,
    parse_command,
)
from autotune.launch.mpi import Mpi, check_world, find_mpi, mpi_environment
from autotune.launch.process import Finished
from autotune.launch.process import run as run_process  # launch/run.py is a module of its own
from autotune.launch.words import Form

__all__ = [
    "Command",
    "Finished",
    "Form",
    "Mpi",
    "check_programs",
    "check_world",
    "find_mpi",
    "find_program",
    "launch_environment",
    "mpi_environment",
    "parse_command",
    "run_process",
]
