"""The life of one process of the user's model with the agent inside: it comes in, serves if it is told to, and reports.

It must never raise into the user's code and never print; see report.py for what goes wrong.

Open MPI 5 sends SIGTERM to all ranks as soon as one ends without MPI_Finalize, which every Python script does that
falls off its end. So a rank that is still on its way out leaves its report when that signal comes, and then dies of it
as it would have without us.
"""

from __future__ import annotations

import atexit
import os
from dataclasses import replace
from functools import partial
from typing import Union

from .passes import Passes
from .protocol import Job, Service
from .report import Report
from .session import Replay, fork_for, may_fork, requests
from .simulator import Simulator
from .termination import Termination
from .timeline import Timeline


class Watching:
    """Watches one process of the user's model from the import of NEURON to its exit."""

    def __init__(self, message: Union[Job, Service], hoc: bool = False) -> None:
        self._service = message if isinstance(message, Service) else None
        job = message.job if isinstance(message, Service) else message
        self._process = os.getpid()
        self._sim = Simulator()
        self._report = Report(self._sim, job)
        self._report.hoc_is_the_model = hoc
        self._timeline = Timeline(self._sim, job) if job.profile else None
        if self._timeline:
            self._timeline.before()
        self._passes = Passes(self._sim, job, self._report, several=self._service is not None)
        if self._timeline:
            self._timeline.after()
        if self._service:
            self._passes.call_at(self._service.at, self._serve)
        self._serving = self._finishing = False
        atexit.register(self._report.guarded(self._finish))
        self._termination = Termination(self._terminated)

    def _serve(self) -> None:
        """The main run is about to begin: from here on this process serves requests."""
        assert self._service is not None
        self._passes.start()
        if not self._service.fork:
            self._replay(self._service)
        elif may_fork(self._sim):
            self._become(fork_for(self._service.folder), self._service)
        else:
            raise RuntimeError("this process cannot be forked: it has threads or an MPI library")

    def _become(self, job: Job, service: Service) -> None:
        """From here on this process, or this copy of it, works for one request of the session."""
        self._process = os.getpid()
        self._report.begin(job)
        self._passes.begin(replace(job, sampling=service.sampling))

    def _replay(self, service: Service) -> None:
        """Replay the network for one request after the other; does not return."""
        self._sim.unseen.give_up()
        self._serving = self._finishing = True  # what ends this process from now on is not the end of a run
        replay = Replay(self._sim, service.own)
        for request in requests(service.folder):
            assert request.again is not None
            # No event ends this run early: it is integrated to its end and no further.
            self._become(replace(request.job, settings=replay.settings(request.job), stop_ms=None), service)
            self._report.guarded(partial(replay.run, request.job, request.again))()
            self._write_report()
            replay.rest(request.job)

    def _finish(self) -> None:
        """At exit. A child that the model has forked is no rank."""
        if self._finishing or os.getpid() != self._process:
            return
        self._finishing = True
        self._write_report()
        self._report.guarded(self._passes.release)()
        self._termination.release()

    def _terminated(self) -> bool:
        """Report before the process dies of SIGTERM; when the report is being written already, let that end first."""
        if self._finishing and not self._serving:
            return False
        self._report.rank.signal = "SIGTERM"
        self._report.guarded(self._finish)()
        return True

    def _write_report(self) -> None:
        self._report.guarded(self._passes.close)()
        if self._timeline:
            self._report.guarded(self._profile)()
        self._report.write()

    def _profile(self) -> None:
        assert self._timeline is not None
        self._report.rank.profile = self._timeline.told()
