"""What the kernel has booked on the cores of this node: whether something else ran beside a run is told by its books,
and never by the run's own time.

Reading them must never raise: where the kernel does not tell (another system, a container that hides it) there is
nothing.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Dict

STAT = Path("/proc/stat")
PRESSURE = Path("/proc/pressure/cpu")  # Linux since 4.20
IDLE, WAITING_FOR_DISK, STOLEN, GUESTS = 3, 4, 7, 8  # places in the first line of STAT; guests stand in others, too

Books = Dict[str, float]
"""Seconds since the machine was started: `busy` of all hardware threads, also what was `stolen` by the host of a
virtual machine, `every` one of them, and `waited` those in which some program that could run had no core; `at` is a
clock that only goes forward. What the kernel does not tell is missing.
"""


def books() -> Books:
    """The books now."""
    found = {"at": time.monotonic()}
    try:
        with STAT.open() as file:
            ticks = [int(word) for word in file.readline().split()[1 : GUESTS + 1]]
        every, second = float(sum(ticks)), float(os.sysconf("SC_CLK_TCK"))
        idle = ticks[IDLE] + ticks[WAITING_FOR_DISK]
        found.update(busy=(every - idle) / second, stolen=ticks[STOLEN] / second, every=every / second)
        waited = re.search(r"^some .*total=(\d+)", PRESSURE.read_text(), re.MULTILINE)
        if waited:
            found["waited"] = int(waited.group(1)) / 1e6
    except (OSError, ValueError, IndexError):
        pass
    return found


def since(before: Books) -> Books:
    """What was booked since an earlier reading."""
    now = books()
    return {name: now[name] - before[name] for name in now if name in before}
