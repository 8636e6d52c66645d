"""The files that the watched run wrote, beside which those of every later fresh run are put.

They lie where the user has them, and are compared there: a file that was changed or removed since is not compared, and
nothing is copied.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from autotune.launch.files import Store
from autotune.raster import Raster
from autotune.results.folder import matches, shown
from autotune.results.measure import Measured
from autotune.results.pair import measured
from autotune.results.renamed import renamed
from autotune.results.spikes import without_spikes


@dataclass(frozen=True)
class ResultsRecord:
    """What tells whether a file of the watched run is still the one that it wrote: size in bytes, time in ns."""

    RECORD: ClassVar[str] = "results"

    files: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """The files of the watched run."""

    folder: Path
    """Where the command runs; names are told relative to it."""
    files: Mapping[str, Path]
    """By absolute name, where each lies."""
    stamps: Mapping[str, tuple[int, int]]
    """Of each when it was written, by its name as it is shown."""
    spikes: Raster
    """Of the watched run."""
    ignore: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that are compared, as the user knows them."""
        return tuple(sorted(self._told(name) for name in self.files if not self._ignored(name)))

    def compared(self, wrote: Mapping[str, Path], spikes: Raster) -> tuple[Measured, ...]:
        """Each file of the watched run beside the one that another run wrote, whose `spikes` these are; then what that
        one alone wrote.
        """
        own = {name: place for name, place in self.files.items() if not self._ignored(name)}
        other = {name: place for name, place in wrote.items() if name in own or self._beside(name)}
        pairs = renamed(own.keys() - other.keys(), other.keys() - own.keys())
        found = [self._one(name, other, pairs.get(name, name), spikes) for name in sorted(own)]
        new = sorted(other.keys() - own.keys() - set(pairs.values()))
        return (*found, *(Measured(self._told(name), "new") for name in new))

    def _one(self, name: str, other: Mapping[str, Path], its_name: str, spikes: Raster) -> Measured:
        told, place, there = self._told(name), self.files[name], other.get(its_name)
        if stamp(place) != tuple(self.stamps.get(shown(name), ())):
            return Measured(told, "not understood", "was changed since your own run wrote it")
        found = measured(told, place, there, renamed="" if its_name == name else self._told(its_name))
        if found.presence == "differs" and there is not None:
            return without_spikes(found, place, self.spikes, there, spikes)
        return found

    def _beside(self, name: str) -> bool:
        """Whether a file that the watched run did not write lies where the model writes: in its folder, or beside one
        of its files, but not among what everybody leaves in /tmp.
        """
        if self._ignored(name):
            return False
        places = {os.path.dirname(each) for each in self.files} - {tempfile.gettempdir(), "/tmp", "/var/tmp"}
        return Path(name).is_relative_to(self.folder) or os.path.dirname(name) in places

    def _ignored(self, name: str) -> bool:
        return matches(self._told(name), self.ignore)

    def _told(self, name: str) -> str:
        file = Path(name)
        return shown(str(file.relative_to(self.folder)) if file.is_relative_to(self.folder) else name)


def results_of(store: Store, cwd: Path, known: ResultsRecord | None, spikes: Raster, ignore: Iterable[str]) -> Results:
    """The files of the watched run; `known` is what was noted right after it, None if that is now."""
    files = store.results_of_watched()
    stamps = known.files if known else {shown(name): stamp(place) for name, place in files.items()}
    return Results(cwd.resolve(), files, stamps, spikes, tuple(ignore))


def record_of(results: Results) -> ResultsRecord:
    """What must be noted right after the watched run."""
    return ResultsRecord(dict(results.stamps))


def stamp(file: Path) -> tuple[int, int]:
    """Size and time of the last change of a file; zeros where there is none."""
    try:
        status = file.lstat()
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def keep_files(wrote: Mapping[str, Path], cwd: Path, folder: Path) -> None:
    """Copies what a run wrote to `folder`, which appears whole: what lies in `cwd` by its name there, anything else by
    its whole name below `elsewhere`. Links are kept as links; what is no file is not.
    """
    made = folder.with_name(f".{folder.name}")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    cwd = cwd.resolve()
    for name, place in wrote.items():
        inside = Path(name).is_relative_to(cwd)
        kept = made / (Path(name).relative_to(cwd) if inside else Path("elsewhere", name.lstrip("/")))
        if place.is_symlink() or place.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place, kept, follow_symlinks=False)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
