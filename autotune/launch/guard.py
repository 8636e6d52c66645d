"""The guard of one run: a tiny process between driver and command, which leaves nothing of the run alive.

It is run as a script (`python -I -S -X utf8 guard.py LIFELINE REPORT`) and imports the standard library only. It reads
what to run from the lifeline pipe, starts it in a session of its own, sleeps until something happens, and writes what
happened to the report pipe. It kills every descendant of the run when the driver closes the lifeline (also by dying),
at SIGTERM, SIGINT or SIGHUP, and at the time limit; after a normal end it kills what the command left behind.

As a child subreaper (Linux, prctl(2)) it inherits every orphan of the run, so daemons, other sessions and other
process groups (Open MPI 5 puts each rank in a group of its own) are all its descendants: no child left means that
nothing of the run is left. Elsewhere (macOS), processes that cut themselves off from their parents before the kill
cannot be found.

It must never spin, print, touch the command's output, or change the environment, the signals and the working directory
that the command sees.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import stat
import sys
import time

TYPE_CHECKING = False  # importing typing would double the time that this script needs to start
if TYPE_CHECKING:
    from typing import Any

# For mpiexec to stop its ranks (on other machines too), and for helpers of a finished command to end by themselves.
GRACE_S = 0.5
KILL_S = 10.0  # a process that SIGKILL does not end in this time is stuck in the kernel or belongs to another user
# A launcher does not start where the folder of a killed one with its process id lies (Open MPI 5: exit code 213).
TAKEN, MOST_TAKEN = "the process id is taken", 100
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def prctl(option: int, value: int) -> None:
    """Call prctl(2) on this process; nothing where there is no such call."""
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def read_task(lifeline: int) -> dict[str, Any]:
    """Read what the driver wrote: a length in 8 bytes, then argv, cwd, env, timeout_s, driver (its process id) and
    session_folders (what a launcher keeps in the temporary folder while it runs, with {pid}, {host} and {uid}).

    marshal is right here because both ends are the same interpreter; importing json would take longer than the rest.
    """
    data = b""
    while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "big"):
        block = os.read(lifeline, 1 << 16)
        if not block:
            sys.exit(0)  # the driver died before it asked for anything
        data += block
    task: dict[str, Any] = marshal.loads(data[8:])
    return task


def start(task: dict[str, Any], ignored: list[signal.Signals]) -> tuple[int, str]:
    """Start the command; return its process id and why it could not be started ("" if it was)."""
    for _ in range(MOST_TAKEN):
        child, problem = fork(task, ignored)
        if problem != TAKEN:
            break
        os.waitpid(child, 0)
    return child, problem


def fork(task: dict[str, Any], ignored: list[signal.Signals]) -> tuple[int, str]:
    """Start the command, unless the id of its process is taken; return that id and why it could not be started."""
    guard, (read_end, write_end) = os.getpid(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:
                os._exit(127)
            if any(map(os.path.lexists, session_folders(task, os.getpid()))):
                raise ValueError(TAKEN)
            # What Python set for itself must not reach the command.
            for number in (signal.SIGPIPE, signal.SIGXFSZ, *STOPPING):
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
            os.chdir(task["cwd"])
            os.execvpe(task["argv"][0], task["argv"], task["env"])
        except (OSError, ValueError) as error:
            os.write(write_end, (getattr(error, "strerror", None) or str(error)).encode())
        finally:
            os._exit(127)
    os.close(write_end)
    problem = os.read(read_end, 4096).decode()
    os.close(read_end)
    return child, problem


def session_folders(task: dict[str, Any], process: int) -> list[str]:
    """Where the launchers that are known keep what they need while they run as this process."""
    temporary, names = task["env"].get("TMPDIR") or "/tmp", task["session_folders"]
    own = {"pid": process, "host": os.uname().nodename, "uid": os.geteuid()}
    return [os.path.join(temporary, name.format(**own)) for name in names]


def descendants() -> list[int]:
    """Process ids of everything below this process, read from /proc (from `ps` where there is none)."""
    children: dict[int, list[int]] = {}
    for process, parent in processes():
        children.setdefault(parent, []).append(process)
    found = [os.getpid()]
    for process in found:
        found.extend(children.get(process, ()))
    return found[1:]


def processes() -> list[tuple[int, int]]:
    """(process id, parent's id) of all processes that can be seen."""
    if not os.path.isdir("/proc/self"):
        with os.popen("ps -axo pid=,ppid=") as listing:
            return [(int(pid), int(parent)) for pid, parent in (line.split() for line in listing)]
    pairs = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = (
                        file.read().rpartition(b")")[2].split()
                    )  # the program's name may contain blanks and brackets
            except (FileNotFoundError, ProcessLookupError):
                continue
            pairs.append((int(name), int(fields[1])))
    return pairs


class Guard:
    """Waits for one command; the state of the wait lives here."""

    def __init__(self, lifeline: int) -> None:
        self.lifeline = lifeline
        self.bell, ring = os.pipe()  # every signal rings it, so that one poll(2) waits for all
        os.set_blocking(ring, False)
        signal.set_wakeup_fd(ring)
        self.ignored = [number for number in STOPPING if signal.getsignal(number) == signal.SIG_IGN]
        for number in (signal.SIGCHLD, *STOPPING):
            signal.signal(number, lambda *_: None)
        self.main = 0
        self.status: int | None = None  # of the command itself, as waitpid(2) gives it
        self.ended_at = 0.0
        self.alone = False  # no child left, so nothing of the run is left
        self.killed: dict[int, float] = {}  # what a signal ended, ours or another, and when (seconds since the epoch)

    def reap(self) -> None:
        """Collect every child that ended, also adopted ones."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.alone = True
                return
            if pid == 0:
                return
            if os.WIFSIGNALED(status):
                self.killed[pid] = time.time()
            if pid == self.main:
                self.status, self.ended_at = status, time.monotonic()

    def sleep(self, until: float | None, watch_driver: bool) -> bool:
        """Sleep until a child ends or `until` (monotonic seconds); return True if somebody wants the run to stop."""
        waiting = select.poll()
        waiting.register(self.bell, select.POLLIN)
        if watch_driver:
            waiting.register(self.lifeline, select.POLLIN)
        events = waiting.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000)
        rung = os.read(self.bell, 4096) if any(fd == self.bell for fd, _ in events) else b""
        self.reap()
        return any(fd == self.lifeline for fd, _ in events) or any(number in rung for number in STOPPING)

    def wait(self, limit: float | None) -> str:
        """Wait for the command itself; return why the wait ended: "ended", "timed out" or "stopped"."""
        self.reap()
        while self.status is None:
            if self.sleep(limit, watch_driver=True):
                return "ended" if self.status is not None else "stopped"
            if self.status is None and limit is not None and time.monotonic() >= limit:
                return "timed out"
        return "ended"

    def sweep(self) -> list[int]:
        """End what is left, harder from stage to stage, until nothing is left; return what could not be killed."""
        if self.status is None:
            os.kill(self.main, signal.SIGTERM)
            os.kill(self.main, signal.SIGCONT)  # it may be stopped
        self.linger(GRACE_S)
        # Ranks first: a launcher that still lives then ends by itself and removes its temporary folder.
        self.kill([process for process in self.left() if process != self.main])
        if self.status is None:
            self.linger(GRACE_S)
        give_up = time.monotonic() + KILL_S
        while not self.alone and time.monotonic() < give_up:
            self.kill(descendants())
            self.linger(0.01)
        return self.left()

    def left(self) -> list[int]:
        return [] if self.alone else descendants()

    def linger(self, seconds: float) -> None:
        """Wait until nothing of the run is left, but not longer than `seconds`."""
        until = time.monotonic() + seconds
        while not self.alone and time.monotonic() < until:
            self.sleep(until, watch_driver=False)

    def kill(self, victims: list[int]) -> None:
        for process in victims:
            try:
                os.kill(process, signal.SIGKILL)
                self.killed[process] = time.time()
            except (ProcessLookupError, PermissionError):
                continue  # gone already, or another user's: reported if it stays

    def tidy(self, task: dict[str, Any]) -> None:
        """Remove the session folders of launchers that were killed, not of one that has got their process id since."""
        for process in self.killed.keys() - set(self.left()):
            for folder in session_folders(task, process):
                try:
                    found = os.lstat(folder)
                except OSError:
                    continue
                own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
                if own and found.st_mtime <= self.killed[process]:
                    import shutil

                    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Guard one run."""
    lifeline, report = int(sys.argv[1]), int(sys.argv[2])
    for pipe in (lifeline, report):
        os.set_inheritable(pipe, False)
    guard = Guard(lifeline)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    task = read_task(lifeline)
    # A copy of the driver made by fork would keep the lifeline open, so the driver's end is told by a signal too.
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != task["driver"]:
        return
    started_at = time.monotonic()
    guard.main, problem = start(task, guard.ignored)
    why = guard.wait(None if task["timeout_s"] is None else started_at + task["timeout_s"])
    ended_at = guard.ended_at if why == "ended" else time.monotonic()
    survivors = guard.sweep()
    guard.tidy(task)
    answer = {
        "why": why,
        "status": guard.status,
        "wall_s": ended_at - started_at,
        "cpu_s": sum(os.times()[2:4]),  # of every process of the run that has ended
        "problem": problem,
        "survivors": survivors,
    }
    try:
        os.write(report, marshal.dumps(answer))
    except BrokenPipeError:
        return  # the driver is dead; the run is too


if __name__ == "__main__":
    main()
