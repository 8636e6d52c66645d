"""What the tests cost, by folder: a table at the end of a run, with all that their fixtures take to be set up.

It must never change what is run, or judge it: the budget is kept by .ci/run, which looks at the clock itself.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest

SHORTEST_S = 30.0  # a shorter run is not worth a table


class Minutes:
    """Sums up the seconds of every setup, test and teardown by the folder of its file."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        folder = str(PurePosixPath(report.nodeid.partition("::")[0]).parent)
        self.seconds[folder] += report.duration
        self.tests[folder] += report.when == "setup"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.seconds.total() >= SHORTEST_S:
            terminalreporter.section("minutes by folder")
            for line in self.table():
                terminalreporter.write_line(line)

    def table(self) -> list[str]:
        """A line a folder, the dearest first, and one for the sum."""
        all_s = self.seconds.total()
        lines = [
            f"{folder:<16}{seconds / 60:7.1f} min{seconds / all_s:6.0%}{self.tests[folder]:6} tests"
            for folder, seconds in self.seconds.most_common()
        ]
        return [*lines, f"{'all':<16}{all_s / 60:7.1f} min{1:6.0%}{self.tests.total():6} tests"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Minutes(), "minutes-by-folder")
