"""Where the time of a run went, by the reports of its ranks; both sides of a pair must be timed in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from autotune.agent.protocol import RankReport

Timing = Literal["psolve", "clock", "whole"]
"""How a run section is timed: by NEURON's own timers in psolve; by a clock that sees its steps, for a model that does
not use psolve; from the end of finitialize to whatever comes next, for a study in which an engine without timers may
run.
"""


def section_times(reports: Sequence[RankReport], wall_s: float, timing: Timing) -> dict[str, float]:
    """Seconds of each part of the run, the largest over the ranks; "run" is what `timing` says."""

    def largest(value: Any) -> float:
        return float(max(sum(value(section) for section in r.sections) for r in reports))

    def run_s(section: Any) -> float:
        if timing == "psolve" and section.psolve_s > 0.0:
            return float(section.psolve_s)
        if timing == "whole" or section.clock_s is None:
            return float(section.until_next_s)
        return float(section.clock_s)

    setup, run = max(r.setup_s for r in reports), largest(run_s)
    return {
        "setup": setup,
        "run": run,
        "output": max(0.0, largest(lambda s: s.until_next_s) - run),
        "launch": max(0.0, wall_s - setup - largest(lambda s: s.until_next_s)),
        "step": largest(lambda s: s.step_s),
        "exchange": largest(lambda s: s.wait_s),
        "barrier": largest(lambda s: s.step_wait_s),
        "dispatch": largest(lambda s: s.send_s),
        "psolve": largest(lambda s: s.psolve_s),
        "cpu": sum(r.cpu_s for r in reports),
    }
