"""Knobs that need another process start are set, read back and take effect, in both versions of NEURON: the engine, the
mechanisms' compiler flags, the binding of ranks, and NEURON itself.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from model_bench import Bench

from autotune.launch import find_mpi, parse_command
from autotune.launch.ask import Ask, Run
from autotune.launch.mechanisms import Builder, launch_facts
from autotune.launch.run import FreshRunner, Manner, stage_agent
from autotune.observe import Observation, observe
from autotune.plan.making import make_space
from autotune.raster import Raster
from autotune.raster.metrics import identical

COLUMN = Path(__file__).parents[2] / "studies" / "column"
SMALL = "column.py --layers 2 --cells 10 --dendrites 1 --tstop 40"
NATIVE = "-O3 -march=native"
LIMIT_S = 120.0

pytestmark = [
    pytest.mark.newest,
    pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler (g++)"),
]


@dataclass(frozen=True)
class Model:
    """A command, watched once, and how it is run with other settings."""

    runner: FreshRunner
    observation: Observation
    baseline: Raster

    def run(self, **settings: Any) -> Run:
        return self.runner.run(Ask(LIMIT_S, settings))

    def building(self, builder: Builder | None) -> Model:
        """The same with mechanisms made by `builder`; all runs are timed as CoreNEURON's must be."""
        return replace(self, runner=replace(self.runner, manner=Manner(timing="whole", builder=builder)))

    def reason(self, knob: str) -> str:
        return next(out.reason for out in make_space(self.observation).out if out.knob == knob)


Watch = Callable[..., Model]


@pytest.fixture(scope="module")
def watch(
    version: str,
    environments: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Watch:
    """`watch(line, environments=())`: the column study with its mechanisms compiled, or another test model."""
    home = tmp_path_factory.mktemp("launch")
    monkeypatch = pytest.MonkeyPatch()
    request.addfinalizer(monkeypatch.undo)  # noqa: PT021 - what is returned is a function
    monkeypatch.setenv("AUTOTUNE_CACHE", str(request.config.cache.mkdir("builds")))  # a CoreNEURON build takes 10 s
    programs = environments(f"neuron=={version}")
    bench = Bench(home, programs, extra=(COLUMN,))
    _, environment = bench._prepare("python small_ring.py")
    subprocess.run(
        [programs / "nrnivmodl", "mod"], cwd=bench.folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    stage_agent(home / "agent")
    known: dict[tuple[Any, ...], Model] = {}

    def make(line: str, *others: Path) -> Model:
        if (line, *others) not in known:
            command = parse_command(line.split(), bench.folder)
            mpi = find_mpi(command, environment)
            _, own = Bench(home / "none", programs)._prepare(line)
            own = {**own, "PWD": str(bench.folder)}
            runner = FreshRunner(command, own, home / "agent", home / "scratch")
            observation, baseline = observe(runner, mpi, LIMIT_S, others)
            known[(line, *others)] = Model(runner, observation, baseline).building(
                Builder(observation.facts.launch, own)
            )
        return known[(line, *others)]

    return make


@pytest.fixture(scope="module")
def column(watch: Watch) -> Model:
    return watch(f"mpiexec -n 2 python {SMALL}")


def test_coreneuron_runs_the_models_own_mechanisms_and_proves_it(column: Model, listing) -> None:
    before = listing(column.runner.command.cwd)
    run = column.run(coreneuron=True, cell_permute=1)
    assert run.effective["coreneuron"] is True
    assert run.effective["cell_permute"] == 1
    assert len(run.raster) > 50
    assert identical(run.raster, column.baseline)
    assert run.sections["step"] == 0 < column.run().sections["step"]  # NEURON itself took no step
    assert run.run_s > 0
    assert listing(column.runner.command.cwd) == before


def test_coreneuron_is_not_believed_where_psolve_never_hands_over(watch: Watch) -> None:
    model = watch("python fadvance_loop.py")
    assert "without pc.psolve" in model.reason("coreneuron")
    assert model.run(coreneuron=True).effective["coreneuron"] is False


def test_coreneuron_without_mod_files_needs_no_build(watch: Watch) -> None:
    model = watch("python small_ring.py")
    run = model.building(None).run(coreneuron=True)
    assert run.effective["coreneuron"] is True
    assert identical(run.raster, model.baseline)


def test_spikes_that_the_script_records_one_by_one_are_read_from_its_vectors(watch: Watch) -> None:
    model = watch("python own_vectors.py")
    assert identical(model.run(coreneuron=True).raster, model.baseline)


def test_hoc_models_reach_coreneuron_too_and_it_ends_where_a_run_is_to_end_early(watch: Watch) -> None:
    model = watch("nrniv hoc_net.hoc")
    stop_ms = 0.5 * model.observation.facts.t_stop_ms
    run = model.runner.run(Ask(LIMIT_S, {"coreneuron": True}, stop_ms=stop_ms))
    assert run.effective["coreneuron"] is True
    assert run.t_ms == pytest.approx(stop_ms)
    early = model.baseline.window(-math.inf, stop_ms)
    assert 0 < len(early) < len(model.baseline)
    assert identical(run.raster, early)
    assert run.printed.warnings == {}, "an event of ours was dropped"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("python variable_step.py", "variable step"),
        ("python serial_run.py", "without pc.psolve"),
        ("python artificial.py", "it has no IntFire2"),
    ],
)
def test_what_coreneuron_cannot_run_is_left_out_with_the_reason(watch: Watch, line: str, reason: str) -> None:
    assert reason in watch(line).reason("coreneuron")


@pytest.mark.parametrize(
    "line",
    [
        "python leaking.py",
        "nrniv -python leaking.py",
        "x86_64/special -python leaking.py",
        "nrniv -nobanner -dll x86_64/libnrnmech.so -python leaking.py",
    ],
)
def test_mechanisms_built_with_other_flags_replace_the_users_own(watch: Watch, line: str) -> None:
    model = watch(line)
    assert model.observation.facts.baseline["mod_flags"] == "own"
    run = model.run(mod_flags=NATIVE)  # a library loaded beside the user's own would end NEURON: it already exists
    assert run.effective["mod_flags"] == NATIVE
    assert len(run.raster) == len(model.baseline) > 4


def test_mechanisms_that_the_script_loads_itself_are_not_replaced(watch: Watch) -> None:
    model = watch("python small_ring.py")
    moved = model.runner.command.cwd / "elsewhere"
    shutil.copytree(model.runner.command.cwd / "x86_64", moved / "x86_64")
    library = next((moved / "x86_64").rglob("libnrnmech.so"))
    facts = launch_facts(
        model.runner.command,
        model.runner.environment,
        None,
        libraries=[str(library)],
        neuron=model.observation.facts.neuron,
        executable="",
    )
    assert "loads its mechanisms itself" in facts.no_build
    assert not facts.mod_files
    shutil.rmtree(moved)


@pytest.mark.parametrize("line", ["python small_ring.py", "nrniv -mpi hoc_net.hoc"])
def test_ranks_are_as_many_as_asked_for(watch: Watch, line: str) -> None:
    model = watch("mpiexec -n {ranks} " + line)
    own = model.observation.facts.ranks
    for ranks in {1, own} | ({2} if own > 1 else set()):
        run = model.run(ranks=ranks)
        assert (run.effective["ranks"], len(run.reports)) == (ranks, ranks)
        assert identical(run.raster, model.baseline)


def test_ranks_are_bound_to_cores_or_to_none(column: Model) -> None:
    for value in ("core", "none"):
        run = column.run(binding=value)
        assert run.effective["binding"] == value
        assert identical(run.raster, column.baseline)


def test_a_rank_is_bound_to_as_many_cores_as_it_has_threads(watch: Watch) -> None:
    model = watch(f"mpiexec -n 1 python {SMALL}")
    if model.observation.facts.cores < 2:
        pytest.skip("one core: no threads")
    run = model.run(binding="cores", threads=2)
    assert (run.effective["binding"], run.effective["threads"]) == ("cores", 2)
    assert len(run.raster) == len(model.baseline)


def test_a_command_that_binds_its_ranks_keeps_its_word(watch: Watch) -> None:
    model = watch(f"mpiexec --bind-to none -n 2 python {SMALL}")
    assert "places the ranks itself" in model.reason("binding")


def test_another_environment_runs_the_model_with_mechanisms_built_for_it(
    version: str, environments: Callable[..., Path], watch: Watch
) -> None:
    other = "9.0.2" if version == "8.2.7" else "8.2.7"
    home = environments(f"neuron=={other}").parent
    model = watch(f"mpiexec -n 2 python {SMALL}", home)
    chosen = make_space(model.observation).domains["neuron"].values[1]
    assert chosen == str(home.resolve())
    run = model.run(neuron=chosen)
    assert run.effective["neuron"] == chosen
    assert all(other in report.neuron for report in run.reports)
    assert len(run.raster) == len(model.baseline)
