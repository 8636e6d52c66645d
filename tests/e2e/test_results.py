"""The files that a model writes decide on a trial as its spikes do: planted cases whose right verdict is known."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask
from autotune.launch.command import launch_environment, parse_command
from autotune.launch.files import NAMES, choose
from autotune.launch.mpi import find_mpi, mpi_environment
from autotune.launch.results import keep_files, results_of
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import observe
from autotune.results import Compared, worst
from autotune.settings import Changes
from autotune.verify.acceptance import Acceptance
from autotune.verify.files import OwnFiles, structure

MODEL = Path(__file__).parents[1] / "models" / "writes_results.py"
DT, BINS = Changes({"dt": 0.05}), Changes({"bin_queue": True})
FILES = ["results.pkl", "spikes.txt", "summary.json", "v.csv"]


@dataclass
class Known:
    """A model whose own runs are known: the watched one, some more, and those at dt/2 and dt/4."""

    runner: FreshRunner
    acceptance: Acceptance

    def compared(self, changes: Changes, safety: str) -> dict[str, Compared]:
        run = self.runner.run(Ask(60.0, changes))
        assert run.files is not None
        return {each.name: each for each in self.acceptance.compared_beside(run, changes, safety)}


def known(tmp_path: Path, kind: str, *, ranks: int = 1, means: str = "", repeats: int = 2, finer: bool = True) -> Known:
    home = tmp_path / "model"
    home.mkdir()
    shutil.copy(MODEL, home / "run.py")
    launcher = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
    command = parse_command([*launcher, sys.executable, "run.py", kind], home)
    environment = launch_environment(command, os.environ)
    environment |= mpi_environment(find_mpi(command, environment), environment)
    study = tmp_path / "study"
    stage_agent(study / "agent")
    files = choose(study / "files", home, environment, ours=[study], allowed=[means] if means else NAMES)
    runner = FreshRunner(command, environment, study / "agent", study / "scratch", files=files)
    observation, baseline = observe(runner, find_mpi(command, environment), 60.0)
    results = results_of(files.store, home, None, baseline, ())
    runner = replace(runner, results=results)
    acceptance = Acceptance(baseline, observation, AcceptConfig(), files=OwnFiles(results.names))
    for _ in range(repeats):
        acceptance.learn(runner.run(Ask(60.0)))
    for name, dt in (("half-dt", 0.0125), ("quarter-dt", 0.00625)) if finer else ():
        acceptance.files.learn(runner.run(Ask(60.0, Changes({"dt": dt}))).files, name)
    return Known(runner, acceptance)


@pytest.mark.parametrize("means", [*NAMES, "copy"])
def test_a_sound_model_is_accepted_by_every_means_and_says_what_was_not_compared(tmp_path: Path, means: str) -> None:
    model = known(tmp_path, "sound", means=means, finer=means == "overlay")
    assert list(model.acceptance.files.names) == FILES
    found = model.compared(BINS, EXACT)
    assert {name: each.state for name, each in found.items() if name in FILES} == {
        "results.pkl": "not compared",
        "spikes.txt": "identical",
        "summary.json": "within",
        "v.csv": "identical",
    }
    assert found["results.pkl"].says == "a pickle is never opened"
    if means == "overlay":
        longer = model.compared(DT, NUMERICAL)
        assert worst(longer.values()) is None, longer
        assert longer["spikes.txt"].state == "within"
        assert 0.1 < longer["v.csv"].distance < 1


def test_a_script_that_counts_steps_is_named_as_such(tmp_path: Path) -> None:
    model = known(tmp_path, "counts-steps", finer=False)
    found = model.compared(DT, NUMERICAL)["lfp.npy"]
    assert (found.where, found.state) == ("file", "different")
    assert found.says == "lfp.npy: filled for half of its length at dt = 0.05"
    run = model.runner.run(Ask(60.0, DT))
    assert structure(model.acceptance.files, AcceptConfig(), run.files, 0.05) == found.says


def test_one_column_that_changes_is_found_under_exact_and_numerical_knobs(tmp_path: Path) -> None:
    model = known(tmp_path, "column")
    for changes, safety in ((BINS, EXACT), (DT, NUMERICAL), (BINS, ROUND_OFF)):
        found = model.compared(changes, safety)
        wrong = worst(found.values())
        assert wrong is not None
        assert wrong.says.startswith("v.csv: m: numbers are off by up to"), found


def test_a_file_that_appears_in_the_users_run_only_is_found(tmp_path: Path) -> None:
    model = known(tmp_path, "only-at-first", finer=False)
    assert model.compared(DT, NUMERICAL)["extra.txt"].says == "extra.txt: is not written"
    assert model.compared(BINS, EXACT)["extra.txt"].state == "identical"


@pytest.mark.mpi
def test_rows_in_another_order_under_mpi_are_the_same_rows(tmp_path: Path) -> None:
    model = known(tmp_path, "any-order", ranks=2, repeats=6, finer=False)
    for _ in range(2):
        found = model.compared(BINS, EXACT)
        assert worst(found.values()) is None, found


def test_what_a_run_wrote_is_kept_on_request(tmp_path: Path) -> None:
    model = known(tmp_path, "sound", repeats=0, finer=False)
    kept = tmp_path / "study" / "winner"
    run = replace(model.runner, keep=kept).run(Ask(60.0, DT))
    assert run.files is not None
    assert sorted(file.name for file in kept.iterdir()) == FILES
    own = tmp_path / "model" / "spikes.txt"
    assert len((kept / "spikes.txt").read_text().splitlines()) == len(run.raster) > 0
    assert (kept / "spikes.txt").read_text() != own.read_text()


def test_what_is_kept_of_a_run_lies_where_its_name_says_and_no_link_is_followed(tmp_path: Path) -> None:
    layer, model = tmp_path / "layer", tmp_path / "model"
    for name in ("a", "b"):
        (layer / name).parent.mkdir(exist_ok=True)
        (layer / name).write_text(name)
    (layer / "link").symlink_to("/etc/passwd")
    wrote = {
        str(model / "out" / "a"): layer / "a",
        "/data/b": layer / "b",
        str(model / "link"): layer / "link",
    }
    keep_files(wrote, model, tmp_path / "winner")
    assert (tmp_path / "winner" / "out" / "a").read_text() == "a"
    assert (tmp_path / "winner" / "elsewhere" / "data" / "b").read_text() == "b"
    assert os.readlink(tmp_path / "winner" / "link") == "/etc/passwd"
