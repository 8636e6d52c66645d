"""However a model runs itself, its length, sections and spikes are seen, and settings reach every part of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_bench import Bench

from autotune.observe.facts import load_balance, runs_of, uses_psolve

pytestmark = pytest.mark.newest

WAYS = [
    "run",
    "continuerun",
    "psolve",
    "slices",
    "fadvance",
    "cvode.solve",
    "variable_step",
    "presimulation",
    "early_finitialize",
    "several",
]
SECTIONS = {"early_finitialize": 2, "several": 3}
RUNS = {"several": 3}
SEEN = ["run", "continuerun", "slices", "fadvance", "presimulation"]  # psolve may take all steps in one go
SET = ["run", "psolve", "fadvance", "presimulation", "several"]


@pytest.fixture(scope="module")
def expected() -> dict[str, int]:
    """Spikes of one pass, by version; every fixed-step way must give the same."""
    return {}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_run_is_seen_whole(way: str, bench: Bench, version: str, expected: dict[str, int]) -> None:
    plain = bench.plain(f"python ways.py {way}")
    run, watched = bench.watched(f"python ways.py {way}")
    assert watched == plain
    assert run.t_ms == pytest.approx(30.0, abs=0.1 if way == "variable_step" else 1e-6)
    report = run.reports[0]
    assert len(report.sections) == SECTIONS.get(way, 1)
    assert sum(section.spikes for section in report.sections) == len(run.raster) > 0
    assert {section.dt_ms for section in report.sections} == {0.025}  # also with CVODE, whose last step is no dt
    assert len(runs_of(report)) == RUNS.get(way, 1)
    assert 0 < run.run_s < run.wall_s
    if way in ("run", "continuerun", "psolve", "slices", "fadvance", "early_finitialize"):
        assert len(run.raster) == expected.setdefault(version, len(run.raster))
    if way == "several":
        assert len({section.spikes for section in report.sections}) == 1


@pytest.mark.parametrize("way", SEEN)
def test_the_run_is_timed_from_its_first_step_to_its_last_and_nothing_lies_on_the_queue(way: str, bench: Bench) -> None:
    run, _ = bench.watched(f"python ways.py {way}")
    section = run.reports[0].sections[-1]
    assert section.clock_s is not None
    assert 0 < section.clock_s < 1.01 * section.until_next_s  # extended by the step that comes before the first end
    assert section.queue_events < 30  # spikes, deliveries and self events; a clock would have put one a step or so


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_transfer_of_gap_junctions_is_part_of_psolve(ranks: int, special: Path, bench: Bench) -> None:
    bench.extra = (special,)
    run, _ = bench.watched(f"mpiexec -n {ranks} python many_parts.py --gaps")
    (section,) = run.reports[0].sections
    assert (section.transfer_s > 0) == (ranks == 2)
    assert section.step_s > 0
    assert uses_psolve(run)
    balance = load_balance(run.reports)
    assert balance is not None
    assert 0 < balance <= 1
    assert run.reports[0].model["no_coreneuron"] == ""


@pytest.mark.parametrize("way", SET)
def test_a_setting_reaches_every_pass_or_does_not_read_back(way: str, bench: Bench) -> None:
    run, _ = bench.watched(f"python ways.py {way}", {"bin_queue": True, "dt": 0.0125}, observe=False)
    assert run.effective["bin_queue"] is True
    steps = {section.dt_ms for section in run.reports[0].sections}
    if run.effective["dt"] == 0.0125:
        assert steps == {0.0125}
    else:
        assert way == "presimulation"  # the script sets dt itself after finitialize
