"""Ranks that do jobs, each by itself or in subworlds: the spikes are those of the jobs, whichever rank did them."""

from __future__ import annotations

import re

import pytest
from model_bench import Bench

from autotune.launch.ask import Run
from autotune.launch.jobs import STRIDE

pytestmark = [pytest.mark.mpi, pytest.mark.newest]


def spikes_of_jobs(run: Run) -> list[int]:
    """How many spikes each job made, in order; cells without a gid have negative ones, down from the job's number."""
    gids = run.raster.gids
    jobs = [int(gid) // STRIDE if gid >= 0 else (-1 - int(gid)) // STRIDE for gid in gids]
    return [jobs.count(job) for job in range(max(jobs) + 1)]


@pytest.mark.parametrize("way", ["board", "hoc"])
def test_jobs_of_the_bulletin_board_are_the_same_on_any_number_of_ranks(way: str, bench: Bench) -> None:
    runs = []
    for ranks in (2, 3):
        line = f"mpiexec -n {ranks} --oversubscribe python jobs.py {way}"
        plain = bench.plain(line)
        run, watched = bench.watched(line)
        assert watched.stdout == plain.stdout
        assert run.by_jobs
        printed = sorted(int(re.search(r"(\d+) spikes", text)[1]) for text in watched.stdout if "spikes" in text)
        assert sorted(spikes_of_jobs(run)) == printed
        assert run.t_ms == pytest.approx(46.0)  # of the longest job, on whatever rank that was
        runs.append(run)
    assert runs[0].raster == runs[1].raster
    assert [report.nhost for report in runs[1].reports] == [3, 3, 3]


def test_subworlds_are_networks_of_their_own(bench: Bench) -> None:
    runs = []
    for ranks in (4, 6):
        line = f"mpiexec -n {ranks} --oversubscribe python jobs.py worlds 2"
        plain = bench.plain(line)
        run, watched = bench.watched(line)
        assert watched.stdout == plain.stdout
        assert run.by_jobs
        assert [(report.subrank, report.subsize) for report in run.reports] == [(0, 2), (1, 2)] * (ranks // 2)
        assert [report.rank for report in run.reports] == list(range(ranks))
        assert len(spikes_of_jobs(run)) == 5
        assert {int(gid) % STRIDE for gid in run.raster.gids} == {0, 1}
        runs.append(run)
    assert runs[0].raster == runs[1].raster


def test_a_setting_reaches_the_jobs_of_every_rank(bench: Bench) -> None:
    run, _ = bench.watched("mpiexec -n 2 python jobs.py board", {"dt": 0.0125}, observe=False)
    assert run.effective["dt"] == 0.0125
    assert len(spikes_of_jobs(run)) == 5


def test_jobs_that_are_dealt_out_end_when_they_like(bench: Bench) -> None:
    run, _ = bench.watched("mpiexec -n 2 python jobs.py dealt")
    assert run.by_jobs
    assert len({round(report.t_ms, 6) for report in run.reports}) == 2
    assert len(spikes_of_jobs(run)) == 5


def test_a_rank_may_be_left_without_a_job(bench: Bench) -> None:
    run, _ = bench.watched("mpiexec -n 3 --oversubscribe python jobs.py idle")
    assert run.ranks == 3
    assert [report.simulated for report in run.reports].count(True) == 1
    assert len(run.raster) == sum(spikes_of_jobs(run)) > 0


def test_what_every_rank_does_is_named_by_the_rank_and_jobs_by_their_number(bench: Bench) -> None:
    line = "mpiexec -n 2 python jobs.py context"
    first, second = (bench.watched(line, observe=False)[0] for _ in range(2))
    assert first.raster == second.raster
    each = spikes_of_jobs(first)
    assert len(each) == 2 + 5
    assert each[0] == each[1]
