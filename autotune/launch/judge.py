"""Did a run come to its end? Judged by what every rank reported.

It must never believe an exit code alone: Open MPI's wheel ends a timed-out psolve with 0 and a good script that does
not call `quit` with 1. Every message of it is provoked by a real run in tests/e2e/test_judge.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from autotune.agent.protocol import RankReport, RunSection
from autotune.errors import AutotuneError
from autotune.launch.family import Family
from autotune.launch.panels import buttons_cure
from autotune.launch.printed import complaints_in, printed_in
from autotune.launch.process import Finished
from autotune.report.format import counted

Failure = Literal["crashed", "timeout", "no mpi"]

NO_DELAY = "usable mindelay is 0"  # NEURON's netpar.cpp, on rank 0; the other ranks may wait for ever
CAUGHT = re.compile(r"^(Segmentation violation|Bus error)$", re.MULTILINE)  # of hoc, which then goes on
IDLE = 0.1  # a process that computes for a smaller share of its time is waiting
HELPERS_SHARE = 0.2  # child processes that simulate for a larger share of the model's own time are part of the model
KEY = ("EOFError", "OSError: [Errno 6]", "error: (25", "OSError: [Errno 25]")  # input(), /dev/tty, a terminal's mode


class RunFailed(AutotuneError):
    """A run that proves nothing: what happened, its own last lines, and what to do about it."""

    def __init__(self, failure: Failure, message: str, *, cure: str = "", details: str = "", log: str = "") -> None:
        super().__init__(message, cure=cure, details=details, log=log)
        self.failure = failure


class SessionBroken(Exception):
    """A run in a session failed, or was not what a fresh process gives: the session is gone, and nothing that it said
    of this run counts. The caller makes the run in a fresh process.
    """

    def __init__(self, failure: RunFailed) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Evidence:
    """What there is to judge a run by."""

    reports: Sequence[RankReport]
    """Of the processes that simulate; of all, where none does."""
    finished: Finished
    asked: int
    """Ranks."""
    parallel: bool
    """The command has a launcher."""
    folder: Path
    """Where the program runs."""
    helpers: Sequence[RankReport] = ()
    """Of processes that the others have started and that simulate, too."""
    family: Family = field(default_factory=Family)

    def failed(self, message: str, cure: str = "", failure: Failure = "crashed") -> RunFailed:
        return RunFailed(failure, message, cure=cure, details=self.finished.tail())


def worked_by_jobs(reports: Sequence[RankReport]) -> bool:
    """Whether the ranks of one world simulate by themselves, or in subworlds, so that each comes to an end of its own:
    jobs of the bulletin board, and whatever is dealt out without an exchange of spikes.
    """
    first = reports[0]
    if first.nhost < 2:
        return False
    together = any(r.output_gids for r in reports) or any(s.transfer_s for r in reports for s in r.sections)
    return any(r.subsize < r.nhost for r in reports) or not together


def _run_s(section: RunSection) -> float:
    """How long it was integrated; what the script did afterwards counts only where neither timer knows better."""
    return section.psolve_s or section.clock_s or section.until_next_s


def judge(evidence: Evidence) -> None:
    """Raise RunFailed unless every rank that was asked for ran to its end in one world."""
    try:
        _judge(evidence)
    except RunFailed as failure:
        if NO_DELAY not in printed_in(evidence.finished.stderr):
            raise
        raise RunFailed(
            "crashed",
            "a connection between ranks has no delay, and NEURON's fixed step cannot exchange its spikes",
            cure="Run this model on one rank (mpiexec -n 1); threads and CoreNEURON need no exchange.",
            details=failure.details,
        ) from failure


def _judge(evidence: Evidence) -> None:
    reports = evidence.reports
    if evidence.finished.timed_out:
        raise _too_long(evidence)
    _judge_exceptions(evidence)
    if evidence.finished.stopped:
        raise evidence.failed(
            f"rank {_first_ended(reports)} ended, and the others went on waiting",
            "An error on one rank alone leaves the others in a collective; look at its last lines.",
        )
    _judge_children(evidence)
    if not reports:
        raise _nothing_came_back(evidence)
    errors = [error for r in reports for error in r.errors]
    if errors:
        raise evidence.failed(
            f"inside NEURON: {errors[0]}",
            "The agent could not do its work in this model: this is a fault of the tuner. Please report it with the "
            "line above and the command.",
        )
    caught = CAUGHT.search(printed_in(evidence.finished.stderr))
    if caught:
        raise evidence.failed(
            f"NEURON caught a crash of its own and went on ({caught[1].lower()}): what the run shows proves nothing",
            "Run the command by itself: if it says the same, repair the model; if not, this is a fault of the tuner.",
        )
    _judge_world(evidence)
    if all(r.signal for r in reports):
        raise evidence.failed(
            f"ended by {reports[0].signal} from outside",
            "Look who ends it: a limit of the batch system, too little memory, another user. Then run the same command "
            "again.",
        )
    _judge_ends(evidence)


def _too_long(evidence: Evidence) -> RunFailed:
    finished = evidence.finished
    said = f"still running after {finished.wall_s:.0f} s"
    if finished.cpu_s is None or finished.cpu_s > IDLE * finished.wall_s:
        return evidence.failed(
            said, "Give a longer limit (timeout_s under [run]), or a shorter run of the model.", "timeout"
        )
    return evidence.failed(
        f"{said}, of which it computed for {finished.cpu_s:.1f} s: it waits",
        "Nobody closes a window or presses a key here: leave out what waits for one (a plot, a panel, doNotify), or "
        "give a longer limit (timeout_s under [run]) where it waits for something else.",
        "timeout",
    )


def _judge_exceptions(evidence: Evidence) -> None:
    failed = next((r for r in evidence.reports if r.exception), None)
    if failed is None:
        return
    cure = ""
    if failed.exception.startswith(KEY):
        cure = (
            "It reads a key or a line from the terminal (input(), /dev/tty), and there is nobody to type: take the "
            "value from an argument, a variable or a file."
        )
    raise evidence.failed(f"rank {failed.rank}: {failed.exception}", cure)


def _judge_children(evidence: Evidence) -> None:
    """The command may only start what simulates: then that is what must be tuned."""
    workers = evidence.family.workers(r.pid for r in evidence.reports)
    if workers:
        raise evidence.failed(
            f"NEURON runs in {counted(len(workers), 'worker')} that the model starts (multiprocessing or the like)",
            "Only processes that are ranks of one world, or that simulate by themselves, can be tuned: give a command "
            "that does one of these simulations (one call of the worker's function), or all of them in one process "
            "(map instead of pool.map) or as jobs of the bulletin board (pc.submit, pc.working) under mpiexec.",
        )
    own_s, helpers_s = (
        sum(_run_s(section) for report in reports for section in report.sections)
        for reports in (evidence.reports, evidence.helpers)
    )
    if helpers_s > HELPERS_SHARE * own_s and not _serial_copies(evidence):
        raise _tune_the_inner(
            evidence, f"NEURON simulates in {counted(len(evidence.helpers), 'program')} that the model starts"
        )
    if _several_worlds(evidence):
        launcher = evidence.family.one_launcher(r.pid for r in evidence.reports)
        if launcher and all(r.nhost == 1 for r in evidence.reports):
            copies = f"{launcher}, which the command starts, runs {len(evidence.reports)} serial copies of NEURON"
            raise _tune_the_inner(evidence, f"{copies} (nhost is 1)", f"{_ONE_WORLD} ")
        raise _tune_the_inner(evidence, f"the command starts NEURON {_starts(evidence)} times")
    there = {report.pid for report in evidence.reports}
    lost = [process for process in evidence.family.simulating if process.ancestors and process.pid not in there]
    torn = any(r.nhost > len(evidence.reports) or r.signal for r in evidence.reports if r.nhost > 1)
    if not evidence.parallel and (torn or (lost and not any(r.simulated for r in evidence.reports))):
        raise _tune_the_inner(evidence, "NEURON runs in processes that the command starts, and they were ended early")
    if not any(r.simulated for r in evidence.reports) and evidence.family.inner(evidence.folder):
        raise _tune_the_inner(evidence, "the command itself simulates nothing: NEURON runs in what it starts")


def _tune_the_inner(evidence: Evidence, what: str, before: str = "") -> RunFailed:
    inner = evidence.family.inner(evidence.folder)
    if not inner:
        return evidence.failed(what, before + "Tune the command that simulates: give that one itself.")
    more = f" (or one of the {len(inner) - 1} others)" if len(inner) > 1 else ""
    return evidence.failed(what, f"{before}Tune the inner command{more}: {inner[0]}")


def _serial_copies(evidence: Evidence) -> bool:
    reports = evidence.reports
    return evidence.parallel and evidence.asked > 1 and bool(reports) and all(r.nhost == 1 for r in reports)


def _several_worlds(evidence: Evidence) -> bool:
    reports = evidence.reports
    ranks = [r.rank for r in reports]
    return len(set(ranks)) < len(ranks) and not (_serial_copies(evidence) and len(reports) <= evidence.asked)


def _starts(evidence: Evidence) -> int:
    ranks = [r.rank for r in evidence.reports]
    return max(map(ranks.count, ranks))


def _nothing_came_back(evidence: Evidence) -> RunFailed:
    family, finished = evidence.family, evidence.finished
    if family.with_agent:
        complaint = _complaint(finished)
        return evidence.failed(
            f"NEURON ended by itself ({finished.describe()})" + (f"; it complained: {complaint}" if complaint else ""),
            _END_IT if finished.exit_code == 0 and not complaint else "Repair what its last lines say, then try again.",
        )
    for program in ("nrniv", "special", "nrngui"):
        entered = family.entered(program)
        if entered:
            command = (family.inner(evidence.folder) or [" ".join(entered.words)])[0]
            return evidence.failed(
                f"{program} ran behind another program, where the agent cannot get in where it runs hoc",
                f"Give the command itself: {command}",
            )
    if finished.signal is not None:
        return evidence.failed(
            f"the command {finished.describe()}, before any rank reported",
            "A crash of NEURON, of a mechanism or of a library; or somebody killed it, as the kernel does where memory "
            "runs out.",
        )
    if family.pythons:
        return evidence.failed(
            f"the command ended ({finished.describe()}) before any rank reported: its Python did not import NEURON",
            "Either the model failed before it did, or the command runs no NEURON.",
        )
    return evidence.failed(
        f"the command ended ({finished.describe()}) before any rank reported",
        "Either it runs no NEURON that the agent can reach, or something in it keeps out the variable PYTHONPATH, by "
        "which the agent comes in: python -E or -I, env -i, a script that sets PYTHONPATH, sudo, ssh, a container.",
    )


def _first_ended(reports: Sequence[RankReport]) -> int:
    """The rank that ended by itself; the others report when they are stopped."""
    return next((r.rank for r in reports if not r.signal), reports[0].rank)


def _judge_world(evidence: Evidence) -> None:
    reports = evidence.reports
    if _serial_copies(evidence):
        raise evidence.failed(
            f"{evidence.asked} ranks were asked for, but NEURON ran {len(reports)} serial copies of the model (nhost "
            "is 1)",
            f"{_ONE_WORLD} MPI library in the process: {reports[0].library or 'none'}.",
            "no mpi",
        )
    nhost = reports[0].nhost
    ranks = {r.rank for r in reports}
    if len(reports) != nhost or ranks != set(range(nhost)):
        missing = list(islice((rank for rank in range(nhost) if rank not in ranks), 8))
        raise evidence.failed(
            f"{len(reports)} of {nhost} ranks reported; missing: {missing}",
            "A rank that ends without a report was killed, or ended itself (os._exit, a crash): look at its last "
            "lines, and whether the memory suffices for all ranks.",
        )


def _judge_ends(evidence: Evidence) -> None:
    """Every rank simulated, to the same end; where they work at jobs of their own, some rank did."""
    reports = evidence.reports
    by_jobs = worked_by_jobs(reports)
    idle = [r for r in reports if not r.simulated]
    if len(idle) == len(reports) or (idle and not by_jobs):
        raise _nothing_simulated(evidence, idle[0])
    times = {round(r.t_ms, 6) for r in reports}
    if len(times) > 1 and not by_jobs:
        raise evidence.failed(
            f"the ranks stopped at different times: {sorted(times)[:8]} ms",
            "All ranks of one network must be integrated up to the same t: look for a tstop, or a way out of a loop, "
            "that depends on the rank.",
        )


def _nothing_simulated(evidence: Evidence, idle: RankReport) -> RunFailed:
    what = "took no step after finitialize" if idle.sections else "ended without a finitialize"
    message = f"rank {idle.rank} {what}: nothing was simulated"
    complaint = "; ".join(filter(None, (idle.survived, _complaint(evidence.finished))))
    if complaint:
        return evidence.failed(
            f"{message}; NEURON complained: {complaint}", "Repair what it complains of, then try again."
        )
    command = evidence.finished.argv
    cure = buttons_cure(command, evidence.folder)
    return evidence.failed(message + (": only panels were made" if cure else ""), cure or _START_IT)


def _complaint(finished: Finished) -> str:
    """What hoc said first of an error; empty where it said nothing."""
    return next(iter(complaints_in(finished.stderr)), "")


_ONE_WORLD = "Call h.nrnmpi_init() (or import mpi4py) before the network is built, or give nrniv the option -mpi."
_END_IT = (
    "It ended without Python's exit handlers, so that nothing could be reported: end it by sys.exit() or h.quit(), not "
    "by os._exit() or a signal."
)
_START_IT = (
    "Give a command that also starts the run, without a key or a button: nrniv model.hoc -c 'run()', or h.run() at the "
    "end of the Python script."
)
