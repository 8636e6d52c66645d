"""Several reports can follow one study: each is told everything, in the order in which it happens."""

from __future__ import annotations

import inspect

import pytest

from autotune.report.progress import EVENTS, Progress, Reports


class Notes(Progress):
    """Writes down what it is told."""

    def __init__(self, notes: list) -> None:
        for event in EVENTS:
            setattr(self, event, lambda *what, event=event: notes.append((self, event, what)))


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_reaches_every_report(event):
    notes: list = []
    one, other = Notes(notes), Notes(notes)
    what = tuple(inspect.signature(getattr(Progress(), event)).parameters)
    getattr(Reports(one, other), event)(*what)
    assert notes == [(one, event, what), (other, event, what)]


def test_a_report_takes_what_it_cares_for_and_leaves_the_rest():
    class Ends(Progress):
        reasons: tuple[str, ...] = ()

        def stopped(self, reason: str) -> None:
            self.reasons += (reason,)

    ends = Ends()
    reports = Reports(ends)
    reports.searching([], None)
    reports.stopped("30 trials were made")
    assert ends.reasons == ("30 trials were made",)


def test_a_step_is_known_by_its_name_whatever_the_reports_answer():
    assert Reports(Notes([])).step("plan") == Reports().step("plan") == "plan"
