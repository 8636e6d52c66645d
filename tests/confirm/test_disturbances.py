"""What else ran beside trials and proof is recorded of each run and told with the answer, and never judged by."""

from __future__ import annotations

from dataclasses import asdict

from autotune.confirm.restless import disturbances
from autotune.machine import Disturbed
from autotune.measure import Beside, Rule, Started, confirm, event_from_dict
from autotune.settings import changes_of
from autotune.store.records import Sample, Trial

NOTHING = changes_of({})


def proof(*beside: tuple[Beside, Beside]):
    return confirm({"1": lambda start, order: Started(((2.0, 1.0),), "fresh", beside)}, Rule())


def test_a_proof_tells_what_the_kernel_has_booked_and_its_verdict_is_the_same():
    quiet, busy = Beside(0, 0.01, 0.0, 0.02), Beside(7, 0.5, 0.0, 0.9)
    untold, told = proof(), proof((quiet, busy))
    assert untold.verdict == told.verdict == "improved"
    assert disturbances((), untold) == disturbances((), proof((quiet, quiet))) == []
    assert disturbances((), told) == [
        "During the proof other programs took 1% to 50% of the cores.",
        "During the proof some program waited for a core in 2% to 90% of the time.",
    ]
    pair = told.samples[0]
    assert (pair.trial_interrupted, pair.baseline_others, pair.trial_waited) == (7, 0.01, 0.9)
    assert event_from_dict(asdict(pair)) == pair


def test_where_no_kernel_tells_nothing_is_recorded_and_nothing_told():
    pair = proof().samples[0]
    assert (pair.baseline_others, pair.trial_stolen, pair.trial_waited) == (None, None, None)


def test_a_search_tells_it_too():
    sample = Sample(1.0, 1.0, 1.0, disturbed=(Disturbed(0.0, 0.0), Disturbed(0.0, 0.3), Disturbed(0.0, 0.0)))
    trial = Trial(0, NOTHING, "accepted", samples=(sample,))
    assert disturbances([trial], proof()) == [
        "During the search the host of this virtual machine took 0% to 30% of the cores."
    ]
