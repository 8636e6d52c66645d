"""How the agent begins in a process of the user's model, with as much of it as the job needs: a production run, which
only sets knobs, loads nothing else.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from . import seen
from .protocol import JOB_VARIABLE, Job, read_message

_agent: Any = None  # lives as long as the process


def install(hoc: bool = False) -> None:
    """Start the agent in this process, once, if the environment names a job; and hide our folder from the script.

    `hoc`: the model is one, Python is there only where it asks for it.
    """
    global _agent
    path = os.environ.get(JOB_VARIABLE)
    if path and _agent is None:
        message = read_message(path)
        if isinstance(message, Job) and message.apply_only:
            from .applying import Applying

            _agent = Applying(message)
        else:
            from .watching import Watching

            seen.note(path, seen.INSIDE)
            _agent = Watching(message, hoc)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for words in (sys.path, getattr(sys, "argv", [])):  # nrniv lists pre.hoc among its arguments
        words[:] = [word for word in words if word not in (here, os.path.join(here, "pre.hoc"))]
