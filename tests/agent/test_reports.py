"""A run is believed only when every rank has reported, and whole. What a rank may say is provoked by real runs in
tests/e2e/test_judge.py.
"""

from __future__ import annotations

import pytest

from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed

# Stands in for a model whose ranks end as real NEURON's do only by accident; it uses the agent as it is staged.
PROGRAM = """
import json, os
from pathlib import Path
import numpy as np
from autotune_agent.protocol import RankReport, RunSection, rank_files, to_json, write_text

folder = json.loads(Path(os.environ["AUTOTUNE_JOB"]).read_text())["folder"]

def report(rank, spikes=True, sections=1, t_ms=10.0, nhost=1, process=0, **fields):
    fields.update(nhost=nhost, subrank=rank, subsize=nhost, output_gids=1)
    text, npz = rank_files(folder, rank, "host", process or 100 + rank)
    sections = [RunSection(t_stop_ms=t_ms, psolve_s=0.5, spikes=1)] * sections
    write_text(text, to_json(RankReport(rank=rank, t_ms=t_ms, sections=sections, neuron="VERSION 9.0.2", **fields)))
    if spikes:
        np.savez(npz, gid=np.array([rank]), time_ms=np.array([1.5]))

print("the model's last line")
"""


@pytest.fixture
def run(fresh_runner, tmp_path):
    """`run(lines)`: what the driver makes of a program that leaves these reports."""

    def make(lines: str):
        (tmp_path / "model.py").write_text(PROGRAM + lines)
        return fresh_runner(tmp_path / "model.py", ranks=1).run(Ask(60.0))

    return make


def test_whole_reports_of_one_world_are_a_run(run):
    done = run("report(0, nhost=2); report(1, nhost=2)")
    assert done.ranks == 2
    assert done.raster.gids.tolist() == [0, 1]
    assert (done.t_ms, done.run_s) == (10.0, 0.5)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "before any rank reported"),
        ("Path(folder, 'rank-000000-host-1.json').write_text('{\"protocol\": 1, \"ra')", "torn or foreign"),
        ("Path(folder, 'rank-000000-host-1.json').write_text('{\"protocol\": 999}')", "torn or foreign"),
        ("report(0, spikes=False)", "the ranks' files cannot be merged"),
        ("report(0); Path(folder, 'rank-000000-host-100.npz').write_bytes(b'PK')", "the ranks' files cannot be merged"),
    ],
)
def test_anything_less_is_a_failed_run_that_shows_the_models_last_lines(run, lines, message):
    with pytest.raises(RunFailed) as caught:
        run(lines)
    assert message in caught.value.message
    assert "the model's last line" in caught.value.details


def test_a_helper_process_that_imports_neuron_and_runs_nothing_is_no_rank(run):
    assert run("report(0); report(0, sections=0, process=200)").ranks == 1


def test_nothing_of_a_run_stays_behind(run, tmp_path):
    run("report(0)")
    assert not any((tmp_path / "scratch").iterdir())
