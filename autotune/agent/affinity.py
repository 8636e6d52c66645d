"""The physical cores behind the logical CPUs that a process may use (Linux tells; other systems bind nothing)."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Set

SIBLINGS = "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"


def siblings(cpu: int) -> Set[int]:
    """The logical CPUs of the physical core of `cpu`."""
    try:
        parts = Path(SIBLINGS % cpu).read_text().strip().split(",")
    except OSError:
        return {cpu}
    ranges = [part.partition("-") for part in parts]
    return {number for low, _, high in ranges for number in range(int(low), int(high or low) + 1)}


def cores_of(cpus: Iterable[int]) -> int:
    """The number of physical cores that these logical CPUs belong to."""
    return len({min(siblings(cpu)) for cpu in cpus})
