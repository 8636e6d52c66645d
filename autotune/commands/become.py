"""This process becomes the user's own command, with the answer applied."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from autotune.commands.common import warn

if TYPE_CHECKING:
    from autotune.handover.production import Production


def become(ready: Production) -> None:
    """This process becomes the user's command."""
    tell_warnings(ready)
    os.chdir(ready.folder)
    sys.stdout.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and a program that it becomes would, too
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(ready.argv[0], list(ready.argv), ready.environment)


def tell_warnings(ready: Production) -> None:
    for warning in ready.warnings:
        warn(warning)
