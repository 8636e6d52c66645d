"""The machine that a study runs on: cores, load, frequency governor, container limits, and what to warn of."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import psutil

from autotune.agent.affinity import cores_of
from autotune.agent.books import Books

CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
ALLOCATED = "AUTOTUNE_CORES"
"""The variable in which a job script says how many cores its allocation has."""
TAKEN = 0.1  # of all cores, by others or by the host, during a run that is timed
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
    allowed_cores: int | None = None
    """Physical cores that this process is not kept from by its affinity; None where the system does not tell."""

    @property
    def usable_cores(self) -> int:
        """Physical cores that a run started here can really use, at least one."""
        limits = (self.cores, self.usable, self.allowed_cores, self.quota_cores)
        return max(1, int(min(limit for limit in limits if limit is not None)))


@dataclass(frozen=True)
class Disturbed:
    """What else the cores did during a run, as shares of all of them, 0 to 1: told by the kernel, not by its time."""

    others: float
    stolen: float
    waited: float | None = None
    """The share of the run's time in which some program, perhaps a rank, waited for a core; None where the kernel does
    not tell."""


def disturbed_by(booked_s: Books, own_s: float) -> Disturbed | None:
    """What others took of a node by what was booked there during a run whose ranks on it used so many seconds of CPU
    time; None where its kernel does not tell.
    """
    if not {"busy", "stolen", "every"} <= booked_s.keys():
        return None
    every_s, stolen_s = max(booked_s["every"], 1e-9), max(0.0, booked_s["stolen"])
    others_s = max(0.0, booked_s["busy"] - stolen_s - own_s)
    waited = min(1.0, max(0.0, booked_s["waited"]) / max(booked_s["at"], 1e-9)) if "waited" in booked_s else None
    return Disturbed(min(1.0, others_s / every_s), min(1.0, stolen_s / every_s), waited)


def describe_machine() -> Machine:
    """Look at the machine as it is now."""
    threads = psutil.cpu_count() or 1
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return Machine(
        cores=physical_cores(),
        threads=threads,
        usable=threads if allowed is None else len(allowed),
        load=psutil.getloadavg()[0],
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        quota_cores=container_cores(),
        allowed_cores=None if allowed is None else cores_of(allowed),
    )


def usable_cores() -> int:
    """Physical cores that a run started here can really use: not more than affinity and container leave, at least
    one. In a job they are those of its allocation, also on other nodes.
    """
    allocated = os.environ.get(ALLOCATED, "")
    cores = int(allocated) if re.fullmatch(r"[0-9]{1,7}", allocated) else 0
    return cores or describe_machine().usable_cores


def physical_cores() -> int:
    """The number of physical cores, at least one."""
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def cpu_name() -> str:
    """The processor, as the system names it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1) if match else platform.machine()


@cache
def machine_name() -> str:
    """A name for the space in which process ids are unique: host, boot and, in containers, process namespace."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def warnings(machine: Machine, ranks: int, threads: int) -> list[str]:
    """What the user should know before believing a time that was measured here."""
    lines = []
    limit = machine.usable_cores
    if ranks * threads > limit:
        lines.append(
            f"{ranks} ranks x {threads} threads on {limit} cores: they wait for each other, and times say little."
        )
    if machine.load > machine.cores * BUSY_LOAD + ranks * threads:
        lines.append(f"The machine is busy (load {machine.load:.1f} on {machine.cores} cores).")
    if machine.governor in ("powersave", "ondemand", "conservative"):
        lines.append(f"The CPU governor is {machine.governor!r}; 'performance' makes times steadier.")
    if machine.quota_cores is not None and machine.quota_cores < machine.cores:
        lines.append(f"The container may use {machine.quota_cores:g} of {machine.cores} cores; beyond it is throttled.")
    return lines


def told_by_the_kernel(runs: Sequence[Disturbed], during: str = "the A/A runs") -> list[str]:
    """What disturbed timed runs, by the kernel's books, in sentences; nothing where they were alone."""
    lines = []
    for share, what in (("others", "other programs took"), ("stolen", "the host of this virtual machine took")):
        taken = [getattr(run, share) for run in runs]
        if taken and max(taken) > TAKEN:
            lines.append(f"During {during} {what} {min(taken):.0%} to {max(taken):.0%} of the cores.")
    waited = [run.waited for run in runs if run.waited is not None]
    if waited and max(waited) > TAKEN:
        share = f"{min(waited):.0%} to {max(waited):.0%}"
        lines.append(f"During {during} some program waited for a core in {share} of the time.")
    return lines


def container_cores(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> float | None:
    """The smallest limit of this process's control group and those above it, in cores (both versions of cgroups)."""
    found = []
    for line in _read(own).splitlines():
        controllers, _, group = line.partition(":")[2].partition(":")
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        top = root / controllers if controllers else root
        path = PurePosixPath(group.lstrip("/"))
        found += [_limit(top / folder) for folder in (path, *path.parents)]
    return min((limit for limit in found if limit is not None), default=None)


def _limit(group: Path) -> float | None:
    """The limit of one control group, in cores."""
    limit, _, period = _read(group / "cpu.max").partition(" ")  # version 2
    if not limit:
        limit, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")  # version 1: -1 for none
    return int(limit) / int(period) if limit.isdigit() and period.isdigit() else None


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
