"""This process becomes the user's own command, with the answer applied."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from rich.markup import escape

from autotune.commands.common import errors

if TYPE_CHECKING:
    from autotune.handover.production import Production


def become(ready: Production) -> None:
    """This process becomes the user's command."""
    warn(ready)
    os.chdir(ready.folder)
    sys.stdout.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and a program that it becomes would, too
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(ready.argv[0], list(ready.argv), ready.environment)


def warn(ready: Production) -> None:
    for warning in ready.warnings:
        errors.print(f"[yellow]autotune:[/] {escape(warning)}", highlight=False, soft_wrap=True)
