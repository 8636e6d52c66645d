"""A new process of the proof that breaks: its start is made plainly, as one pair, and so are those that follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from autotune.confirm.starts import Starts
from autotune.launch.judge import RunFailed
from autotune.measure import confirm


class Breaks:
    """A session that answers one run."""

    def __init__(self, model: Any) -> None:
        self.model, self.asked = model, 0

    def run(self, ask: Any) -> Any:
        self.asked += 1
        if self.asked > 1:
            raise RunFailed("crashed", "the session ended")
        return self.model.run(ask)


def test_a_session_that_breaks_in_a_start_costs_two_processes_more(rules: ModuleType) -> None:
    clock = rules.Clock(rules.Machine("still", 0.0, 0.0, 0.0, 0.0), np.random.default_rng(0))
    model = rules.Model(clock, np.array([1.0, 2.0]))
    session = Breaks(model)

    @contextmanager
    def new_start() -> Iterator[Breaks]:
        yield session

    router: Any = SimpleNamespace(may_restart=lambda changes: True, proof=SimpleNamespace(new_start=new_start))
    verifier = rules.verifier(2)
    starts = Starts(model, verifier, router)
    changes = verifier.space.changes({rules.KNOB: 1})
    rule = rules.CONFIG.confirm.rule(0.01)
    make, pairs = {"1": partial(starts.make, changes)}, {1: 5}
    result = confirm(make, rule, pairs_of=lambda _, start: pairs.get(start, 1), run_failed=RunFailed)
    assert result.winner == "1"
    assert [(pair.start, pair.way) for pair in result.samples][:2] == [(0, "fresh"), (1, "fresh")]
    assert session.asked == 2
    assert clock.runs == 1 + 2 * len(result.samples)
