"""A session with launch settings of its own is proved by the fresh run that its knobs are compared with anyway."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, ROUND_OFF, Domain
from autotune.launch.ask import Ask, Run
from autotune.plan.space import Group, SearchSpace
from autotune.raster import Raster
from autotune.session.compared import Compared
from autotune.session.proof import OWN, Proof
from autotune.session.reference import Reference
from autotune.settings import Changes, Effective

OWN_SETTINGS = {"binding": "core", "coreneuron": False, "cell_permute": 0}
FACTS = ModelFacts((9, 0, 2), 1, 0.025, 100.0, psolve=True, baseline=OWN_SETTINGS)
SPACE = SearchSpace.over(
    {
        "binding": Domain(("core", "none"), (), EXACT),
        "coreneuron": Domain((False, True), (True,), ROUND_OFF),
        "cell_permute": Domain((0, 1), (1,), ROUND_OFF),
    },
    {},
    FACTS,
)
GROUP = Group((("coreneuron", True),))
TRIAL = Ask(60.0, Changes({"coreneuron": True, "cell_permute": 1}))


@dataclass
class Engine:
    """A process whose spikes come later with each setting; `late_ms` is what a session adds to it."""

    late_ms: float = 0.0
    asked: list[Changes] = field(default_factory=list)

    def run(self, ask: Ask) -> Run:
        self.asked.append(ask.changes)
        at_ms = 1.0 + len(ask.changes.keys() - {"binding"}) + self.late_ms * ("cell_permute" in ask.changes)
        raster = Raster.from_arrays(np.array([0]), np.array([at_ms]))
        return Run((), raster, Effective({**OWN_SETTINGS, **ask.changes}), 1.0, {"run": 1.0}, 1.0, 0)


class Pool:
    """One session for every group, and fresh processes."""

    def __init__(self, fresh: Engine, session: Engine) -> None:
        self.fresh, self._session = fresh, session

    def session(self, group: Group, how: object) -> Engine:
        return self._session

    def end(self, group: Group) -> bool:
        return True


def made(fresh: Engine, session: Engine) -> tuple[Proof, Compared]:
    def fits(one: Changes, other: Changes) -> bool:
        return SPACE.launch_group(one) == SPACE.launch_group(other)

    compared = Compared(SPACE, fresh, session.run, fits, lambda broken: None)
    baseline = Raster.from_arrays(np.array([0]), np.array([1.0]))
    proof = Proof(
        Pool(fresh, session),  # type: ignore[arg-type]
        SPACE,
        baseline,
        60.0,
        how=object(),  # type: ignore[arg-type]
        compare=compared.next_to,
        know=compared.know,
    )
    proof._references[OWN] = Reference(baseline, SPACE.canonical(Effective(OWN_SETTINGS)))
    return proof, compared


def test_one_fresh_run_proves_the_session_and_compares_its_knobs() -> None:
    fresh, session = Engine(), Engine()
    proof, compared = made(fresh, session)
    assert proof.serves(TRIAL)
    assert compared.settled(TRIAL)
    assert compared.knows(TRIAL.changes)
    assert fresh.asked == [TRIAL.changes]
    assert session.asked == [TRIAL.changes, GROUP.changes]


@pytest.mark.parametrize("late_ms", [0.5, -0.5])
def test_what_differs_there_is_proved_by_its_own_settings_and_each_knob_is_compared_alone(late_ms: float) -> None:
    fresh, session = Engine(), Engine(late_ms)
    proof, compared = made(fresh, session)
    assert proof.serves(TRIAL)
    assert fresh.asked == [TRIAL.changes, GROUP.changes]
    assert not compared.knows(TRIAL.changes)
    assert not compared.agrees(TRIAL)


def test_a_group_that_differs_from_a_known_one_by_exact_settings_needs_no_fresh_run() -> None:
    fresh, session = Engine(), Engine()
    proof, _ = made(fresh, session)
    assert proof.serves(Ask(60.0, Changes({"binding": "none"})))
    assert fresh.asked == []
    assert proof.serves(TRIAL)
    assert proof.serves(Ask(60.0, Changes({"binding": "none", "coreneuron": True})))
    assert fresh.asked == [TRIAL.changes]
