"""The agent of a production run: it sets knobs in each finitialize, as a trial did, and does nothing else.

Nothing is recorded or written, no event is put anywhere, and the run's output and exit code are the model's own; but
for spikes and vectors, where the job asks for them (writing.py).
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from .knobs import KNOBS, in_order_of_application
from .protocol import Job
from .simulator import Simulator
from .termination import Termination

if TYPE_CHECKING:
    from .writing import Writing

BEFORE_STRUCTURE, AFTER_EVERYTHING = 3, 2  # types of FInitializeHandler: the first and the last in finitialize


class Applying:
    """Sets what the job says; lives as long as the process."""

    def __init__(self, job: Job) -> None:
        self._sim = Simulator()
        self._settings = job.settings
        self._handlers: List[Any] = []
        self._told = False
        self._process = os.getpid()
        self._writing = self._made_to_write(job) if job.spikes or job.vectors else None
        if self._writing or any(hasattr(KNOBS[name], "order") for name in job.settings):
            with self._sim.unseen:
                self._handlers = [self._sim.h.FInitializeHandler(BEFORE_STRUCTURE, self._before)]
                if self._writing:
                    self._handlers.append(self._sim.h.FInitializeHandler(AFTER_EVERYTHING, self._begin))
        if self._writing:
            atexit.register(self._finish)
            self._termination = Termination(self._terminated)  # by which Open MPI ends other ranks (watching.py)

    def _made_to_write(self, job: Job) -> Writing:
        from .writing import Writing  # with all that captures: nothing else needs it here

        return Writing(self._sim, job)

    def _before(self) -> None:
        with self._sim.unseen:
            for knob in in_order_of_application():
                if knob.name in self._settings:
                    try:
                        knob.apply(self._sim, self._settings[knob.name], self._settings)
                    except Exception as error:
                        self._tell("not applied: %s: %s: %s" % (knob.name, type(error).__name__, error))
        self._write("before")

    def _begin(self) -> None:
        self._write("begin")

    def _finish(self) -> None:
        self._write("close")
        self._write("finish")
        if self._process == os.getpid():
            self._writing = None
        self._termination.release()

    def _terminated(self) -> bool:
        self._finish()
        return True

    def _write(self, step: str) -> None:
        """A step of what is written; nothing in a copy of the process that the model has forked."""
        if self._writing is None or os.getpid() != self._process:
            return
        take: Optional[Callable[[], None]] = getattr(self._writing, step)
        assert take is not None
        with self._sim.unseen:
            try:
                take()
            except Exception as error:
                self._writing.errors.append("%s: %s: %s" % (step, type(error).__name__, error))

    def _tell(self, text: str) -> None:
        """Once: the run goes on without this setting, and whoever started it must know."""
        if not self._told:
            self._told = True
            print("autotune: %s" % text, file=sys.stderr)
