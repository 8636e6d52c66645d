"""Means c, where neither the kernel nor a compiler helps: the user's files are saved and put back.

What the watched run wrote is taken away before every later run, whose traces are removed in turn, and lies there again
after it, at the end, and first thing when a killed study goes on. What a later run writes beside that cannot be kept
from the user's files: it is noticed, and the run is rejected. Only the command's folder and the one around it are
looked at; what they hold must be small enough to be copied once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from autotune.launch.files.start import Start, WroteElsewhere
from autotune.launch.files.store import (
    Entry,
    Store,
    entries,
    is_cache,
    kind_of,
    make_parents,
    mark_removed,
    put,
    remove_tree,
    save,
)
from autotune.launch.files.watch import Watch

SKIPPED = ("__pycache__", ".git", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache")
MOST_FILES = 20_000
MOST_BYTES = 2 << 30


class PutBack:
    """What the watched run wrote is put back after each run; a run that writes elsewhere is rejected."""

    name: ClassVar[str] = "put back"
    says: ClassVar[str] = (
        "what your run wrote is put back after each trial, and a trial that writes elsewhere is rejected"
    )

    def __init__(self, store: Store, ours: tuple[Path, ...], cwd: Path) -> None:
        """`ours` are folders that are no part of the model: the study's own."""
        self.store = store
        self._cwd = cwd.resolve()
        self._hidden = {str(folder.resolve()) for folder in (*ours, store.folder)}
        self._watch: Watch | None = None
        self._there: set[str] = set()

    def missing(self) -> str:
        if not _fits(self._listing(self._cwd)):
            return f"{self._cwd} holds more than {MOST_FILES} files or {MOST_BYTES >> 30} GiB, too much to be copied"
        try:
            Watch((), self._skipped).close()
        except OSError as error:
            return str(error)
        return ""

    @contextmanager
    def watched(self, start: Start) -> Iterator[Start]:
        self.store.begin()
        watch = self._watching()
        save(sorted(name for name in self._there if not _is_folder(name)), self.store.before)
        yield start
        changed = self._changed(watch)
        _forget_unchanged(self.store.before, changed)
        for name in sorted(changed - self._there):
            if not is_cache(name):
                self._mark_made(name)
        save(sorted(changed), self.store.results)
        self.store.results.mkdir(exist_ok=True)
        self._there |= changed
        self.store.end()

    @contextmanager
    def trial(self, start: Start, layer: Path) -> Iterator[Start]:
        if not self.store.results.exists():  # another means has watched
            save(self.store.written(), self.store.results)
            self.store.results.mkdir(exist_ok=True)
        known = {entry.name for entry in entries(self.store.results)}
        watch = self._watching()
        self.store.trying.touch()
        self._take_away()
        watch.changed()
        try:
            yield start
        finally:
            strays = self._changed(watch) - known
            self._take_away()
            put(self.store.results)
            self.store.trying.unlink(missing_ok=True)
            watch.changed()
            remove_tree(layer)
        if strays:
            self._there |= strays
            raise WroteElsewhere(tuple(sorted(strays)))

    def wrote(self, layer: Path) -> dict[str, Path]:
        names = (entry.name for entry in entries(self.store.results) if entry.kind != "folder")
        return {name: Path(name) for name in names if os.path.lexists(name) and not is_cache(name)}

    def _changed(self, watch: Watch) -> set[str]:
        """The files that changed; those that came and went again do not count."""
        names = watch.changed()
        moved = tuple(f"{name}/" for name in names if name in self._there and not os.path.lexists(name))
        names |= {name for name in self._there if moved and name.startswith(moved)}
        return {name for name in names if (name in self._there or os.path.lexists(name)) and not _is_folder(name)}

    def _take_away(self) -> None:
        """Make the files what they were before the watched run."""
        for entry in reversed(list(entries(self.store.results))):
            if self._was_made(entry) and not is_cache(entry.name):
                with suppress(OSError):  # a folder that holds something of the user's stays
                    os.rmdir(entry.name) if os.path.isdir(entry.name) else os.unlink(entry.name)
        put(self.store.before, lambda name: not self._is_mark(name))

    def _was_made(self, entry: Entry) -> bool:
        return self._is_mark(entry.name) and os.path.lexists(entry.name)

    def _is_mark(self, name: str) -> bool:
        kept = self.store.before / name.lstrip("/")
        return not os.path.lexists(kept) or kind_of(kept) == "removed"

    def _mark_made(self, name: str) -> None:
        """Say in `before` that there was no such file, nor the folders that were made for it."""
        made = Path(name)
        while str(made.parent) not in self._there and not any(root == made.parent for root in self._roots()):
            made = made.parent
        kept = self.store.before / str(made).lstrip("/")
        if make_parents(kept, self.store.before):
            mark_removed(kept)

    def _watching(self) -> Watch:
        if self._watch is None:
            self._watch = Watch(self._roots(), self._skipped)
            self._there = {name for root in self._roots() for name, _ in self._listing(root)}
        return self._watch

    def _roots(self) -> list[Path]:
        """The command's folder, and the one around it if that is no more than a model's."""
        around = self._cwd.parent
        common = {Path("/"), Path.home().resolve(), Path(tempfile.gettempdir()).resolve()}
        return [around] if around not in common and _fits(self._listing(around)) else [self._cwd]

    def _listing(self, root: Path) -> Iterator[tuple[str, int]]:
        """Files, and folders, below `root`, with their sizes in bytes."""
        for parent, folders, names in os.walk(root):
            folders[:] = [name for name in folders if not self._skipped(os.path.join(parent, name))]
            yield from ((os.path.join(parent, name), 0) for name in folders)
            for name in names:
                file = os.path.join(parent, name)
                with suppress(OSError):
                    yield file, os.lstat(file).st_size

    def _skipped(self, name: str) -> bool:
        return os.path.basename(name) in SKIPPED or name in self._hidden


def _is_folder(name: str) -> bool:
    return os.path.isdir(name) and not os.path.islink(name)


def _fits(listing: Iterable[tuple[str, int]]) -> bool:
    """Whether so much may be copied; no longer looked at than that takes."""
    count = total = 0
    for _, size in listing:
        count, total = count + 1, total + size
        if count > MOST_FILES or total > MOST_BYTES:
            return False
    return True


def _forget_unchanged(before: Path, changed: set[str]) -> None:
    for entry in reversed(list(entries(before))):
        if entry.kind == "folder":
            with suppress(OSError):
                entry.file.rmdir()
        elif entry.name not in changed:
            entry.file.unlink()
