"""Every knob, on both versions of NEURON, on one rank and on two: it takes effect and is read back, it goes back or
says that it doesn't, and the raster of the ring keeps the class that the knob claims; or it is left out for a reason.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_bench import LIMIT_S, Bench

from autotune.agent.driver.ask import acts
from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, KNOBS, ROUND_OFF, Domain, Excluded, Lifetime
from autotune.launch import find_mpi
from autotune.launch.ask import Ask
from autotune.launch.mechanisms import Builder
from autotune.launch.run import FreshRunner, Manner
from autotune.observe import observe
from autotune.raster import Raster
from autotune.raster.metrics import identical

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "knobs.md"
OFTEN = ("--maxstep", "0.5")  # four times as often as the delays ask for
CORES = 4  # so that threads are offered beside two ranks; nothing is timed here
ROUND_OFF_DECIMALS = 6  # of times in ms

EXCHANGE = {"multisend", "multisend_subintervals", "multisend_two_phase", "nspike", "gid_compress", "maxstep"}
SERIAL = {"ranks", "binding", *EXCHANGE, "step_wait"}
"""Left out on one rank."""
NOT_HERE = {"mod_flags"}
"""There are no mechanisms to build here: mod_flags is tested with those of the column study."""
STAYS = {"maxstep"}
"""What the model has set itself cannot be asked of NEURON, and so not be put back."""

Settings = dict[str, Any]


@dataclass(frozen=True)
class Ring:
    """The ring under one NEURON on one number of ranks, watched once."""

    bench: Bench
    runner: FreshRunner
    facts: ModelFacts
    raster: Raster

    def fresh(self, settings: Settings) -> tuple[Settings, Raster]:
        """What takes effect in a process of its own, and the raster."""
        run = self.runner.run(Ask(LIMIT_S, settings))
        return run.effective, run.raster

    def one_process(self, requests: list[Settings]) -> list[tuple[Settings, Raster]]:
        """The same of many requests in one process."""
        launcher = ["mpiexec", "-n", str(self.facts.ranks)] if self.facts.ranks > 1 else []
        environment = {**self.runner.environment, "PYTHONPATH": str(self.bench.home / "agent")}
        done = subprocess.run(
            [*launcher, self.bench.programs / "python", "knob_by_knob.py", json.dumps(requests), *OFTEN],
            cwd=self.bench.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        answers = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("answer ")]
        assert len(answers) == len(requests), f"it ended at {requests[len(answers)]}: {done.stdout}{done.stderr}"
        return [answer_of(*zip(*ranks, strict=True)) for ranks in answers]


def answer_of(read: Sequence[Settings], gids: Sequence[Any], times_ms: Sequence[Any]) -> tuple[Settings, Raster]:
    """What took effect and the raster, from what every rank says."""
    effective = {name: knob.agree(tuple(rank[name] for rank in read)) for name, knob in KNOBS.items()}
    return effective, Raster.from_arrays(np.concatenate(gids), np.concatenate(times_ms))


@pytest.fixture(scope="module", params=[1, 2], ids=["1 rank", "2 ranks"])
def ring(
    version: str,
    environments: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Ring:
    other = environments("neuron==8.2.7" if version == "9.0.2" else "neuron==9.0.2").parent
    bench = Bench(tmp_path_factory.mktemp("bench"), environments(f"neuron=={version}"))
    launcher = "mpiexec -n {ranks} " if request.param > 1 else ""
    runner = bench.runner(f"{launcher}python small_ring.py --tstop 50 {' '.join(OFTEN)}")
    runner = replace(runner, command=replace(runner.command, ranks=request.param))
    observation, baseline = observe(runner, find_mpi(runner.command, runner.environment), LIMIT_S, (other,))
    manner = Manner(timing="whole", builder=Builder(observation.facts.launch, runner.environment))
    return Ring(bench, replace(runner, manner=manner), replace(observation.facts, cores=CORES), baseline)


def facts_for(name: str, ring: Ring) -> ModelFacts:
    """Of the version that runs; another environment is for the knob that chooses between them."""
    if name == "neuron":
        return ring.facts
    return replace(ring.facts, launch=replace(ring.facts.launch, environments=()))


def searched(ring: Ring) -> dict[str, Domain]:
    domains = {name: knob.domain(facts_for(name, ring)) for name, knob in KNOBS.items()}
    assert all(answer.reason for answer in domains.values() if isinstance(answer, Excluded))
    return {name: answer for name, answer in domains.items() if isinstance(answer, Domain)}


def requests_for(domains: dict[str, Domain], ring: Ring) -> dict[str, Settings]:
    """For each knob another value, beside an earlier knob's request if it acts or is allowed beside that only."""
    found: dict[str, Settings] = {}
    for name, domain in domains.items():
        beside: list[Settings] = [{}, *found.values()]
        asked = ({**settings, name: value} for settings in beside for value in domain.values)
        others = (request for request in asked if request[name] != ring.facts.baseline[name])
        found[name] = next(request for request in others if possible(request, facts_for(name, ring)))
    return found


def possible(request: Settings, facts: ModelFacts) -> bool:
    every = {**facts.baseline, **request}
    return all(acts(name, every) and not KNOBS[name].refusal(every, facts) for name in request)


def assert_class(name: str, safety: str, ring: Ring, raster: Raster) -> None:
    if safety == EXACT:
        assert identical(raster, ring.raster), f"{name} is called exact"
    elif safety == ROUND_OFF:
        assert identical(rounded(raster), rounded(ring.raster)), f"{name} is called round-off"
    else:
        assert set(raster.gids) == set(ring.raster.gids), f"with {name} other cells fire"


def rounded(raster: Raster) -> Raster:
    return Raster.from_arrays(raster.gids, np.round(raster.times_ms, ROUND_OFF_DECIMALS))


def assert_took_effect(asked: Settings, effective: Settings) -> None:
    assert all(KNOBS[name].took(value, effective[name]) for name, value in asked.items()), (asked, effective)


def weakest(asked: Settings, domains: dict[str, Domain]) -> str:
    classes = {domains[name].safety for name in asked}
    return EXACT if classes == {EXACT} else ROUND_OFF if classes <= {EXACT, ROUND_OFF} else "numerical"


def left_out(version: str, ranks: int) -> set[str]:
    """The knobs that cannot act on the ring: here, on one rank, or in this version, as they say themselves."""
    number = tuple(map(int, version.split(".")))
    idle = {name for name, knob in KNOBS.items() if not knob.works_in(number)}
    return NOT_HERE | idle | (SERIAL if ranks == 1 else set())


def test_every_knob_works_in_one_version_at_least() -> None:
    assert all(any(knob.works_in(version) for version in ((8, 2, 7), (9, 0, 2))) for knob in KNOBS.values())


@pytest.mark.mpi
def test_every_knob_does_what_it_says(ring: Ring, version: str) -> None:
    domains = searched(ring)
    assert KNOBS.keys() - domains.keys() == left_out(version, ring.facts.ranks)
    asked = requests_for(domains, ring)
    apart = {name for name, settings in asked.items() if any(KNOBS[knob].at_launch for knob in settings)}
    alone = {name for name in domains if KNOBS[name].lifetime is Lifetime.STICKY or not KNOBS[name].replays} - apart
    for name in apart | alone:
        effective, raster = ring.fresh(asked[name])
        assert_took_effect(asked[name], effective)
        assert_class(name, weakest(asked[name], domains), ring, raster)

    together = sorted(domains.keys() - apart - alone, key=lambda name: (name in STAYS, name))
    requests = [request for name in together for request in (asked[name], {})]
    answers = ring.one_process([{}, *requests])
    own, raster = answers[0]
    assert identical(raster, ring.raster)
    for name, (effective, raster), (after, again) in zip(together, answers[1::2], answers[2::2], strict=True):
        assert_took_effect(asked[name], effective)
        assert_class(name, weakest(asked[name], domains), ring, raster)
        assert identical(again, ring.raster), f"after {asked[name]} the model's own settings give another raster"
        if name in STAYS:
            assert KNOBS[name].not_put_back(ring.facts, [name])
        else:
            assert after[name] == own[name], f"{name} stays at {after[name]}"


def test_every_knob_has_its_page() -> None:
    titles = [line for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    assert titles == [f"## `{name}`" for name in KNOBS]
