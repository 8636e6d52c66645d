"""The schedulers that are known, each in a file of its own here: what is in this folder is found, listed nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from autotune.cluster.schedulers.scheduler import Array, Scheduler
from autotune.errors import UsageError

__all__ = ["SCHEDULERS", "Array", "Scheduler", "find", "job_here", "named"]


def _all() -> dict[str, Scheduler]:
    for module in sorted(found.name for found in iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return {kind.name: kind() for kind in Scheduler.__subclasses__()}


SCHEDULERS = _all()


def named(name: str) -> Scheduler:
    """The scheduler of this name, in any case. Raises UsageError."""
    for scheduler in SCHEDULERS.values():
        if scheduler.name.lower() == name.lower():
            return scheduler
    raise UsageError(f"there is no scheduler {name!r}", cure=f"Known are {', '.join(SCHEDULERS)}.")


def find(environment: Mapping[str, str]) -> Scheduler:
    """The scheduler of this machine. Raises UsageError when there is none."""
    for scheduler in SCHEDULERS.values():
        if scheduler.is_here(environment):
            return scheduler
    programs = ", ".join(f"{each.submit[0]} ({each.name})" for each in SCHEDULERS.values())
    raise UsageError(
        f"no scheduler was found on this machine; looked for {programs}",
        cure="Run it on a login node of your cluster, or name the scheduler: --scheduler slurm --dry-run",
    )


def job_here(environment: Mapping[str, str]) -> str:
    """The job that this process belongs to, as its scheduler names it; empty outside of one."""
    return next(filter(None, (scheduler.job_here(environment) for scheduler in SCHEDULERS.values())), "")
