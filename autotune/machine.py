"""The machine that a study runs on: cores, load, frequency governor, container limits, and what to warn of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

BUSY_LOAD = 0.5  # more than half a core busy with something else, before we start


@dataclass(frozen=True)
class Machine:
    """What may disturb or limit the timing of runs."""

    cores: int
    """Physical cores."""
    threads: int
    """Hardware threads, of which `usable` may be used by this process."""
    usable: int
    load: float
    """Mean number of running processes over the last minute."""
    governor: str
    """The CPU frequency governor; empty when the system does not tell."""
    quota_cores: float | None
    """The container's limit in cores; None without one."""


def describe_machine() -> Machine:
    """Look at the machine as it is now."""
    threads = psutil.cpu_count() or 1
    return Machine(
        cores=physical_cores(),
        threads=threads,
        usable=len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else threads,
        load=psutil.getloadavg()[0],
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        quota_cores=_quota(),
    )


def physical_cores() -> int:
    """The number of physical cores, at least one."""
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def warnings(machine: Machine, ranks: int, threads: int) -> list[str]:
    """What the user should know before believing a time that was measured here."""
    lines = []
    limit = min(filter(None, (machine.cores, machine.usable, machine.quota_cores)))
    if ranks * threads > limit:
        lines.append(
            f"{ranks} ranks x {threads} threads on {limit:g} cores: they wait for each other, and times say little."
        )
    if machine.load > machine.cores * BUSY_LOAD + ranks * threads:
        lines.append(f"The machine is busy (load {machine.load:.1f} on {machine.cores} cores).")
    if machine.governor in ("powersave", "ondemand", "conservative"):
        lines.append(f"The CPU governor is {machine.governor!r}; 'performance' makes times steadier.")
    if machine.quota_cores is not None and machine.quota_cores < machine.cores:
        lines.append(f"The container may use {machine.quota_cores:g} of {machine.cores} cores; beyond it is throttled.")
    return lines


def _quota() -> float | None:
    limit, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    return int(limit) / int(period) if limit.isdigit() and period.isdigit() else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
