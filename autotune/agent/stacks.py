"""Where the user's Python code spends its time, by samples of the main thread's stack.

A thread looks at it some hundred times a second; while NEURON computes it holds the interpreter, and the time until it
lets go counts for the line that called it. So hoc is never seen inside, only where Python calls it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

INTERVAL_S = 0.005
MOST = 30
RUN, OUTPUT = "run", "output"
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NOT_THE_USERS = (
    _OURS,
    *{sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")},
)


class Stacks:
    """Samples from start() to stop(), divided by the phase that is set from outside."""

    def __init__(self, t_ms: Callable[[], float]) -> None:
        """`t_ms` tells where the integration is."""
        self._t_ms = t_ms
        self._before_ms = 0.0
        self.phase = "set-up"
        self.looks: Dict[str, int] = {}
        """Of each phase, how often it could look: hardly ever while NEURON alone is at work."""
        self._seconds: Dict[str, Dict[str, float]] = {}
        self._main = threading.main_thread().ident or 0
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._look, name="autotune", daemon=True)
        self._thread.start()

    def stop(self) -> Dict[str, List[Tuple[str, float]]]:
        """Of each phase: the lines of the user in which most time was spent, each with its seconds."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(1.0)
        return {phase: sorted(of.items(), key=lambda entry: -entry[1])[:MOST] for phase, of in self._seconds.items()}

    def _look(self) -> None:
        before = time.perf_counter()
        while not self._end.wait(INTERVAL_S):
            frame = sys._current_frames().get(self._main)
            now = time.perf_counter()
            if frame is not None:
                phase = self._phase()
                of = self._seconds.setdefault(phase, {})
                self.looks[phase] = self.looks.get(phase, 0) + 1
                name = _named(frame)
                if name:
                    of[name] = of.get(name, 0.0) + now - before
            before = now

    def _phase(self) -> str:
        """NEURON tells of no end of a run: it is over where t stands still."""
        before_ms, self._before_ms = self._before_ms, self._t_ms()
        return OUTPUT if self.phase == RUN and self._before_ms == before_ms else self.phase


def _named(frame: Any) -> str:
    """The innermost function of the user; else the innermost of all, and none where it works for us."""
    innermost = frame
    ours = False
    while frame is not None:
        if _is_the_users(frame.f_code.co_filename):
            return _name(frame)
        ours = ours or frame.f_code.co_filename.startswith(_OURS)
        frame = frame.f_back
    return "" if ours else _name(innermost)


def _is_the_users(file: str) -> bool:
    return not file.startswith(("<", *_NOT_THE_USERS)) and os.path.isabs(os.path.abspath(file))


def _name(frame: Any) -> str:
    code = frame.f_code
    return "%s:%d %s" % (os.path.basename(code.co_filename), frame.f_lineno, code.co_name)
