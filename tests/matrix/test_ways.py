"""However a model runs itself, its length, sections and spikes are seen, and settings reach every part of it."""

from __future__ import annotations

import pytest
from model_bench import Bench

WAYS = [
    "run",
    "continuerun",
    "psolve",
    "slices",
    "fadvance",
    "cvode.solve",
    "presimulation",
    "early_finitialize",
    "several",
]
SECTIONS = {"early_finitialize": 2, "several": 3}
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
    assert run.t_ms == pytest.approx(30.0, abs=1e-6)
    report = run.reports[0]
    assert len(report.sections) == SECTIONS.get(way, 1)
    assert sum(section.spikes for section in report.sections) == len(run.raster) > 0
    assert 0 < run.run_s < run.wall_s
    if way in ("run", "continuerun", "psolve", "slices", "fadvance", "early_finitialize"):
        assert len(run.raster) == expected.setdefault(version, len(run.raster))
    if way == "several":
        assert len({section.spikes for section in report.sections}) == 1


@pytest.mark.parametrize("way", SET)
def test_a_setting_reaches_every_pass_or_does_not_read_back(way: str, bench: Bench) -> None:
    run, _ = bench.watched(f"python ways.py {way}", {"bin_queue": True, "dt": 0.0125}, observe=False)
    assert run.effective["bin_queue"] is True
    steps = {section.dt_ms for section in run.reports[0].sections}
    if run.effective["dt"] == 0.0125:
        assert steps == {0.0125}
    else:
        assert way == "presimulation"  # the script sets dt itself after finitialize
