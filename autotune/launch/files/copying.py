"""Means d, when the user asks for it: each run works in a scratch copy of the command's folder.

It needs nothing of the machine, and breaks what a model expects beside its folder; a copy that does not protect the
folder itself is told at once.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from autotune.errors import UsageError
from autotune.launch.files.start import Start
from autotune.launch.files.store import Store, entries, make_parents, mark_removed, remove

Snapshot = dict[str, tuple[int, int]]
"""File, relative to the folder → size in bytes and time of last change in ns."""

SKIPPED = ("__pycache__", ".git", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache")
MOST_FILES = 20_000
LARGEST_COPY = 2 << 30  # bytes


class Copy:
    """Each later run works in a copy of the model's folder."""

    name: ClassVar[str] = "copy"
    says: ClassVar[str] = "each trial runs in a scratch copy of the command's folder"

    def __init__(self, store: Store, ours: tuple[Path, ...], cwd: Path) -> None:
        self.store = store
        self._ours = (*ours, store.folder)
        self._cwd = cwd
        self._found: Snapshot = {}

    def missing(self) -> str:
        return ""

    @contextmanager
    def watched(self, start: Start) -> Iterator[Start]:
        self.store.begin()
        before = snapshot(self._cwd, self._ours)
        yield start
        after = snapshot(self._cwd, self._ours)
        self.store.note(str(self._cwd / name) for name in written(before, after))
        for name in after.keys() - before.keys():
            kept = self.store.before / str(self._cwd / name).lstrip("/")
            if make_parents(kept, self.store.before):
                mark_removed(kept)
        self.store.end()

    @contextmanager
    def trial(self, start: Start, layer: Path) -> Iterator[Start]:
        """Raises UsageError when the model's own folder has changed: one run too many is the damage."""
        before = snapshot(self._cwd, self._ours)
        copy_folder(self._cwd, layer, (*self._ours, layer))
        self._as_before(layer)
        self._found = snapshot(layer)
        yield replace(start, argv=tuple(_moved(word, self._cwd, layer) for word in start.argv), cwd=layer)
        shutil.rmtree(layer, ignore_errors=True)
        changed = written(before, snapshot(self._cwd, self._ours))
        if changed:
            raise UsageError(
                f"{self._cwd}: {', '.join(changed[:5])} changed while a copy of the folder ran",
                cure="The model writes there by an absolute path or through a link: leave --workspace out.",
            )

    def wrote(self, layer: Path) -> dict[str, Path]:
        names = written(self._found, snapshot(layer))
        return {str(self._cwd / name): layer / name for name in names if os.path.lexists(layer / name)}

    def _as_before(self, copy: Path) -> None:
        """What the watched run has written is not in the copy."""
        for entry in entries(self.store.before):
            if entry.kind != "folder" and Path(entry.name).is_relative_to(self._cwd):
                place = copy / Path(entry.name).relative_to(self._cwd)
                remove(str(place))
                if entry.kind != "removed":
                    shutil.copy2(entry.file, place, follow_symlinks=False)


def snapshot(folder: Path, without: Collection[Path] = ()) -> Snapshot:
    """What lies in `folder` now, at most 20,000 files; `without` are folders that are ours."""
    found: Snapshot = {}
    for file in _files(folder, without):
        try:
            status = file.stat()
        except OSError:  # gone in between
            continue
        found[str(file.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
        if len(found) >= MOST_FILES:
            break
    return found


def written(before: Snapshot, after: Snapshot) -> list[str]:
    """The files that were made, changed or removed in between, sorted."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def copy_folder(folder: Path, target: Path, without: Collection[Path] = ()) -> None:
    """A copy of the model's folder for one run. Raises UsageError when it is too large to copy for every run."""
    total = sum(size for size, _ in snapshot(folder, without).values())
    if total > LARGEST_COPY:
        raise UsageError(
            f"{folder}: holds {total / 2**30:.1f} GiB, too much to copy for every run",
            cure='Keep the model in a folder of its own, or give --workspace "in place" (trials overwrite results).',
        )
    hidden = {path.resolve() for path in without}

    def ignored(parent: str, names: list[str]) -> list[str]:
        return [name for name in names if name in SKIPPED or Path(parent, name).resolve() in hidden]

    shutil.copytree(folder, target, symlinks=True, ignore=ignored)


def _files(folder: Path, without: Collection[Path]) -> Iterator[Path]:
    hidden = {path.resolve() for path in without}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED and Path(parent, name).resolve() not in hidden]
        yield from (Path(parent, name) for name in names)


def _moved(word: str, folder: Path, place: Path) -> str:
    """A word of the command that names something in `folder`, as it is called in the copy."""
    return re.sub(rf"(^|=){re.escape(str(folder))}(?=/|$)", rf"\g<1>{place}", word)
