"""What is staged into the user's process is what works there, and nothing of the driver's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import autotune.agent
from autotune.agent.knobs import KNOBS
from autotune.launch.ask import Ask
from autotune.launch.run import FreshRunner, stage_agent
from autotune.settings import Changes

DRIVER = Path(autotune.agent.__file__).with_name("driver")


def test_what_only_the_driver_asks_is_not_staged(tmp_path: Path) -> None:
    stage_agent(tmp_path / "agent")
    staged = {path.name for path in (tmp_path / "agent").rglob("*")}
    assert {"life.py", "knob.py", "dt.py", "sitecustomize.py", "pre.hoc"} <= staged
    drivers_own = {path.name for path in DRIVER.glob("*.py")} - {"__init__.py"}
    assert "facts.py" in drivers_own
    assert not staged & {"driver", *drivers_own}


def test_the_agent_works_without_it(fresh_runner: Callable[..., FreshRunner]) -> None:
    runner = fresh_runner("small_ring.py", "--tstop", "20")
    assert not list(runner.agent.rglob("driver"))
    asked = {"nspike": 4, "gid_compress": True, "bin_queue": True, "step_wait": False, "dt": 0.0125}
    run = runner.run(Ask(60.0, changes=Changes(asked), voltages=2))
    assert {name: run.effective[name] for name in asked} == asked
    assert run.effective.keys() == KNOBS.keys()
    assert len(run.raster)
    assert runner.watch(60.0).reports[0].model["cells"] == 8
