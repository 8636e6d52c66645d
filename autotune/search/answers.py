"""What the earlier trials of a search say of the next one: which of them answers it, and the best ratio so far.

Each trial is looked at once, so that the next one costs the same however many there were.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from autotune.settings import Params
from autotune.store.records import Trial


class Answers:
    """The trials of one search by what they were asked for, and by what took effect."""

    def __init__(self) -> None:
        self._seen = 0
        self._last: Trial | None = None
        self._first: dict[frozenset[tuple[str, Any]], Trial] = {}
        self._best = 1.0

    def to(self, wanted: Params, known: Sequence[Trial]) -> Trial | None:
        """The first of the `known` trials that was asked for the same, or for what took effect as the same."""
        self._look(known)
        return self._first.get(_key(wanted))

    def best_ratio(self, known: Sequence[Trial]) -> float:
        """The lowest ratio of an accepted one of the `known` trials, at most 1: that of the user's own settings."""
        self._look(known)
        return self._best

    def _look(self, known: Sequence[Trial]) -> None:
        if self._seen and (len(known) < self._seen or known[self._seen - 1] is not self._last):  # of another search
            self._seen, self._best = 0, 1.0
            self._first.clear()
        for trial in known[self._seen :]:
            self._add(trial)
        self._best = min(self._best, best_ratio(known[self._seen :]))
        self._seen, self._last = len(known), known[-1] if known else None

    def _add(self, trial: Trial) -> None:
        if trial.answered_from is not None:
            return
        self._first.setdefault(_key(trial.params), trial)
        # What was refused took effect as something else; its verdict says nothing about that something.
        if trial.verdict != "not applicable" and trial.effective:
            self._first.setdefault(_key(trial.effective), trial)


def best_ratio(known: Sequence[Trial]) -> float:
    """The lowest ratio of an accepted trial, at most 1: the user's own settings are always there."""
    return min([1.0, *(t.ratio for t in known if t.accepted and t.changes and t.ratio is not None)])


def _key(settings: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """Settings that are equal have the same one. A file may hold values that no knob has."""
    return frozenset((name, v if isinstance(v, Hashable) else repr(v)) for name, v in settings.items())
