"""Issue of time: a gain is claimed only where there is one, also when the machine changes under the study."""

from __future__ import annotations

import math
import multiprocessing
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import autotune.begin
import autotune.confirm.confirmation
import autotune.pipeline
from autotune.best import Best
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.noise import NoiseRecord
from autotune.calibrate.notes import FIXED_DT
from autotune.calibrate.short import ShortRun
from autotune.config import RunConfig, make_config
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Run
from autotune.launch.run import FreshRunner
from autotune.measure import Confirmation
from autotune.pipeline import tune
from autotune.raster import read_raster
from autotune.search.second_look import SecondLook
from autotune.settings import UNCHANGED, Effective
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial

pytestmark = pytest.mark.ci  # whole studies with their confirmation: minutes in all

ROOT = Path(__file__).resolve().parents[2]
QUICK: dict[str, Any] = {"confirm": {"pairs": 7, "finalists": 1}, "noise": {"runs": 4}}


class Silent:
    """A progress that shows nothing; `on_trial` may disturb the study."""

    def __init__(self, on_trial: Any = None) -> None:
        self._on_trial = on_trial

    def step(self, name: str) -> str:
        return name

    def trial(self, trial: Trial) -> None:
        if self._on_trial:
            self._on_trial(trial)

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


def study(tmp_path: Path, model: str, *arguments: str, **search: Any) -> Any:
    shutil.copy(ROOT / model, tmp_path)
    command = [sys.executable, Path(model).name, *arguments]
    return make_config({"name": "timing", "command": command, "folder": tmp_path, "search": search, **QUICK})


def run(config: Any, out: Path, on_trial: Any = None) -> Best:
    return tune(config, out, storage=None, fresh=False, progress=Silent(on_trial))


@pytest.fixture
def every_trial_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word is asked of trials that did not look faster, too."""

    def all_of_them(trials: Sequence[Trial], most: int, *_: object) -> list[Trial]:
        return [trial for trial in trials if trial.accepted and trial.changes and trial.answered_from is None][:most]

    monkeypatch.setattr(autotune.confirm.confirmation, "finalists", all_of_them)
    monkeypatch.setattr(autotune.pipeline, "second_look", lambda *_: SecondLook())


def confirmed_pairs(out: Path) -> int:
    confirmation = StudyFolder(out).read(Confirmation)
    assert confirmation is not None
    return len(confirmation.samples)


def hog() -> None:
    while True:
        sum(range(100_000))


@pytest.fixture
def load() -> Iterator[Any]:
    """Starts four busy processes when called; they end with the test."""
    hogs = [multiprocessing.get_context("spawn").Process(target=hog, daemon=True) for _ in range(4)]
    yield lambda: [process.start() for process in hogs]
    for process in hogs:
        if process.pid is not None:
            process.kill()
            process.join()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Best, StudyFolder, list[NoiseRecord | None]]:
    """A finished study of a model that sleeps 30 % less under one setting, and the noise record at each trial."""
    folder = tmp_path_factory.mktemp("planted")
    config = study(folder, "tests/models/sleeps_less.py", trials=3, knobs=("bin_queue", "self_queue"))
    seen: list[NoiseRecord | None] = []
    best = run(config, folder / "out", lambda trial: seen.append(StudyFolder(folder / "out").read(NoiseRecord)))
    return best, StudyFolder(folder / "out"), seen


def test_a_planted_gain_is_found(planted: Any) -> None:
    best = planted[0]
    assert best.verdict == "improved"
    assert best.settings["bin_queue"] is True
    assert 1.0 < best.speedup.low <= best.speedup.estimate <= best.speedup.high  # 1 / (1 - 0.3) is 1.43 when quiet


def test_the_bill_says_when_the_study_has_paid_for_itself(planted: Any) -> None:
    bill = planted[0].bill
    assert bill.tuning_s > 1.0
    assert bill.saved_s_per_run > 0.01  # of ten naps of 10 ms, 30 %
    assert bill.runs_to_pay == pytest.approx(bill.tuning_s / bill.saved_s_per_run, abs=1.0)


def test_the_noise_is_measured_and_kept_before_anything_is_searched(planted: Any) -> None:
    first = planted[2][0]
    assert first is not None
    assert len(first.times_s) >= 4  # with the replays that have proved a session
    assert "can be proved, with 7 pairs at most" in first.advice[0]
    assert first.machine.cores >= 1


def test_only_a_promising_trial_is_measured_again(planted: Any) -> None:
    trials = {trial.params.get("bin_queue"): trial for trial in planted[1].trials() if trial.answered_from is None}
    assert len(trials[True].samples) == 2  # [search] repeats
    assert len(trials[False].samples) == 1


def test_cpu_time_of_each_rank_and_section_times_are_kept(planted: Any) -> None:
    trial = planted[1].trials()[0]
    assert len(trial.samples[0].cpu_s) == 1
    assert {"setup", "run", "output"} <= set(trial.sections)


@pytest.mark.usefixtures("every_trial_is_confirmed")
def test_identical_settings_are_no_improvement_on_the_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoOps(FreshRunner):
        """Takes every setting and changes nothing."""

        def run(self, ask: Ask) -> Run:
            done = super().run(ask.setting(UNCHANGED))
            return replace(done, effective=Effective({**done.effective, **ask.changes}))

    monkeypatch.setattr(autotune.begin, "FreshRunner", NoOps)
    size = ("--rings", "2", "--cells", "4", "--tstop", "60")
    config = study(tmp_path, "studies/ring/ring.py", *size, trials=3, knobs=("bin_queue", "self_queue"))
    best = run(config, tmp_path / "out")
    assert best.verdict == "no improvement"
    assert confirmed_pairs(tmp_path / "out") >= 4
    assert best.settings == best.baseline_settings
    assert best.speedup.estimate == 1.0


@pytest.mark.slow
def test_a_load_in_the_middle_of_a_study_hides_no_gain(tmp_path: Path, load: Any) -> None:
    config = study(tmp_path, "tests/models/sleeps_less.py", trials=2, knobs=("bin_queue",))
    best = run(config, tmp_path / "out", lambda trial: trial.number == 1 and load())
    assert best.verdict == "improved"


@pytest.mark.usefixtures("every_trial_is_confirmed")
def test_a_load_in_the_middle_of_a_study_invents_no_gain(tmp_path: Path, load: Any) -> None:
    arguments = ("--saved", "0", "--busy")
    config = study(tmp_path, "tests/models/sleeps_less.py", *arguments, trials=2, knobs=("bin_queue",))
    best = run(config, tmp_path / "out", lambda trial: trial.number == 0 and load())
    assert confirmed_pairs(tmp_path / "out") >= 4
    assert best.verdict == "no improvement"


def test_a_trial_that_cannot_win_is_stopped_and_has_no_time(tmp_path: Path) -> None:
    arguments = ("--saved", "-400", "--nap-ms", "5")  # with the bin queue it sleeps 401 times as long
    config = study(tmp_path, "tests/models/sleeps_less.py", *arguments, trials=2, knobs=("bin_queue",))
    config = config.model_copy(
        update={"run": RunConfig(resident="never")}
    )  # else it is stopped twice: there and afresh
    run(config, tmp_path / "out")
    trial = StudyFolder(tmp_path / "out").trials()[1]
    assert trial.verdict == "timeout"
    assert trial.ratio is None
    assert trial.samples == ()


def test_the_whole_process_can_be_the_objective(tmp_path: Path) -> None:
    config = study(tmp_path, "tests/models/sleeps_less.py", trials=1, knobs=("bin_queue",), objective="total")
    run(config, tmp_path / "out")
    trial = StudyFolder(tmp_path / "out").trials()[0]
    assert trial.samples[0].trial_s > trial.sections["run"] + 0.1  # start of the interpreter, set-up


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Best, StudyFolder]:
    """A study whose runs count as long, so that it searches on a part of them."""
    folder = tmp_path_factory.mktemp("long")
    model = ("tests/models/small_ring.py", "--tstop", "600")
    config = study(folder, *model, trials=2, knobs=("self_queue",), short_s=0.01)
    return run(config, folder / "out"), StudyFolder(folder / "out")


def test_a_long_model_is_searched_on_a_part_of_its_run(long_model: Any) -> None:
    folder = long_model[1]
    short = folder.read(ShortRun)
    assert short.stop_ms is not None
    assert short.stop_ms < 0.6 * 600.0
    whole = read_raster(folder.baseline_raster)
    spikes = len(whole.window(-math.inf, short.stop_ms))
    assert spikes >= min(200, len(whole) / 4)
    assert {trial.spikes for trial in folder.trials()} == {spikes}
    assert {trial.verdict for trial in folder.trials()} == {"accepted"}


def test_finalists_run_the_whole_model(tmp_path: Path) -> None:
    arguments = ("--tstop", "400", "--naps", "40", "--nap-ms", "5")
    short = {"short_s": 0.02, "short_spikes": 3}
    config = study(tmp_path, "tests/models/sleeps_less.py", *arguments, trials=2, knobs=("bin_queue",), **short)
    best = run(config, tmp_path / "out")
    searched = StudyFolder(tmp_path / "out").trials()[0].samples[0].before_s
    confirmed = StudyFolder(tmp_path / "out").read(Confirmation)
    assert best.verdict == "improved"
    assert min(pair.baseline_s for pair in confirmed.samples) > 1.5 * searched
    noise = StudyFolder(tmp_path / "out").read(NoiseRecord)
    assert min(pair.baseline_s for pair in confirmed.samples) > 1.5 * min(noise.times_s)  # A/A is the search's length
    assert "its A/A runs end at" in StudyFolder(tmp_path / "out").read(ShortRun).note


def test_a_model_that_cannot_be_stopped_early_is_searched_whole(tmp_path: Path) -> None:
    short = {"short_s": 0.001, "short_spikes": 1}
    config = study(tmp_path, "tests/models/fadvance_loop.py", trials=1, knobs=("bin_queue",), **short)
    run(config, tmp_path / "out")
    short = StudyFolder(tmp_path / "out").read(ShortRun)
    assert short.stop_ms is None
    assert "went on to t" in short.note


def test_a_model_that_is_mostly_a_loop_is_timed_as_a_whole(tmp_path: Path) -> None:
    config = study(tmp_path, "tests/models/mostly_a_loop.py", trials=1, knobs=("bin_queue",))
    run(config, tmp_path / "out")
    trial = StudyFolder(tmp_path / "out").trials()[0]
    assert trial.samples[0].trial_s > 5 * trial.sections["psolve"]


def test_a_baseline_that_fails_in_the_confirmation_is_told_as_such(tmp_path: Path) -> None:
    config = study(tmp_path, "tests/models/sleeps_less.py", trials=2, knobs=("bin_queue",))

    def spoil(trial: Trial) -> None:
        if trial.number == 1:
            (tmp_path / "sleeps_less.py").write_text("raise SystemExit('gone')")

    with pytest.raises(BaselineError, match="ran before and fails now"):
        run(config, tmp_path / "out", spoil)


def test_a_model_that_sets_its_own_dt_is_not_searched_over_dt(tmp_path: Path) -> None:
    config = study(tmp_path, "tests/models/mostly_a_loop.py", trials=2, knobs=("dt", "bin_queue"))
    script = tmp_path / "mostly_a_loop.py"
    script.write_text(script.read_text().replace("pc.psolve(5)", "h.dt = 0.025\npc.psolve(5)"))
    best = run(config, tmp_path / "out")
    folder = StudyFolder(tmp_path / "out")
    calibration = folder.read(Calibration)
    assert calibration is not None
    assert calibration.note == FIXED_DT
    assert calibration.half_dt_shift_ms is None
    assert all("dt" not in trial.params for trial in folder.trials())
    assert "dt" not in best.settings
