"""The user's command runs as typed, in the user's interpreter and NEURON, and nothing that the user can see changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from model_bench import Bench

from autotune.launch.judge import RunFailed

pytestmark = pytest.mark.mpi

PYTHON_FORMS = {
    "python": "python ending.py h.quit",
    "nrniv -python": "nrniv{mpi} -python ending.py h.quit",
    "special -python": "{special}{mpi} -python ending.py h.quit",
}
HOC_FORMS = {
    "nrniv": "nrniv{mpi} hoc_net.hoc",
    "nrniv -c": "nrniv{mpi} -c x=1 hoc_net.hoc",
    "special": "{special}{mpi} hoc_net.hoc",
}
FINAL_T = dict.fromkeys(PYTHON_FORMS, 30.0) | dict.fromkeys(HOC_FORMS, 60.0)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("form", [*PYTHON_FORMS, *HOC_FORMS])
def test_every_form_of_launch_runs_as_without_us(form: str, ranks: int, bench: Bench, request) -> None:
    special = ""
    if "special" in form:
        bench.extra = [request.getfixturevalue("special")]
        special = str(next(bench.extra[0].glob("*/special")).relative_to(bench.extra[0]))
    line = {**PYTHON_FORMS, **HOC_FORMS}[form].format(mpi=" -mpi" * (ranks > 1), special=special)
    line = f"mpiexec -n {ranks} {line}" if ranks > 1 else line
    plain = bench.plain(line)
    run, watched = bench.watched(line)
    assert (run.ranks, round(run.t_ms, 6)) == (ranks, FINAL_T[form])
    assert len(run.raster) > 0
    assert watched == plain if ranks == 1 else _of_user(watched) == _of_user(plain)


def _of_user(ending):
    return ending.stdout, ending.exit_code, ending.files


WAYS = ["fall-off", "h.quit", "quit", "sys.exit", "runworker", "forget"]


@pytest.mark.parametrize(("way", "ranks"), [(way, 2) for way in WAYS] + [("fall-off", 1), ("sys.exit", 1)])
def test_every_way_to_end_keeps_its_exit_code_and_reports_every_rank(way: str, ranks: int, bench: Bench) -> None:
    line = f"mpiexec -n {ranks} python ending.py {way}" if ranks > 1 else f"python ending.py {way}"
    plain = bench.plain(line)
    run, watched = bench.watched(line)
    assert _of_user(watched) == _of_user(plain)
    assert plain.exit_code == {"sys.exit": 3}.get(way, 1 if ranks > 1 and way in ("fall-off", "forget") else 0)
    assert f"{len(run.raster)} spikes" in watched.stdout
    assert [round(report.t_ms, 6) for report in run.reports] == [30.0] * ranks


def test_a_rank_that_is_still_busy_when_another_ends_reports_before_its_launcher_kills_it(bench: Bench) -> None:
    line = "mpiexec -n 2 python ending.py late"
    run, watched = bench.watched(line)
    assert [report.signal for report in run.reports] == ["", "SIGTERM"]
    assert f"{len(run.raster)} spikes" in watched.stdout
    assert watched.exit_code == bench.plain(line).exit_code


@pytest.mark.parametrize("program", ["python", "nrniv -python"])
def test_an_exception_of_the_model_is_a_failed_run_that_quotes_it(program: str, bench: Bench) -> None:
    plain = bench.plain(f"{program} ending.py exception")
    with pytest.raises(RunFailed, match="ValueError: the author's own mistake"):
        bench.watched(f"{program} ending.py exception")
    assert bench.last == plain


def test_a_hoc_model_that_falls_off_its_end_on_two_ranks(bench: Bench) -> None:
    plain = bench.plain("mpiexec -n 2 nrniv -mpi noquit.hoc")
    run, watched = bench.watched("mpiexec -n 2 nrniv -mpi noquit.hoc")
    assert (run.ranks, round(run.t_ms, 6)) == (2, 60.0)
    assert _of_user(watched) == _of_user(plain)


@pytest.mark.parametrize("program", ["python", "nrniv -python"])
def test_the_script_sees_its_own_arguments_folder_environment_and_object_names(program: str, bench: Bench) -> None:
    bench.variables = {"MODEL_OPTION": "a value with spaces"}
    line = f"{program} surroundings.py first --second=2"
    plain = bench.plain(line)
    _, watched = bench.watched(line)
    before, after = (json.loads(next(x for x in e.stdout if x.startswith("{"))) for e in (plain, watched))
    assert after == before
    assert before["argv"][-2:] == ["first", "--second=2"]


def test_a_sitecustomize_of_the_user_still_runs(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins\nbuiltins.author = 'the author'\n")
    (tmp_path / "own" / "model.py").write_text(
        "from neuron import h\nprint(author)\ns = h.Section()\nh.finitialize(-65)\nh.fadvance()\n"
    )
    bench.extra = [tmp_path / "own"]
    bench.variables = {"PYTHONPATH": str(bench.folder)}
    plain = bench.plain("python model.py")
    _, watched = bench.watched("python model.py")
    assert "the author" in watched.stdout
    assert watched == plain
