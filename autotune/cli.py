"""The command line as a program: its words, its signals and its exit code. The commands are in `commands`.

Everything after `--` is the user's own command, kept as it was typed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

from autotune.commands import app, tell
from autotune.errors import AutotuneError, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake ends with one message and no traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    command: list[str] | None = None
    if "--" in words:
        split = words.index("--")
        words, command = words[:split], words[split + 1 :]
    for number in (signal.SIGTERM, signal.SIGHUP):  # end a study in the same orderly way as Ctrl-C
        if signal.getsignal(number) == signal.SIG_DFL:  # not with nohup
            signal.signal(number, _stop)
    try:
        app(args=words, prog_name="python -m autotune", obj=command)
    except AutotuneError as error:
        return tell(error)
    except KeyboardInterrupt:  # a second one, while the first was being answered
        return ExitCode.INTERRUPTED
    except SystemExit as end:  # typer has printed its message
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    return ExitCode.DONE


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
