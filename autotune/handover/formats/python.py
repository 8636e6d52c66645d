"""Code to paste into a Python model, or a module to import there: a handler that sets everything in finitialize."""

from __future__ import annotations

from autotune.handover.answer import Answer
from autotune.handover.by_hand import Language, write_by_hand

FILE = "tuned.py"
PYTHON = Language(
    name="python",
    comment="#",
    begin=(
        "from neuron import h",
        "",
        "",
        "def set_tuned():",
    ),
    end=("", "", "tuned = h.FInitializeHandler(3, set_tuned)  # keep it: without a name it is gone"),
    objects={"pc": "pc", "cvode": "cvode"},
    made={"pc": "pc = h.ParallelContext()", "cvode": "cvode = h.CVode()"},
)


def text(answer: Answer) -> str:
    """The handler, with comments."""
    return write_by_hand(answer, PYTHON)
