"""Whether several machines can share a folder: the locks of its file system must hold between them.

From one machine only so much can be seen: that a lock works here, and that the file system was not mounted with locks
that hold on one machine only.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import Any

import psutil

from autotune.errors import UsageError

LOCAL_ONLY = {"nolock", "local_lock=all", "local_lock=flock", "localflock", "noflock"}
"""Options of NFS and Lustre with which a lock is seen by one machine alone, or by none."""
CURE = "Give --out a folder on another file system, and ask your site for one with locks (NFS: lock; Lustre: flock)."


def check_locks(folder: Path) -> None:
    """Raises UsageError where workers on several machines would not see each other's locks."""
    mounted = _mounted(folder)
    bad = sorted(LOCAL_ONLY & set(mounted.opts.split(","))) if mounted else []
    if mounted and bad:
        raise UsageError(
            f"{folder}: its file system ({mounted.fstype} at {mounted.mountpoint}) is mounted with {', '.join(bad)}: "
            "workers on different nodes would not see each other's locks",
            cure=CURE,
        )
    try:
        held = _lock_holds(folder)
    except OSError as error:
        raise UsageError(f"{folder}: its file system has no locks: {error.strerror}", cure=CURE) from error
    if not held:
        raise UsageError(f"{folder}: a lock that is held on its file system does not keep others out", cure=CURE)


def _mounted(folder: Path) -> Any:
    """The file system that a folder lies on."""
    place = folder.resolve()
    found = [part for part in psutil.disk_partitions(all=True) if place.is_relative_to(part.mountpoint)]
    return max(found, key=lambda part: len(part.mountpoint), default=None)


def _lock_holds(folder: Path) -> bool:
    """Whether a second lock on a held file is refused."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".lock-") as first:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        second = os.open(first.name, os.O_RDWR)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(second)
    return False


def is_shared(lock: Path) -> bool:
    """Whether those who hold this lock share it."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
