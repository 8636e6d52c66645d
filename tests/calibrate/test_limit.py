"""After how long a run must be hanging: no run is made without that limit."""

from pathlib import Path

import pytest

from autotune.observe import Observation
from autotune.observe.observation import HANG_FACTOR, HANG_SLACK_S
from autotune.store.folder import StudyFolder

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"


def test_a_run_that_takes_many_times_as_long_is_hanging_and_the_users_limit_counts_where_it_is_shorter() -> None:
    observation = StudyFolder(DEMO).read(Observation)
    assert observation is not None
    assert observation.limit_s(1e9) == pytest.approx(HANG_FACTOR * observation.wall_s + HANG_SLACK_S)
    assert observation.limit_s(5.0) == 5.0
