"""What is still to be done when this process is ended by SIGTERM; then it dies of it as it would have without us.

A copy of the process that the model forks (multiprocessing) has the signal's default again before it could come: Python
forgets signals that arrive while it forks, and with a handler of ours a pool's last worker would wait for ever.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, Callable, Optional


class Termination:
    """Calls `last()` when SIGTERM comes, if nobody else has a use for that signal; it says whether to die of it now."""

    def __init__(self, last: Callable[[], bool]) -> None:
        self._last: Optional[Callable[[], bool]] = None
        self._masked = threading.local()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            self._last = last
            signal.signal(signal.SIGTERM, self._terminated)
            os.register_at_fork(before=self._before, after_in_parent=self._unmask, after_in_child=self._in_child)

    def release(self) -> None:
        """Put the default back; does nothing where the signal was not ours."""
        if self._last and signal.getsignal(signal.SIGTERM) == self._terminated:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _terminated(self, number: int, frame: Any) -> None:
        assert self._last is not None
        if self._last():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _before(self) -> None:
        self._masked.old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _unmask(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masked.old)

    def _in_child(self) -> None:
        self.release()
        self._unmask()
