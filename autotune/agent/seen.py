"""Which processes a watched run has, and which programs its Python processes start: what tells a user the command that
simulates, where the given one only starts it.

A process may be killed, or leave without its exit handlers (workers of multiprocessing do), so each note is a file of
its own, written as soon as there is something to say. It must never raise, print, or import NEURON: it begins before
the user's script does.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any, List, Tuple

FOLDER = "seen"
"""In the folder of the job; it is there in runs that observe, and nothing is noted without it."""
PROCESS, INSIDE, SIMULATES, STARTS = "process", "inside", "simulates", "starts"
# Python's audit events of a program that is started beside this one, with the place of its words.
_EVENTS = {"subprocess.Popen": 1, "os.system": 0, "os.posix_spawn": 1, "os.spawn": 2}


def watch(job_file: str) -> None:
    """This process has begun; note it, and every program that it starts from now on."""
    if not os.path.isdir(os.path.join(os.path.dirname(job_file), FOLDER)):
        return
    note(job_file, PROCESS)

    def hook(event: str, args: Tuple[Any, ...]) -> None:
        if event in _EVENTS:
            note(job_file, STARTS, words=_texts(args[_EVENTS[event]]))

    sys.addaudithook(hook)


def note(job_file: str, kind: str, **facts: Any) -> None:
    """Leave a note of this kind on this process, with what it is and what it descends from."""
    folder = os.path.join(os.path.dirname(job_file), FOLDER)
    if not os.path.isdir(folder):
        return
    try:
        pid = os.getpid()
        said = {"kind": kind, "pid": pid, "host": socket.gethostname(), "folder": os.getcwd(), "words": words_of(pid)}
        said.update(facts, ancestors=[[ancestor, words_of(ancestor)] for ancestor in ancestors()])
        name = "%s-%d-%s-%d.json" % (said["host"], pid, kind, len(os.listdir(folder)))
        with open(os.path.join(folder, name), "w") as file:
            json.dump(said, file)
    except (OSError, ValueError):
        pass  # a disk that is full: the run itself will say so


def words_of(pid: int) -> List[str]:
    """The words with which a process was started; empty where the system does not tell."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return list(getattr(sys, "orig_argv", sys.argv)) if pid == os.getpid() else []


def ancestors() -> List[int]:
    """The ids of the parent process, its parent, and so on; empty where the system does not tell."""
    found: List[int] = []
    pid = os.getppid()
    try:
        while pid > 1:
            found.append(pid)
            with open("/proc/%d/stat" % pid) as stat:
                pid = int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        pass
    return found


def _texts(words: Any) -> List[str]:
    if isinstance(words, (str, bytes, os.PathLike)):
        words = [words]
    return [os.fsdecode(word) for word in words]
