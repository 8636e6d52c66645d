"""Means d, when the user asks for it: each run works in a scratch copy of the command's folder.

It needs nothing of the machine, and breaks what a model expects beside its folder; a copy that does not protect the
folder itself is told at once. The folder is copied once, not for every run: afterwards only what a run has changed in
its copy is made as it was.
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

Snapshot = dict[str, tuple[int, int, int]]
"""File, relative to the folder → size in bytes, time of last change in ns, and that of its entry, which nobody can set
back (0 where that is not looked at).
"""

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
        self._idle: list[tuple[Path, Snapshot, Snapshot]] = []
        """Copies that no run uses: where each lies, what is in it, and of which state of the folder it is one."""

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
        self._found = found = self._copied(layer, before)
        try:
            yield replace(start, argv=tuple(_moved(word, self._cwd, layer) for word in start.argv), cwd=layer)
        except BaseException:
            shutil.rmtree(layer, ignore_errors=True)
            raise
        after = snapshot(self._cwd, self._ours)
        self._put_aside(layer, found, before == after and len(found) < MOST_FILES)
        changed = written(before, after)
        if changed:
            raise UsageError(
                f"{self._cwd}: {', '.join(changed[:5])} changed while a copy of the folder ran",
                cure="The model writes there by an absolute path or through a link: leave --workspace out.",
            )

    def _copied(self, layer: Path, now: Snapshot) -> Snapshot:
        """Make `layer` a copy of the folder as the watched run found it: an earlier run's, or a new one."""
        while self._idle:
            place, found, of = self._idle.pop()
            if of == now and place.is_dir():
                place.rename(layer)
                return found
            shutil.rmtree(place, ignore_errors=True)  # the user has changed the folder since
        copy_folder(self._cwd, layer, (*self._ours, layer))
        self._as_before(layer)
        return snapshot(layer, exactly=True)

    def _put_aside(self, layer: Path, found: Snapshot, known: bool) -> None:
        """Keep a copy for the next run, as it was before this one; one of which not everything is known is removed."""
        place = layer.parent.with_name(f"{layer.parent.name}-copy")
        try:
            if not known:
                raise OSError("too many files to know them all, or the folder itself has changed")
            for name in written(found, snapshot(layer, exactly=True)):
                remove(str(layer / name))
                if name in found:
                    self._put_back(layer, name)
            for made in sorted(_folders(layer) - {Path(name).parent for name in found}, reverse=True):
                if not any((layer / made).iterdir()) and not (self._cwd / made).is_dir():
                    (layer / made).rmdir()
            layer.rename(place)
        except OSError:
            shutil.rmtree(layer, ignore_errors=True)
            return
        self._idle.append((place, snapshot(place, exactly=True), snapshot(self._cwd, self._ours)))

    def _put_back(self, layer: Path, name: str) -> None:
        kept = self.store.before / str(self._cwd / name).lstrip("/")
        source = kept if os.path.lexists(kept) else self._cwd / name
        (layer / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, layer / name, follow_symlinks=False)

    def wrote(self, layer: Path) -> dict[str, Path]:
        names = written(self._found, snapshot(layer, exactly=True))
        return {str(self._cwd / name): layer / name for name in names if os.path.lexists(layer / name)}

    def _as_before(self, copy: Path) -> None:
        """What the watched run has written is not in the copy."""
        for entry in entries(self.store.before):
            if entry.kind != "folder" and Path(entry.name).is_relative_to(self._cwd):
                place = copy / Path(entry.name).relative_to(self._cwd)
                remove(str(place))
                if entry.kind != "removed":
                    shutil.copy2(entry.file, place, follow_symlinks=False)


def snapshot(folder: Path, without: Collection[Path] = (), *, exactly: bool = False) -> Snapshot:
    """What lies in `folder` now, at most 20,000 files; `without` are folders that are ours; `exactly`, where nobody
    else has a reason to touch an entry.
    """
    found: Snapshot = {}
    for file in _files(folder, without):
        try:
            status = file.stat()
        except OSError:  # gone in between
            continue
        changed_ns = status.st_ctime_ns if exactly else 0
        found[str(file.relative_to(folder))] = (status.st_size, status.st_mtime_ns, changed_ns)
        if len(found) >= MOST_FILES:
            break
    return found


def written(before: Snapshot, after: Snapshot) -> list[str]:
    """The files that were made, changed or removed in between, sorted."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def copy_folder(folder: Path, target: Path, without: Collection[Path] = ()) -> None:
    """A copy of the model's folder. Raises UsageError when it is too large for that."""
    total = sum(size for size, _, _ in snapshot(folder, without).values())
    if total > LARGEST_COPY:
        raise UsageError(
            f"{folder}: holds {total / 2**30:.1f} GiB, too much to copy",
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


def _folders(top: Path) -> set[Path]:
    """All folders below, relative to it."""
    return {
        Path(parent, name).relative_to(top)
        for parent, folders, _ in os.walk(top)
        for name in folders
        if not Path(parent, name).is_symlink()
    }


def _moved(word: str, folder: Path, place: Path) -> str:
    """A word of the command that names something in `folder`, as it is called in the copy."""
    return re.sub(rf"(^|=){re.escape(str(folder))}(?=/|$)", rf"\g<1>{place}", word)
