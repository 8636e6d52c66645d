"""Where a run works: in the user's own folder, or in a scratch copy of it, so that trials do not overwrite the user's
results.

The watched run always works in place and writes what the user's own run writes. It shows whether the model writes
beside itself; if it does, every later run gets a copy (`workspace = "auto"`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from autotune.errors import UsageError

Snapshot = dict[str, tuple[int, int]]
"""File, relative to the folder → size in bytes and time of last change in ns."""

SKIPPED = ("__pycache__", ".git", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache")
MOST_FILES = 20_000
LARGEST_COPY = 2 << 30  # bytes


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
