"""best.json: settings, proof, and everything needed to know what they were proved on."""

from __future__ import annotations

from autotune.best import as_json
from autotune.handover.answer import Answer

FILE = "best.json"


def text(answer: Answer) -> str:
    """As its schema says."""
    return as_json(answer.best)
