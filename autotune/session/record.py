"""What is found out about sessions in a study, and written down as soon as it is decided: resident.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

FORK = "fork"


@dataclass(frozen=True)
class SessionRecord:
    """Whether runs are made in sessions, and how."""

    RECORD: ClassVar[str] = "resident"

    way: str = ""
    """How each run is started: one of agent.session.WAYS, or "fork"; empty where every run is a fresh process."""
    note: str = ""
    """In words: the proof, or why not."""
    broken: tuple[str, ...] = ()
    """What ended sessions before their time."""
