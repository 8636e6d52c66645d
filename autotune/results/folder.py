"""Two folders of results side by side. Links are compared as links: what lies behind them is not looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from autotune.results.measure import Measured
from autotune.results.pair import measured


def files_in(folder: Path) -> dict[str, Path]:
    """All files and links below a folder, by their name in it."""
    found = {}
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            file = Path(parent, name)
            found[str(file.relative_to(folder))] = file
    return found


def compared_files(
    own: Mapping[str, Path], other: Mapping[str, Path], ignore: Iterable[str] = ()
) -> Iterator[Measured]:
    """Every file of both in the order of their names, but those that `ignore` matches."""
    for name in sorted(own.keys() | other.keys()):
        if not matches(name, ignore):
            yield measured(shown(name), own.get(name), other.get(name))


def matches(name: str, globs: Iterable[str]) -> bool:
    """Whether one of the globs matches the path or its last part."""
    return any(fnmatchcase(name, glob) or fnmatchcase(os.path.basename(name), glob) for glob in globs)


def shown(name: str) -> str:
    """A name as it can be printed and written down, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
