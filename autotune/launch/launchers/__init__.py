"""The launchers that are known, each in a file of its own here: what is in this folder is found, and listed nowhere.

A name such as mpiexec belongs to several of them. Which one it is, only its `--version` tells; until then its words are
read by what any of them would take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from pkgutil import iter_modules

from autotune.launch.launchers.grammar import Grammar
from autotune.launch.launchers.launcher import Launcher

__all__ = [
    "LAUNCHERS",
    "UNKNOWN",
    "Launcher",
    "Words",
    "identify",
    "install",
    "named",
    "read",
    "session_folders",
    "without_farewell",
]

UNKNOWN = Launcher()


def _all() -> tuple[Launcher, ...]:
    for module in sorted(found.name for found in iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return tuple(kind() for kind in Launcher.__subclasses__())


LAUNCHERS = _all()


@dataclass(frozen=True)
class Words:
    """What a launcher's words say."""

    program_at: int
    """The index of the program's first word; 0 when there is no launcher."""
    ranks: int | None = 1
    """The number of ranks; None where it is not said, and for {ranks}."""
    folder: str = ""
    """Where the program runs, if an option says it."""


def session_folders() -> list[str]:
    """What a killed launcher may leave in the temporary folder, whichever it was: a script may start it."""
    return [name for launcher in LAUNCHERS for name in launcher.session_folders]


def without_farewell(lines: Sequence[str]) -> list[str]:
    """Return the lines without those that a launcher prints about any rank that ends early, and the gaps in them."""
    kept, said = [], False
    for line in lines:
        farewell = any(launcher.farewell.fullmatch(line) for launcher in LAUNCHERS)
        said |= farewell
        if not farewell and (line.strip() or not said):
            kept.append(line)
    return kept


def named(program: str) -> tuple[Launcher, ...]:
    """The launchers whose program may have this name, or path."""
    name = Path(program).name.partition(".")[0]
    return tuple(launcher for launcher in LAUNCHERS if name in launcher.programs)


def read(words: Sequence[str], environment: Mapping[str, str]) -> Words:
    """Read the launcher's words of a command; without a launcher it has one rank. Raises UsageError."""
    launchers = named(words[0])
    if not launchers:
        return Words(0)
    grammar = reduce(or_, (launcher.grammar for launcher in launchers), Grammar())
    at, found = grammar.read(words)
    ranks = [launcher.ranks(found) for launcher in launchers]
    ranks += [launcher.default_ranks(environment) for launcher in launchers]
    folders = [option.values[0] for option in found if option.name in grammar.folder and option.values]
    return Words(at, next(filter(None, ranks), None), folders[-1] if folders else "")


def identify(program: str, printed: str) -> tuple[Launcher, str]:
    """The launcher that `program` is, by what its `--version` printed, and its version (empty when it isn't said)."""
    launchers = named(program)
    for launcher in launchers:
        match = launcher.version_text.search(printed)
        if match:
            return launcher, match[1] or ""
    return (launchers[0] if len(launchers) == 1 else UNKNOWN), ""


def install(program: str) -> str:
    """How to get a launcher of this name."""
    launchers = named(program)
    return launchers[0].install if len(launchers) == 1 else UNKNOWN.install
