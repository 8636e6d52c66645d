"""A pytest plugin: in which way each row of docs/reference/faults.md ran on this machine.

Some faults need rights that a machine may refuse; then a second way stands in, and the last lines say so. A run of all
of tests/faults fails where a row ran in no way, or where CI would never run it. It must never judge a row none of whose
tests was asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FAULTS = Path(__file__).parent / "faults"
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "faults.md"
IN_NO_WAY = "IN NO WAY"
NOT_IN_CI = "NEVER IN CI: all of its tests are slow"
NOT_ASKED_FOR = "not asked for: slow"


def rows(page: str) -> dict[str, list[str]]:
    """The tests that each row names, by the row's first cell."""
    lines = [line for line in page.splitlines() if line.startswith("| ") and "| test |" not in line]
    return {line.split(" | ")[0].removeprefix("| "): re.findall(r"`(test_\w+)`", line) for line in lines}


class Ways:
    """Remembers which tests there are, which were asked for, which have passed, and how they made their fault."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.in_ci: set[str] = set()
        self.asked: set[str] = set()
        self.passed: set[str] = set()
        self.made: dict[str, dict[str, None]] = defaultdict(dict)
        self.whole = False

    def end_of(self, tests: list[str]) -> str:
        """In which way a row with these tests ran, or why in none; empty where this run knows none of them."""
        if not self.there.intersection(tests):
            return ""
        ran = [test for test in tests if test in self.passed]
        if ran:
            return "; ".join(dict.fromkeys(way for test in ran for way in self.made.get(test, {"for real": None})))
        if not self.in_ci.intersection(tests):
            return NOT_IN_CI
        return IN_NO_WAY if self.asked.intersection(tests) else NOT_ASKED_FOR

    def ends(self) -> Iterator[tuple[str, str]]:
        """Each row that this run knows, and its end."""
        for fault, tests in rows(PAGE.read_text()).items():
            if end := self.end_of(tests):
                yield fault, end

    @pytest.hookimpl(tryfirst=True)  # before any is left out
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Function]) -> None:
        files = {item.path for item in items}
        selected = config.option.keyword or any("::" in word for word in config.args)
        self.whole = not selected and files.issuperset(FAULTS.glob("test_*.py"))
        for item in items:
            self.there.add(name_of(item))
            if item.get_closest_marker("slow") is None:
                self.in_ci.add(name_of(item))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.asked = {name_of(item) for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid.partition("[")[0].rpartition("::")[2])

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and self.whole and not session.config.option.collectonly and self.missing():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.whole or self.made:
            terminalreporter.section("faults, and how they were made")
            for fault, end in self.ends():
                terminalreporter.line(f"{fault:<64}{end}")
        if self.whole and self.missing():
            terminalreporter.line(f"FAILED: a row of {PAGE.name} ran in no way, see above", red=True)

    def missing(self) -> list[str]:
        """The rows that a whole run may not end with."""
        return [fault for fault, end in self.ends() if end in (IN_NO_WAY, NOT_IN_CI)]


def name_of(item: pytest.Item) -> str:
    return item.name.partition("[")[0]


@pytest.fixture
def made(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`made(way)`: this test has made its fault in this way."""

    def remember(way: str) -> None:
        request.config.stash[_WAYS].made[name_of(request.node)][way] = None

    return remember


_WAYS = pytest.StashKey[Ways]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_WAYS] = Ways()
    config.pluginmanager.register(config.stash[_WAYS], "ways-of-faults")
