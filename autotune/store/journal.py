"""The lock and the repair of Optuna's journal file, so that a killed process neither stalls nor damages it.

Optuna's own locks do not say who holds them: after a SIGKILL the next writer waits 30 s. This one is a symbolic link
whose text names its holder (made in one atomic step, also on NFS), so a lock whose holder is dead on this machine is
broken at once. Must never break a lock whose holder may be alive, and never cut a file that is not a journal.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.storages.journal._file import get_lock_file

from autotune.machine import machine_name

GRACE_S = 30.0  # Optuna's own limit for a holder that cannot be asked: another machine's, or another program's
LONGEST_PAUSE_S = 0.1
LONGEST_LINE = 1 << 20  # bytes of a journal's first record
FIRST_BYTES = b'{"op_code":'

_log = logging.getLogger(__name__)


class JournalLost(Exception):
    """The journal was removed or damaged by somebody while it was in use."""

    def __init__(self, journal: str) -> None:
        super().__init__(journal)
        self.journal = journal


class Journal(JournalFileBackend):
    """Optuna's journal file; raises JournalLost where Optuna would raise whatever the reading of the file raises."""

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The records from this number on. A full disk or the like is still an OSError."""
        try:
            yield from super().read_logs(log_number_from)
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise JournalLost(self._file_path) from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add records. Optuna would begin a new file in place of one that is gone, and take what it asked for last as
        the answer to what it asks now; and it would wait for the disk after each of a trial's ten records, while other
        workers wait for this one. What a machine that loses its power has not stored is made anew from the folder.
        """
        known = self._log_number_offset[next(reversed(self._log_number_offset))]  # of the last record that was read
        there = os.path.getsize(self._file_path) if os.path.exists(self._file_path) else -1
        if there < known:
            raise JournalLost(self._file_path)
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with get_lock_file(self._lock), open(self._file_path, "ab") as file:
            file.write(lines.encode())


class JournalLock(JournalFileSymlinkLock):
    """The lock of `journal` (beside it, with `.lock` added, as Optuna names it).

    Whoever holds it may append: acquiring also cuts back a line that a killed writer left half-written. Processes that
    use Optuna's own lock on the same journal are kept out, and keep this one out, as usual.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal), grace_period=int(GRACE_S))
        self._journal = journal
        self._path = Path(self._lock_file)
        self._token = ""

    def acquire(self) -> bool:
        """Waits until the lock is ours."""
        judged: tuple[str, int] | None = None
        since_s, pause_s = time.monotonic(), 0.001
        while not self._take():
            holder = self._holder()
            if holder is None:  # released a moment ago
                continue
            if holder != judged:
                judged, since_s = holder, time.monotonic()
            if _is_dead(holder[0]) or time.monotonic() - since_s > GRACE_S:
                self._break(holder)
            else:
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        try:
            cut_torn_line(self._journal)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Gives the lock back; if another process has broken it meanwhile, leaves theirs alone."""
        holder = self._holder()
        if holder is not None and holder[0] == self._token:
            self._path.unlink()
        else:
            _log.warning("the lock %s was broken by another process while it was held", self._path)

    def _take(self) -> bool:
        self._token = f"{machine_name()}:{os.getpid()}:{uuid.uuid4().hex}"
        try:
            self._path.symlink_to(self._token)
        except FileExistsError:
            return False
        return True

    def _holder(self) -> tuple[str, int] | None:
        """The holder's name ("" if the lock is a plain file) and when it took the lock (ns); None without a lock."""
        try:
            taken_ns = self._path.lstat().st_mtime_ns
            return (os.readlink(self._path) if self._path.is_symlink() else ""), taken_ns
        except FileNotFoundError:
            return None

    def _break(self, holder: tuple[str, int]) -> None:
        """Removes the lock if it is still that holder's.

        The kernel's lock on the journal lets one process at a time look and remove; without it, two that judge the same
        dead holder could remove each other's fresh lock. Some cluster file systems refuse it; then only the second look
        protects.
        """
        with self._journal.open("ab") as journal:
            with suppress(OSError):
                fcntl.flock(journal, fcntl.LOCK_EX)
            if self._holder() == holder:
                _log.info("removing the lock of a dead process: %s", self._path)
                self._path.unlink(missing_ok=True)


def looks_like_journal(path: Path) -> bool:
    """Whether a file may be opened, and cut, as a journal: empty, or with a journal's record first, perhaps torn."""
    with path.open("rb") as file:
        line = file.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        return line.startswith(FIRST_BYTES) or FIRST_BYTES.startswith(line)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "op_code" in record


def is_torn(path: Path) -> bool:
    """Whether the last line has no end: a writer is at work, or was killed."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def cut_torn_line(path: Path) -> bool:
    """Cuts a journal back to its last whole line; returns whether it had to. A copy is kept as `<name>.torn`.

    Call it with the journal's lock held. Optuna writes a record before it goes on, so a torn record was never reported
    as stored.
    """
    if not path.exists() or not is_torn(path):
        return False
    shutil.copyfile(path, path.with_name(path.name + ".torn"))
    with path.open("r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)
        os.fsync(file.fileno())
    _log.warning("%s ended in a torn line, which was cut off", path)
    return True


def _is_dead(holder: str) -> bool:
    """Whether a lock's holder is gone for certain: named by this module, on this machine, and no such process."""
    machine, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if machine != machine_name() or not pid.isdigit():
        return False
    try:
        return bool(psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
