"""docs/reference/faults.md names tests that there are, and no test of a fault is missing there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "faults.md"
DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)


def defined_in(folder: Path, names: str = "*.py") -> set[str]:
    return {name for file in folder.rglob(names) for name in DEFINED.findall(file.read_text())}


def test_every_fault_has_tests_that_exist() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "| test |" not in line]
    named = [re.findall(r"`(test_\w+)`", row) for row in rows]
    assert len(rows) > 30
    assert [row for row, tests in zip(rows, named, strict=True) if not tests] == []
    assert {test for tests in named for test in tests} - defined_in(TESTS) == set()


def test_every_test_of_a_fault_stands_in_the_table() -> None:
    not_faults = {
        "test_a_mistake_of_our_own_keeps_its_traceback",
        "test_the_scripted_study_comes_to_a_confirmed_answer",
        "test_every_fault_has_tests_that_exist",
        "test_every_test_of_a_fault_stands_in_the_table",
    }
    here = defined_in(TESTS / "faults", "test_fault_*.py") | defined_in(TESTS / "faults", "test_resume_*.py")
    assert here - set(re.findall(r"`(test_\w+)`", PAGE.read_text())) == not_faults
