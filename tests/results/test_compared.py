"""What was compared, in words, and how far it lies from the border of what is accepted."""

from __future__ import annotations

import pytest

from autotune.results import FARTHEST, Compared, condensed, distance_of, in_words, violation_of, worst

SPIKES = Compared("spikes", "", "identical", number=1599)
FILES = [Compared("file", name, "identical") for name in ("a.csv", "b.npy", "c.h5")]


def test_what_was_looked_at_is_counted_in_words() -> None:
    assert in_words([SPIKES, *FILES]) == "1,599 spikes, 3 files: identical"
    near = Compared("file", "d.csv", "within", 0.4)
    assert in_words([SPIKES, near]) == "1,599 spikes, 1 file: within 0.4 of what is accepted"
    assert in_words([]) == ""


def test_what_was_not_compared_is_said_and_never_counted() -> None:
    pickle = Compared("file", "results.pkl", "not compared", says="a pickle is never opened")
    assert in_words([SPIKES, pickle]) == "1,599 spikes: identical; not compared: results.pkl"
    assert in_words([pickle]) == "not compared: results.pkl"


def test_the_farthest_of_what_differs_decides() -> None:
    far = [Compared("file", "a", "different", 3.0), Compared("trace", "b", "different", 8.0), *FILES]
    assert worst(far) == far[1]
    assert worst(FILES) is None


@pytest.mark.parametrize("distance", [1.5, 2.0, 100.0, FARTHEST])
def test_the_constraint_is_a_distance_beyond_the_border(distance: float) -> None:
    assert 0 < violation_of(distance) <= 1
    assert distance_of(violation_of(distance)) == pytest.approx(distance)


def test_a_record_of_ten_thousand_files_stays_small() -> None:
    many = [Compared("file", f"{i}.csv", "identical" if i % 2 else "within", 0.1) for i in range(10_000)]
    short = condensed(many)
    assert len(short) < 30
    assert in_words(short) == in_words(many) == "10,000 files: within 0.1 of what is accepted"
