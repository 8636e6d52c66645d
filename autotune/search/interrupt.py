"""Ctrl-C in the middle of a trial: the first one lets the trial come to its end, the second one stops at once.

SIGTERM and SIGHUP stop at once, whatever happens: who sends them will not wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def to_its_end(on_first: Callable[[], object]) -> Iterator[None]:
    """What is inside is finished before the first Ctrl-C raises KeyboardInterrupt; the second one raises it at once.

    `on_first` is told of the first. Does nothing where Ctrl-C is handled in another way: ignored, or in a notebook.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    pressed = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        on_first()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt
