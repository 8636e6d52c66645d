"""Planted models: each gets exactly its advice and nothing else; and the parts of a profile are the time of the run."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autotune.launch.setup_watch import total_s
from autotune.profile.advice.balance import by_processing_time
from autotune.profile.scaling import Point, Scaling
from autotune.report.profile import scaling_table

HERE = Path(__file__).parent
TWO = ("mpiexec", "-n", "2")
# Each fault is planted large, and only its presence and the absence of others are looked at.
PLANTED = {
    "none": (TWO, []),
    "serial": ((), ["parallel"]),
    "all build all": (TWO, ["not parallel"]),
    "unbalanced": (TWO, ["unbalanced"]),
    "output": (TWO, ["output"]),
    "loop": (TWO, ["psolve"]),
    "callback": (TWO, ["called each step"]),
    "events": (TWO, ["called each step"]),
}
PLANTED_IN_HOC = {
    "none": ([], TWO),
    "serial": (["parallel"], ()),
    "all gids on all ranks": (["not parallel"], TWO),
    "all cells on all ranks": (["not parallel"], TWO),  # each has a gid on one rank only: the others compute in vain
    "more cells on one rank": (["unbalanced"], TWO),
}


@pytest.fixture
def profile(autotune: Any, tmp_path: Path) -> Callable[..., Any]:
    """The profile of a command in a folder of its own, as JSON; with the answer."""

    def make(*words: str | Path, options: tuple[str, ...] = ("--no-mechanisms",)) -> tuple[dict[str, Any], Any]:
        answer = autotune("profile", "--json", *options, "--", *words, cwd=tmp_path)
        return (json.loads(answer.stdout) if answer.stdout.startswith("{") else {}), answer

    return make


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_gets_its_advice_and_no_other(profile: Callable[..., Any], tmp_path: Path, fault: str):
    launcher, wanted = PLANTED[fault]
    shutil.copy(HERE / "net.py", tmp_path)
    said, answer = profile(*launcher, sys.executable, "net.py", fault)
    assert answer.code == 0, answer
    names = [advice["name"] for advice in said["advice"]]
    assert [name for name in names if name != "set-up"] == wanted, said[
        "advice"
    ]  # its run takes a fraction of a second
    sections = said["profile"]["sections"]
    assert sum(sections.values()) == pytest.approx(said["profile"]["wall_s"], rel=0.02)
    assert sections["run"] > 0.0
    ranks = said["profile"]["ranks"]
    assert len(ranks) == (2 if launcher else 1)
    assert all(rank["peak_mb"] > 10 and rank["segments"] > 0 for rank in ranks)
    for advice in said["advice"]:
        assert advice["because"]
        assert advice["bound"] is None or 1.05 <= advice["bound"] <= said["profile"]["wall_s"] / 1e-3


@pytest.mark.parametrize("fault", PLANTED_IN_HOC)
def test_so_does_one_that_is_planted_in_hoc(profile: Callable[..., Any], tmp_path: Path, fault: str):
    wanted, launcher = PLANTED_IN_HOC[fault]
    shutil.copy(HERE / "net.hoc", tmp_path)
    program = ("nrniv", *(["-mpi"] if launcher else []), "-c", "strdef fault", "-c", f'fault = "{fault}"')
    said, answer = profile(*launcher, *program, "net.hoc")
    assert answer.code == 0, answer
    assert [advice["name"] for advice in said["advice"]] == wanted, said["advice"]
    assert all("pc.id" in advice["how"] or "mpiexec" in advice["how"] for advice in said["advice"])


def test_the_parts_are_the_wall_time_that_a_clock_outside_shows(
    profile: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Between two looks at the clock right beside the launcher; a machine with other work may be slow in between."""
    shutil.copy(HERE / "net.py", tmp_path)
    beside = os.path.dirname(sys.executable)  # where the tuner looks first
    real = shutil.which("mpiexec", path=f"{beside}:{os.environ['PATH']}")
    assert real
    timed = tmp_path / "bin" / "mpiexec"
    timed.parent.mkdir()
    for name in ("etc", "lib", "share"):  # where an MPI lies beside its launcher
        (tmp_path / name).symlink_to(Path(real).parents[1] / name)
    timed.write_text(
        f"""#!/bin/sh
[ "$1" = -n ] || exec {real} "$@"
read began rest < /proc/uptime
{real} "$@"
code=$?
read ended rest < /proc/uptime
echo $began $ended > outside
exit $code
"""
    )
    timed.chmod(0o755)
    monkeypatch.setenv("PATH", f"{timed.parent}:{os.environ['PATH']}")
    shares = []
    for _ in range(3):
        said, answer = profile(*TWO, sys.executable, "net.py", "unbalanced")
        assert answer.code == 0, answer
        began_s, ended_s = map(float, (tmp_path / "outside").read_text().split())
        parts_s, outside_s = sum(said["profile"]["sections"].values()), ended_s - began_s
        shares.append(parts_s / outside_s)
        # Mounting the overlay comes before the clock outside begins; that clock ticks in hundredths of a second.
        if -0.02 * outside_s < parts_s - outside_s < 0.02 * outside_s + 0.15:
            return
    raise AssertionError(shares)


def test_creation_and_connection_are_told_apart_though_hoc_holds_the_interpreter(
    profile: Callable[..., Any], tmp_path: Path
):
    shutil.copy(HERE / "builds.hoc", tmp_path)
    said, answer = profile("nrniv", "builds.hoc")
    assert answer.code == 0, answer
    seen = said["profile"]
    assert seen["undivided"] == ""
    creating, connecting = seen["sections"]["creating cells"], seen["sections"]["connecting"]
    assert creating > 0.2
    assert connecting == pytest.approx(seen["named"]["wiring"], rel=0.2)  # the model itself says when it connects
    assert creating > connecting > 5 * seen["sections"]["other set-up"]
    assert [advice["name"] for advice in said["advice"]] == ["set-up"]
    assert seen["sections"]["run"] < connecting


def test_mechanisms_are_timed_and_the_missing_word_is_named(profile: Callable[..., Any], tmp_path: Path):
    for file in ("leaky.py", "mod/cheap.mod", "mod/costly.mod"):
        shutil.copy(HERE / file, tmp_path)
    subprocess.run([Path(sys.executable).with_name("nrnivmodl")], cwd=tmp_path, check=True, capture_output=True)
    said, answer = profile(sys.executable, "leaky.py", options=())
    assert answer.code == 0, answer
    times = said["profile"]["mechanisms"]
    # Ten to one; on a machine with nothing else to do within a fifth of it, but others may run beside this one.
    assert 5 < times["costly"] / times["cheap"] < 20
    assert sum(times.values()) <= 1.01 * said["profile"]["mechanisms_run_s"]
    assert set(said["model"]["lacking_threadsafe"]) == {"cheap", "costly"}
    plain = [advice for advice in said["advice"] if advice["name"] == "compiled at -O2"]
    if platform.machine() == "x86_64":
        assert "costly" in plain[0]["because"]
        assert "-march=native" in plain[0]["how"]
    if said["model"]["cores"] > 1:
        assert "THREADSAFE" in [advice["name"] for advice in said["advice"]]


def test_a_model_that_dies_half_way_still_has_a_profile(profile: Callable[..., Any], tmp_path: Path):
    shutil.copy(HERE / "net.py", tmp_path)
    said, answer = profile(sys.executable, "net.py", "dies")
    assert answer.code == 3
    assert "half-way" in said["profile"]["failed"]
    assert said["profile"]["sections"]["imports"] > 0.0
    assert said["advice"] == []


def test_one_that_is_killed_leaves_what_was_seen_from_outside(profile: Callable[..., Any], tmp_path: Path):
    shutil.copy(HERE / "net.py", tmp_path)
    said, answer = profile(*TWO, sys.executable, "net.py", "killed")
    assert answer.code == 3
    seen = said["profile"]
    assert "NEURON ended by itself" in seen["failed"]
    assert sum(seen["sections"].values()) == pytest.approx(seen["wall_s"], rel=0.02)
    assert seen["sections"]["imports"] > 0.0
    assert seen["sections"]["run"] > 0.0
    assert said["advice"] == []


def test_a_terminal_shows_the_parts_the_ranks_and_the_advice(autotune: Any, tmp_path: Path):
    shutil.copy(HERE / "net.py", tmp_path)
    answer = autotune(
        "profile", "--balance", "owners.txt", "--", *TWO, sys.executable, "net.py", "unbalanced", cwd=tmp_path
    )
    assert answer.code == 0, answer
    for text in ("imports", "run section: pc.psolve", "load balance: 0.", "mechanisms, in a run section", "hh"):
        assert text in answer.stdout
    assert "advice: Deal the cells out by their work" in answer.stdout
    owners = dict(map(int, line.split()) for line in (tmp_path / "owners.txt").read_text().splitlines())
    assert sorted(owners) == list(range(12))
    heavy = [owners[gid] for gid in range(2, 12, 2)]
    assert abs(heavy.count(0) - heavy.count(1)) == 1  # five heavy cells, no longer all on one rank


def test_the_least_processing_time_deals_out_the_heaviest_first():
    assert by_processing_time({0: {1: 8.0, 2: 1.0}, 1: {3: 5.0, 4: 4.0}}) == {1: 0, 3: 1, 4: 1, 2: 0}
    assert by_processing_time({0: {1: 8.0}, 1: {}}) == {}


def test_intervals_end_where_the_set_up_does():
    assert total_s([(1.0, 2.0), (3.0, 5.0), (7.0, 8.0)], 4.0) == 2.0


def test_how_a_model_scales_is_run_and_forecast(autotune: Any, tmp_path: Path):
    shutil.copy(HERE / "net.py", tmp_path)
    command = ("mpiexec", "-n", "{ranks}", "--oversubscribe", sys.executable, "net.py")
    answer = autotune("profile", "--json", "--ranks", "1,2", "--", *command, cwd=tmp_path)
    assert answer.code == 0, answer
    said = json.loads(answer.stdout)
    one, two = said["runs"]
    assert (one["number"], two["number"]) == (1, 2)
    assert one["serial_fraction"] is None
    assert one["efficiency"] == 1.0
    assert two["efficiency"] == pytest.approx(one["run_s"] / two["run_s"] / 2)
    assert two["peak_mb"] > one["peak_mb"] > 10
    if two["run_s"] < one["run_s"]:  # else this machine is busy, and that is said
        least, likely, most = said["forecast"]["4"]
        assert 0.0 < least <= likely <= most
    else:
        assert "more of them are slower" in said["no_forecast"]
    refused = autotune("profile", "--ranks", "1,2", "--", *TWO, sys.executable, "net.py", cwd=tmp_path)
    assert refused.code == 2
    assert "{ranks}" in refused.stderr


def test_the_serial_fraction_is_that_of_karp_and_flatt():
    points = tuple(Point(n, 10.0 * (0.2 + 0.8 / n), 0.0, None, 0.0, over=n > 4) for n in (1, 2, 4, 8))
    scaling = Scaling("ranks", points)
    assert [scaling.serial_fraction(point) for point in points[1:]] == pytest.approx([0.2] * 3)
    assert scaling.forecast(16) == pytest.approx((2.5, 2.5, 2.5))
    assert Scaling("ranks", points[:1]).forecast(2) is None
    lame = Scaling("ranks", (points[0], Point(2, 6.0, 0.0, 0.8, 0.0, over=False)))
    assert lame.serial_fraction(lame.points[1]) == pytest.approx(0.2)
    # Balanced it would take 4.8 s, less than half of one: so the band reaches down to a quarter with four.
    assert lame.forecast(4) == pytest.approx((2.5, 4.0, 4.0))
    assert scaling.no_forecast() == lame.no_forecast() == ""


def test_nothing_is_forecast_where_more_ranks_are_slower():
    points = tuple(Point(n, run_s, 0.0, None, 0.0, over=n > 4) for n, run_s in ((1, 4.0), (2, 3.0), (4, 3.5), (8, 9.0)))
    slower = Scaling("ranks", points)
    assert slower.forecast(16) is None
    assert "with 4 ranks the run section took 3.5 s, with 2 3 s: more of them are slower" in slower.no_forecast()
    assert "two numbers" in Scaling("ranks", points[:1]).no_forecast()
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(scaling_table(slower))
    said = console.export_text()
    assert "no forecast" in said
    assert "forecast, not run" not in said
