"""Changes whose right verdict is known beforehand: no wrong accept and no wrong reject."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from autotune.launch.ask import Run

PLANTED = runpy.run_path(str(Path(__file__).parent / "planted.py"))
CASES = PLANTED["CASES"]
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "same-spikes.md"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_planted_case_gets_its_verdict(bench, case) -> None:
    network = bench(case.network)
    made = case.make(network)
    judge = network.acceptance.judge if isinstance(made, Run) else network.acceptance.spikes.judge
    judgement = judge(made, case.safety)
    assert (judgement.verdict == "accepted") == case.accept, judgement
    assert case.why in judgement.reason
    assert (judgement.violation == 0) == case.accept
    assert judgement.violation <= 1


def test_there_are_enough_planted_cases_of_either_kind() -> None:
    accepted = sum(case.accept for case in CASES)
    assert len(CASES) >= 40
    assert accepted >= 15
    assert len(CASES) - accepted >= 15
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_table_in_the_documentation_is_that_of_the_planted_cases() -> None:
    assert PLANTED["table"]() in PAGE.read_text(), "python tests/verify/planted.py prints the table for the page"


def test_the_regime_of_each_network_is_found(bench) -> None:
    assert bench("ring").calibration.regime == "regular"
    assert bench("artificial").calibration.regime == "regular"
    assert bench("balanced").calibration.regime == "chaotic"
