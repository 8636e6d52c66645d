"""A pytest plugin: in which way each fault of docs/reference/faults.md was made on this machine.

Some faults need rights that a machine may refuse; then a second way stands in, and the last lines say so.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

MADE = pytest.StashKey[dict[str, str]]()


@pytest.fixture
def made(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`made(fault, way)`: this test has made this fault in this way."""

    def remember(fault: str, way: str) -> None:
        request.config.stash.setdefault(MADE, {})[fault] = way

    return remember


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    ways = config.stash.get(MADE, {})
    if ways:
        terminalreporter.section("faults, and how they were made")
        for fault, way in ways.items():
            terminalreporter.line(f"{fault:<44}{way}")
