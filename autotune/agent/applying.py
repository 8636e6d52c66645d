"""The agent of a production run: it sets knobs in each finitialize, as a trial did, and does nothing else.

Nothing is recorded or written, no event is put anywhere, and the run's output and exit code are the model's own.
"""

from __future__ import annotations

import sys
from typing import Any

from .knobs import KNOBS, in_order_of_application
from .protocol import Job
from .simulator import Simulator

BEFORE_STRUCTURE = 3  # the type of FInitializeHandler that comes first in finitialize


class Applying:
    """Sets what the job says; lives as long as the process."""

    def __init__(self, job: Job) -> None:
        self._sim = Simulator()
        self._settings = job.settings
        self._handler: Any = None
        self._told = False
        if any(hasattr(KNOBS[name], "order") for name in job.settings):
            with self._sim.unseen:
                self._handler = self._sim.h.FInitializeHandler(BEFORE_STRUCTURE, self._apply)

    def _apply(self) -> None:
        with self._sim.unseen:
            for knob in in_order_of_application():
                if knob.name in self._settings:
                    try:
                        knob.apply(self._sim, self._settings[knob.name], self._settings)
                    except Exception as error:
                        self._tell("%s: %s: %s" % (knob.name, type(error).__name__, error))

    def _tell(self, text: str) -> None:
        """Once: the run goes on without this setting, and whoever started it must know."""
        if not self._told:
            self._told = True
            print("autotune: not applied: %s" % text, file=sys.stderr)
