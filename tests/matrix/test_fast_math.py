"""Mechanisms that are compiled with fast mathematics: numerical in the plan, a mechanism's own test for NaN works, and
the rest of the process rounds as before. In both versions of NEURON.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.agent.knobs.mod_flags import FAST_MATH
from autotune.config import AcceptConfig
from autotune.launch import launch_environment, parse_command
from autotune.launch.ask import Ask, Run
from autotune.launch.mechanisms import Builder
from autotune.launch.run import FreshRunner, Manner, stage_agent
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.plan.space import SearchSpace
from autotune.search.verified import Verifier
from autotune.settings import Changes
from autotune.verify.acceptance import Acceptance

LIMIT_S = 120.0

pytestmark = [
    pytest.mark.newest,
    pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler (g++)"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="MXCSR is what x86-64 has"),
]

PROBING = """NEURON { SUFFIX probing NONSPECIFIC_CURRENT i RANGE x, tiny, half, nan THREADSAFE }
PARAMETER { x = 0  tiny = 0 }
ASSIGNED { v i half nan }
BREAKPOINT {
    i = 1e-9 * v
    half = 0.5 * tiny
    if (x != x) { nan = 1 } else { nan = 0 }
}
VERBATIM
#ifdef FLUSH_TO_ZERO
#include <xmmintrin.h>
static void __attribute__((constructor)) flush_to_zero(void) { _mm_setcsr(_mm_getcsr() | 0x8000); }
#endif
ENDVERBATIM
"""

MODEL = """
import json, sys
from neuron import h

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
soma = h.Section(name="soma")
soma.L = soma.diam = 20
soma.insert("hh")
soma.insert("probing")
clamp = h.IClamp(soma(0.5))
clamp.dur, clamp.amp = 1e9, 0.4
pc.set_gid2node(0, 0)
pc.cell(0, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
soma(0.5).probing.x = float("nan")
soma(0.5).probing.tiny = sys.float_info.min
pc.set_maxstep(10)
h.stdinit()
pc.psolve(250)
inside = soma(0.5).probing
with open("seen.json", "w") as file:
    json.dump([inside.nan, inside.half, soma(0.5)._ref_v[0] * 0 + 0.5 * inside.tiny], file)
"""


@dataclass(frozen=True)
class Probed:
    """The model, watched once."""

    runner: FreshRunner
    space: SearchSpace
    verifier: Verifier

    def run(self, **settings: Any) -> Run:
        return self.runner.run(Ask(LIMIT_S, Changes(settings)))

    @property
    def seen(self) -> tuple[float, float, float]:
        """What the mechanism said of NaN, half of the smallest normal number there, and the same in the script."""
        nan, inside, outside = json.loads((self.runner.command.cwd / "seen.json").read_text())
        return nan, inside, outside


@pytest.fixture(scope="module")
def probed(version: str, environments: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Probed:
    home = tmp_path_factory.mktemp("probed")
    programs, folder = environments(f"neuron=={version}"), home / "model"
    (folder / "mod").mkdir(parents=True)
    (folder / "mod" / "probing.mod").write_text(PROBING)
    (folder / "model.py").write_text(MODEL)
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DISPLAY")}
    own |= {"PATH": os.pathsep.join([str(programs), os.environ["PATH"]]), "AUTOTUNE_CACHE": str(home / "cache")}
    subprocess.run([programs / "nrnivmodl", "mod"], cwd=folder, env=own, check=True, stdout=subprocess.DEVNULL)
    command = parse_command(["python", "model.py"], folder)
    stage_agent(home / "agent")
    runner = FreshRunner(command, launch_environment(command, own), home / "agent", home / "scratch")
    observation, baseline = observe(runner, None, LIMIT_S)
    runner = replace(runner, manner=Manner(timing="whole", builder=Builder(observation.facts.launch, own)))
    space = make_space(observation)
    return Probed(runner, space, Verifier(space, Acceptance(baseline, observation, AcceptConfig()), LIMIT_S))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTUNE_CACHE", str(tmp_path / "cache"))


def test_fast_mathematics_is_numerical_and_the_other_flags_are_round_off(probed: Probed) -> None:
    assert probed.space.safety(Changes({"mod_flags": FAST_MATH})) == NUMERICAL
    assert probed.space.safety(Changes({"mod_flags": "-O3 -march=native"})) == ROUND_OFF
    rest = probed.space.without_class(NUMERICAL, "too little").domains["mod_flags"]
    assert FAST_MATH not in rest.values
    assert len(rest.values) == len(probed.space.domains["mod_flags"].values) - 1


def test_a_test_for_nan_works_and_the_process_rounds_as_before(probed: Probed) -> None:
    probed.run()
    assert probed.seen == (1.0, 2.0**-1023, 2.0**-1023)
    changes = Changes({"mod_flags": FAST_MATH})
    run = probed.run(**changes)
    assert run.effective["mod_flags"] == FAST_MATH
    assert probed.seen == (1.0, 2.0**-1023, 2.0**-1023)
    assert {report.rounding for report in run.reports} == set(probed.verifier.acceptance.observation.rounding) != {None}
    judgement = probed.verifier.judge(run, changes)
    assert judgement.verdict == "accepted", judgement.reason


def test_with_coreneuron_the_linker_does_not_see_it_either(probed: Probed) -> None:
    run = probed.run(mod_flags=FAST_MATH, coreneuron=True)
    assert run.effective["coreneuron"] is True
    assert {report.rounding for report in run.reports} == set(probed.verifier.acceptance.observation.rounding)
    assert probed.seen[2] == 2.0**-1023


def test_a_build_that_changes_how_the_process_rounds_is_refused(probed: Probed) -> None:
    changes = Changes({"mod_flags": "-O1 -DFLUSH_TO_ZERO"})
    run = probed.run(**changes)
    assert probed.seen[2] == 0.0
    wide = replace(probed.space.domains["mod_flags"], values=("own", changes["mod_flags"]))
    verifier = replace(probed.verifier, space=replace(probed.space, domains={"mod_flags": wide}))
    judgement = verifier.judge(run, changes)
    assert judgement.verdict == "not applicable"
    assert "round otherwise than in your own run (MXCSR)" in judgement.reason
