"""What the tests cost is told by folder, with what their fixtures take, so that the budget of .ci/run can be kept."""

from __future__ import annotations

from types import SimpleNamespace

from minutes import Minutes


def test_setup_and_teardown_count_for_the_folder_of_their_test_and_the_dearest_comes_first() -> None:
    minutes = Minutes()
    for nodeid, seconds in (
        ("tests/raster/test_a.py::test_one[x/y::z]", (0, 6, 0)),
        ("tests/e2e/test_b.py::test_two", (60, 20, 10)),
        ("tests/e2e/test_c.py::test_three", (0, 24, 0)),
    ):
        for when, duration in zip(("setup", "call", "teardown"), seconds, strict=True):
            minutes.pytest_runtest_logreport(SimpleNamespace(nodeid=nodeid, when=when, duration=duration))
    assert [line.split() for line in minutes.table()] == [
        ["tests/e2e", "1.9", "min", "95%", "2", "tests"],
        ["tests/raster", "0.1", "min", "5%", "1", "tests"],
        ["all", "2.0", "min", "100%", "3", "tests"],
    ]
