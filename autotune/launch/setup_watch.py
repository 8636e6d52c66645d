"""What a model's set-up does when, seen from outside: the driver reads the memory of ranks on its own machine.

NEURON has no hook on `create` or `new NetCon`, and hoc holds the interpreter, so nothing in the process could look. The
ranks of a profile say where NEURON counts its NetCons and keeps the last section (agent/timeline.py); this thread reads
these places some hundred times a second (process_vm_readv(2)). Reading costs the model nothing and changes nothing.
Where the system forbids it, or a rank is on another machine, there is no such figure.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autotune.agent.library import Item
from autotune.agent.protocol import REPORT_PATTERN, RankReport
from autotune.agent.timeline import NOTE_PATTERN, now_s
from autotune.launch.reports import read_report
from autotune.untrusted import BROKEN, json_of

INTERVAL_S = 0.004
SAME_S = 1.0
"""What lies between two events of one kind that are not further apart belongs to it: a cell's channels, say."""
MOST_RANKS = 8
LONGEST_LABEL = 64
POINTER = ctypes.sizeof(ctypes.c_void_p)


@dataclass
class Seen:
    """What was seen of one rank, in seconds of the machine's clock."""

    creating_s: list[tuple[float, float]] = field(default_factory=list)
    """Intervals in which sections were made,"""
    connecting_s: list[tuple[float, float]] = field(default_factory=list)
    """and NetCons."""
    labels: list[tuple[float, str]] = field(default_factory=list)
    """When the model said what it was doing from then on (`autotune_section`)."""
    looks: int = 0


def total_s(intervals: list[tuple[float, float]], until_s: float) -> float:
    """How long they are, up to that moment."""
    return sum(max(0.0, min(end, until_s) - begin) for begin, end in intervals if begin < until_s)


class Memory:
    """The memory of another process. Raises OSError when it cannot be read (any more)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._read = ctypes.CDLL(None, use_errno=True).process_vm_readv
        self._read.restype = ctypes.c_ssize_t

    def read(self, address: int, size: int) -> bytes:
        """That many bytes."""

        class Vector(ctypes.Structure):
            _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

        buffer = ctypes.create_string_buffer(size)
        ours, theirs = Vector(ctypes.addressof(buffer), size), Vector(address, size)
        one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
        got = self._read(self._pid, ctypes.byref(ours), one, ctypes.byref(theirs), one, none)
        if got < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return buffer.raw[:got]

    def pointer(self, address: int) -> int:
        """The address that is stored there."""
        return int.from_bytes(self.read(address, POINTER), "little")

    def text(self, address: int) -> str:
        """The text that begins there, up to what lies on the same page."""
        size = min(LONGEST_LABEL, 4096 - address % 4096)
        return self.read(address, size).split(b"\0")[0].decode(errors="replace")


class Rank:
    """One process that is looked at again and again."""

    def __init__(self, pid: int, addresses: dict[str, int]) -> None:
        self._memory = Memory(pid)
        self._addresses = addresses
        self._before: dict[str, int] = {}
        self.seen = Seen()
        self.alive = True

    def look(self) -> None:
        """Note what has changed since the last look."""
        try:
            state, label = self._state(), self._label()
        except OSError:
            self.alive = False
            return
        at_s, seen = now_s(), self.seen
        before = self._before or state
        seen.looks += 1
        made = [seen.connecting_s] * (state["netcons"] > before["netcons"])
        made += [seen.creating_s] * (state["sections"] != before["sections"])
        for intervals in made:
            self._extend(intervals, at_s, len(made))
        if label != (seen.labels[-1][1] if seen.labels else ""):
            seen.labels.append((at_s, label))
        self._before = state

    def _extend(self, intervals: list[tuple[float, float]], at_s: float, parts: int) -> None:
        """Something was made in the last interval of looks; of two kinds at once each has its part."""
        last = max((of[-1][1] for of in (self.seen.creating_s, self.seen.connecting_s) if of), default=0.0)
        ours = intervals[-1][1] if intervals else 0.0
        if ours == last and at_s - ours <= SAME_S:  # nothing else was made since
            intervals[-1] = (intervals[-1][0], at_s)
        else:
            intervals.append((at_s - INTERVAL_S / parts, at_s))

    def _state(self) -> dict[str, int]:
        netcons, ring = self._addresses.get("netcons"), self._addresses.get("section_list")
        count = int.from_bytes(self._memory.read(netcons, 4), "little", signed=True) if netcons else 0
        head = self._memory.pointer(ring) if ring else 0
        return {"netcons": count, "sections": self._memory.pointer(head + Item.prev.offset) if head else 0}

    def _label(self) -> str:
        """What the model says in the hoc string `autotune_section` (Objectdata → char** → char*)."""
        data, place = self._addresses.get("hoc_top_level_data"), self._addresses.get("label")
        if not data or place is None:
            return ""
        text = self._memory.pointer(self._memory.pointer(data) + place * POINTER)
        return self._memory.text(self._memory.pointer(text)) if text else ""


def _reports(folder: Path) -> Iterator[RankReport]:
    """What ranks left there; a torn report is none."""
    for file in folder.glob(REPORT_PATTERN):
        with suppress(ValueError, OSError):
            yield read_report(file)


def _notes(folder: Path) -> Iterator[dict[str, Any]]:
    """What ranks noted there; a torn note is none."""
    for file in folder.glob(NOTE_PATTERN):
        with suppress(*BROKEN):
            yield json_of(file)


class SetUpWatch:
    """Looks at the ranks that leave a note in a folder, as long as a run lasts."""

    def __init__(self) -> None:
        self.began_s = self.ended_s = 0.0
        """Of the command, by the machine's clock."""
        self.reports: list[RankReport] = []
        """What the ranks said at their ends, also where the run as a whole proves nothing."""
        self.notes: list[dict[str, Any]] = []
        """How far each rank came, as it has noted: all that there is of one that was killed."""
        self._ranks: dict[int, Rank] = {}
        self._end = threading.Event()

    @property
    def seen(self) -> dict[int, Seen]:
        """What was seen, by process."""
        return {pid: rank.seen for pid, rank in self._ranks.items() if rank.seen.looks}

    @contextmanager
    def over(self, folder: Path) -> Iterator[None]:
        """Look as long as the context lasts."""
        thread = threading.Thread(target=self._look, args=(folder,), name="set-up watch", daemon=True)
        thread.start()
        self.began_s = now_s()
        try:
            yield
        finally:
            self.ended_s = now_s()
            self._end.set()
            thread.join()
            self.reports = sorted(_reports(folder), key=lambda report: report.rank)
            self.notes = list(_notes(folder))

    def _look(self, folder: Path) -> None:
        here, looks = socket.gethostname(), 0
        while not self._end.wait(INTERVAL_S):
            if len(self._ranks) < MOST_RANKS and looks % 5 == 0:
                for said in _notes(folder):
                    with suppress(KeyError):
                        if said["host"] == here:
                            self._ranks.setdefault(said["pid"], Rank(said["pid"], said["addresses"]))
            looks += 1
            for rank in list(self._ranks.values()):
                if rank.alive:
                    rank.look()
