"""Runs that have outlived their driver and its guard: found by the job that their environment names, and ended.

The guard ends a run when its driver dies, within a second. This is for the driver that comes right after it, and for a
guard that was killed too. Must never touch a process whose job lies in another study's folder.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import psutil

from autotune.agent.protocol import JOB_VARIABLE
from autotune.launch import launchers

GUARD_S = 3.0
"""So long the guard of a dead driver may take."""
KILL_S = 10.0


def end_runs_in(scratch: Path) -> list[int]:
    """End every process of a run whose files lie in `scratch`; returns the ids of those that had to be killed."""
    if not scratch.is_dir() or not any(scratch.iterdir()):
        return []
    left = runs_in(scratch)
    until = time.monotonic() + GUARD_S
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = runs_in(scratch)
    killed: dict[int, str] = {}
    until = time.monotonic() + KILL_S
    while left and time.monotonic() < until:
        for process in left:
            try:
                killed[process.pid] = process.environ().get("TMPDIR") or "/tmp"
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=0.5)
        left = runs_in(scratch)
    for pid, temporary in killed.items():
        _remove_session_folders(pid, temporary)
    return sorted(killed)


def runs_in(scratch: Path) -> list[psutil.Process]:
    """The processes whose job lies in `scratch`, of this user and machine."""
    return [process for process in psutil.process_iter() if _belongs(process, scratch)]


def _belongs(process: psutil.Process, scratch: Path) -> bool:
    try:
        job = process.environ().get(JOB_VARIABLE)
        return job is not None and Path(job).is_relative_to(scratch) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _remove_session_folders(pid: int, temporary: str) -> None:
    """A launcher that was killed leaves a folder, in whose way the next one with its id would be."""
    own = {"pid": pid, "host": os.uname().nodename, "uid": os.geteuid()}
    for name in launchers.session_folders():
        folder = Path(temporary, name.format(**own))
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
