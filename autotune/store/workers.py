"""The workers of a study: who they are, where they run, and which of them are alive.

A worker holds the lock of its own file as long as it lives; the kernel lets go of it, however the worker dies. Where
another machine's locks cannot be relied on, its heartbeat has to stop too. Must never call a worker dead that may be at
work: its trial would be made twice.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from autotune.agent.protocol import write_text
from autotune.errors import UsageError
from autotune.machine import machine_name
from autotune.store.folder import CLUSTER
from autotune.store.locks import CURE
from autotune.untrusted import bytes_of

BEAT_S = 10.0
NAME = re.compile(r"[\w.-]{1,200}")
MOST_BYTES = 1 << 20
"""Of a worker's record, and of a claim."""
LONGEST_JOB = 60
"""Letters of a job in the name of its worker's files."""
SILENT_S = 60.0
"""A worker of another machine is dead when its lock is free and it has been silent for so long."""


@dataclass(frozen=True)
class Worker:
    """One worker: a process that makes trials of a study beside others."""

    name: str
    host: str
    pid: int
    machine: str
    """The space in which its process id is unique."""
    job: str = ""
    """As its scheduler names it; empty without one."""
    cpu: str = ""
    cores: int = 0
    """Physical ones of its node."""
    started: str = ""
    begun: bool = False
    """It has had its turn to begin, and may have runs in progress."""
    doing: str = ""
    ended: str = ""
    """Why it has ended; empty while it is at work, and of one that was killed."""

    @property
    def node_type(self) -> str:
        """What must be the same for times to be comparable."""
        return node_type(self.cpu, self.cores)


def node_type(cpu: str, cores: int) -> str:
    """A type of node in words."""
    return f"{cpu}, {cores} cores"


def this_worker(job: str, cpu: str, cores: int) -> Worker:
    """This process."""
    host, pid = socket.gethostname(), os.getpid()
    name = re.sub(r"[^\w.-]+", "_", f"{job[:LONGEST_JOB] or host}-{pid}")
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Worker(name, host, pid, machine_name(), job, cpu, cores, started)


_WORKER = TypeAdapter(Worker)


def node_types(study: Path) -> dict[str, str]:
    """Those of all workers that the study in this folder has had, by their names."""
    return {each.name: each.node_type for each in Workers(study / CLUSTER / "workers").all()}


class Workers:
    """The workers that a study has had, a record and a lock each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Worker]:
        """Every one that ever joined, by its start."""
        found = (self.read(file.stem) for file in self._folder.glob("*.json"))
        return sorted((each for each in found if each is not None), key=lambda each: (each.started, each.name))

    def read(self, name: str) -> Worker | None:
        """What it says of itself; None for a record that no worker has written under this name."""
        try:
            worker = _WORKER.validate_json(bytes_of(self._folder / f"{name}.json", MOST_BYTES))
        except (OSError, ValueError):
            return None
        return worker if worker.name == name and NAME.fullmatch(name) else None

    def living(self) -> list[Worker]:
        """Those that are at work."""
        return [each for each in self.all() if not each.ended and self.alive(each.name)]

    def alive(self, name: str) -> bool:
        """Whether this worker may be at work."""
        free = self._is_free(name)
        if not free:
            return free is False
        worker = self.read(name)
        if worker is None or worker.ended or worker.machine == machine_name():
            return False
        return time.time() - self._beat(name) < SILENT_S

    def check_between_machines(self) -> None:
        """Raise UsageError where a worker is at work on another machine, and its lock is free from here: what one
        worker alone may do, several would do at once. How a file system is mounted does not always tell that.
        """
        free = [each.name for each in self.living() if each.machine != machine_name() and self._is_free(each.name)]
        beats = {name: self._beat(name) for name in free}
        until = time.monotonic() + 2 * BEAT_S
        while beats and time.monotonic() < until:  # those that do not beat any more have died a moment ago
            time.sleep(BEAT_S / 20)
            for name in [name for name in beats if self._beat(name) > beats[name]]:
                if self._is_free(name) and name in {each.name for each in self.living()}:
                    raise UsageError(
                        f"{self._folder}: the lock of worker {name} on another node is not seen here: this file system "
                        "has no locks between nodes",
                        cure=CURE,
                    )
                del beats[name]

    def _is_free(self, name: str) -> bool | None:
        """Whether nobody holds the lock of this worker, as far as is seen from here; None where it has none."""
        if not NAME.fullmatch(name):  # of a claim that somebody has made up: it is no path
            return None
        try:
            with (self._folder / f"{name}.lock").open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True

    def _beat(self, name: str) -> float:
        """When it has last shown that it lives; opened, as a network file system tells it late otherwise."""
        try:
            with (self._folder / f"{name}.lock").open("r") as file:
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return 0.0

    def join(self, worker: Worker) -> Membership:
        """From now on `worker`, this process, is alive."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return Membership(self._folder, worker)


class Membership:
    """This process among the workers, until leave()."""

    def __init__(self, folder: Path, worker: Worker) -> None:
        self.worker = worker
        self._file = folder / f"{worker.name}.json"
        self._lock: TextIO = (folder / f"{worker.name}.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._left = threading.Event()
        self.tell()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()

    def tell(self, **changed: str | bool) -> None:
        """Write down what this worker does now."""
        self.worker = replace(self.worker, **changed)  # type: ignore[arg-type]
        write_text(self._file, _WORKER.dump_json(self.worker, indent=1).decode(), lasting=False)

    def leave(self, why: str) -> None:
        """It has ended, for this reason."""
        self._left.set()
        self.tell(ended=why)
        self._lock.close()

    def _beat(self) -> None:
        while not self._left.wait(BEAT_S):
            with suppress(OSError, ValueError):
                os.utime(self._lock.fileno())
