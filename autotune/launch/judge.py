"""Did a run come to its end? Judged by what every rank reported.

It must never believe an exit code alone: Open MPI's wheel ends a timed-out psolve with 0 and a good script that does
not call `quit` with 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from autotune.agent.protocol import RankReport
from autotune.errors import AutotuneError
from autotune.launch.process import Finished

Failure = Literal["crashed", "timeout", "no mpi"]


NO_DELAY = "usable mindelay is 0"  # NEURON's netpar.cpp, on rank 0; the other ranks may wait for ever


class RunFailed(AutotuneError):
    """A run that proves nothing: what happened, its own last lines, and what to do about it."""

    def __init__(self, failure: Failure, message: str, *, cure: str = "", details: str = "") -> None:
        super().__init__(message, cure=cure, details=details)
        self.failure = failure


class SessionBroken(Exception):
    """A run in a session failed, or was not what a fresh process gives: the session is gone, and nothing that it said
    of this run counts. The caller makes the run in a fresh process.
    """

    def __init__(self, failure: RunFailed) -> None:
        super().__init__(failure.message)
        self.failure = failure


def judge(reports: Sequence[RankReport], finished: Finished, asked: int, parallel: bool) -> None:
    """Raise RunFailed unless every rank that was asked for ran to the same final t in one world."""
    try:
        _judge(reports, finished, asked, parallel)
    except RunFailed as failure:
        if NO_DELAY not in finished.stderr.read_text(errors="replace"):
            raise
        raise RunFailed(
            "crashed",
            "a connection between ranks has no delay, and NEURON's fixed step cannot exchange its spikes",
            cure="Run this model on one rank (mpiexec -n 1); threads and CoreNEURON need no exchange.",
            details=failure.details,
        ) from failure


def _judge(reports: Sequence[RankReport], finished: Finished, asked: int, parallel: bool) -> None:
    tail = finished.tail()
    if finished.timed_out:
        raise RunFailed("timeout", f"still running after {finished.wall_s:.0f} s", details=tail)
    failed = next((r for r in reports if r.exception), None)
    if failed is not None:
        raise RunFailed("crashed", f"rank {failed.rank}: {failed.exception}", details=tail)
    if finished.stopped:
        raise RunFailed(
            "crashed",
            f"rank {_first_ended(reports)} ended, and the others went on waiting" if reports else "the run was stopped",
            cure="An error on one rank alone leaves the others in a collective; look at its last lines.",
            details=tail,
        )
    if not reports:
        raise RunFailed(
            "crashed",
            f"the command ended ({finished.describe()}) before any rank reported",
            cure="Either the model failed before its end, or the command runs no NEURON that the agent can reach.",
            details=tail,
        )
    if all(r.signal for r in reports):
        raise RunFailed("crashed", f"ended by {reports[0].signal} from outside", details=tail)
    errors = [error for r in reports for error in r.errors]
    if errors:
        raise RunFailed("crashed", f"inside NEURON: {errors[0]}", details=tail)
    _judge_world(reports, asked, parallel, tail)
    silent = [r.rank for r in reports if not r.sections]
    if silent:
        raise RunFailed("crashed", f"rank {silent[0]} ended without a finitialize: nothing was simulated", details=tail)
    times = {round(r.t_ms, 6) for r in reports}
    if len(times) > 1:
        raise RunFailed("crashed", f"the ranks stopped at different times: {sorted(times)} ms", details=tail)


def _first_ended(reports: Sequence[RankReport]) -> int:
    """The rank that ended by itself; the others report when they are stopped."""
    return next((r.rank for r in reports if not r.signal), reports[0].rank)


def _judge_world(reports: Sequence[RankReport], asked: int, parallel: bool, tail: str) -> None:
    alone = [r for r in reports if r.nhost == 1]
    if parallel and asked > 1 and len(alone) == len(reports):
        raise RunFailed(
            "no mpi",
            f"{asked} ranks were asked for, but NEURON ran {len(reports)} serial copies of the model (nhost is 1)",
            cure="Call h.nrnmpi_init() (or import mpi4py) before the network is built, or give nrniv the option -mpi. "
            f"MPI library in the process: {alone[0].library or 'none'}.",
            details=tail,
        )
    nhost = reports[0].nhost
    ranks = [r.rank for r in reports]
    if ranks != list(range(nhost)):
        missing = sorted(set(range(nhost)) - set(ranks))
        raise RunFailed("crashed", f"{len(ranks)} of {nhost} ranks reported; missing: {missing[:8]}", details=tail)
