"""What every means of keeping the user's files has in common: what it is given, what it gives back, what it may say.

A means is asked twice. In the watched run the model writes where it always writes, and what it overwrites is kept in
`before`; in every later run the model finds what it found then, and what it writes does not reach the user's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol


@dataclass(frozen=True)
class Start:
    """How a process is started."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


class WroteElsewhere(Exception):
    """A run wrote files that nothing could keep from it; they are named."""

    def __init__(self, files: tuple[str, ...]) -> None:
        shown = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        super().__init__(f"wrote files that the watched run did not write: {shown}")
        self.files = files


class Means(Protocol):
    """One way to keep a run from the user's files."""

    name: ClassVar[str]
    """As in `--workspace`."""
    says: ClassVar[str]
    """What it does, for the user."""

    def missing(self) -> str:
        """Why it does not work here; empty if it does."""

    def watched(self, start: Start) -> AbstractContextManager[Start]:
        """The start of the user's own run; afterwards the store knows what it wrote and what was there before."""

    def trial(self, start: Start, layer: Path) -> AbstractContextManager[Start]:
        """The start of a later run, or of a session; `layer` is a folder of its own for what it writes.

        May raise WroteElsewhere at the end.
        """

    def wrote(self, layer: Path) -> dict[str, Path]:
        """The files that a later run has written so far, by their absolute names, and where each lies now; asked inside
        `trial`.
        """
