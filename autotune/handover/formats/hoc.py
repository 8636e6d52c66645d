"""Code to paste into a hoc model, or a file to load there: a handler that sets everything in finitialize."""

from __future__ import annotations

from autotune.handover.answer import Answer
from autotune.handover.by_hand import Language, write_by_hand

FILE = "tuned.hoc"
HOC = Language(
    name="hoc",
    comment="//",
    begin=(
        "objref tuned_pc, tuned_cvode, tuned",
        "proc set_tuned() {",
    ),
    end=("}", 'tuned = new FInitializeHandler(3, "set_tuned()")'),
    objects={"pc": "tuned_pc", "cvode": "tuned_cvode"},
    made={"pc": "tuned_pc = new ParallelContext()", "cvode": "tuned_cvode = new CVode()"},
)


def text(answer: Answer) -> str:
    """The handler, with comments."""
    return write_by_hand(answer, HOC)
