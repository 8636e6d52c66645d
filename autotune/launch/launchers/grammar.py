"""How the words of a launcher are read: where its options end and the program begins, and what the options say.

It must never look at files or at the environment, and never guess silently: an option that is not listed is taken for a
flag, unless a bare number follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from autotune.errors import UsageError

GLUED = re.compile(r"(-[a-zA-Z])(\d\S*|\{ranks\})")  # -n8


@dataclass(frozen=True)
class Option:
    """An option as it stands in a command, with its values."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grammar:
    """The options of a launcher that have values; all others are flags."""

    subcommands: frozenset[str] = frozenset()
    """Words of which one follows the launcher's name and starts ranks at once: run of `flux run`."""
    ranks: frozenset[str] = frozenset()
    """Their value is the number of ranks."""
    folder: frozenset[str] = frozenset()
    """Their value is the folder in which the program runs."""
    one_value: frozenset[str] = frozenset()
    two_values: frozenset[str] = frozenset()
    """The next two words are theirs, or one that reads NAME=VALUE."""

    def __or__(self, other: Grammar) -> Grammar:
        """The options of both: for a name, as mpiexec, that several launchers have."""
        return Grammar(*(getattr(self, field.name) | getattr(other, field.name) for field in fields(self)))

    def values(self, option: str) -> int:
        """How many values it has."""
        if option in self.two_values:
            return 2
        return int(option in self.ranks | self.folder | self.one_value)

    def read(self, words: Sequence[str]) -> tuple[int, tuple[Option, ...]]:
        """Where the program begins, and the launcher's options before it; `words` begin with the launcher.

        Raises UsageError if a subcommand is missing.
        """
        if self.subcommands and not self.subcommands.intersection(words[1:2]):
            start = f"{words[0]} {' or '.join(sorted(self.subcommands))}"
            raise UsageError(f"{' '.join(words[:2])}: no run starts so.", cure=f"Write {start} -n 2 … here.")
        found: list[Option] = []
        at = 2 if self.subcommands else 1
        while at < len(words) and words[at].startswith("-"):
            if words[at] == "--":
                at += 1
                break
            option, width = self._option(words[at:])
            found.append(option)
            at += width
        return min(at, len(words)), tuple(found)

    def _option(self, words: Sequence[str]) -> tuple[Option, int]:
        """The first option of `words`, and how many words it takes."""
        name, equals, value = words[0].partition("=")
        glued = GLUED.fullmatch(words[0])
        if glued and self.values(glued[1]):
            return Option(glued[1], (glued[2],)), 1
        if equals:
            return Option(name, (value,)), 1
        following = words[1:2]
        wanted = self.values(name)
        if wanted == 2:
            width = 1 if following and "=" in following[0] else 2
        elif wanted == 1:
            width = int(bool(following) and not following[0].startswith("-"))
        else:
            width = int(bool(following) and following[0].isdecimal())
        return Option(name, tuple(words[1 : 1 + width])), 1 + width


def options(text: str) -> frozenset[str]:
    """The options in `text`, exactly as written."""
    return frozenset(text.split())


def dashed(text: str) -> frozenset[str]:
    """The options in `text`, each with one dash and with two: mpiexec of Open MPI and of Hydra take both."""
    return frozenset(dashes + name for name in text.split() for dashes in ("-", "--"))
