"""Which of the earlier trials answers a request, so that nothing is run twice: found in one look, however many."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from autotune.settings import Params
from autotune.store.records import Trial


class Answers:
    """The trials of one search by what they were asked for, and by what took effect. Looks at each trial once."""

    def __init__(self) -> None:
        self._seen = 0
        self._last: Trial | None = None
        self._first: dict[frozenset[tuple[str, Any]], Trial] = {}

    def to(self, wanted: Params, known: Sequence[Trial]) -> Trial | None:
        """The first of the `known` trials that was asked for the same, or for what took effect as the same."""
        if self._seen and (len(known) < self._seen or known[self._seen - 1] is not self._last):  # of another search
            self._seen = 0
            self._first.clear()
        for trial in known[self._seen :]:
            self._add(trial)
        self._seen, self._last = len(known), known[-1] if known else None
        return self._first.get(_key(wanted))

    def _add(self, trial: Trial) -> None:
        if trial.answered_from is not None:
            return
        self._first.setdefault(_key(trial.params), trial)
        # What was refused took effect as something else; its verdict says nothing about that something.
        if trial.verdict != "not applicable" and trial.effective:
            self._first.setdefault(_key(trial.effective), trial)


def _key(settings: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """Settings that are equal have the same one. A file may hold values that no knob has."""
    return frozenset((name, v if isinstance(v, Hashable) else repr(v)) for name, v in settings.items())
