"""`run --also`: the winner's spikes on other commands of the user, and what `exec` makes of that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from handed import SERIAL

from autotune.best import Best, read_best, write_best
from autotune.config import AcceptConfig
from autotune.confirm.elsewhere import Checked, Elsewhere, Elsewheres
from autotune.errors import UsageError
from autotune.handover.answer import Answer
from autotune.handover.production import production
from autotune.handover.shims import shell_lines
from autotune.launch.ask import Ask, Run
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner
from autotune.report.html.sections.elsewhere import section
from autotune.report.html.studied import Studied
from autotune.settings import changes_of
from autotune.verify.acceptance import Acceptance

pytestmark = pytest.mark.ci

LONGER = (sys.executable, "prints.py", "longer")


@pytest.fixture
def check(answer: Answer, fresh_runner: Callable[..., FreshRunner]) -> Callable[..., Checked]:
    """`check(safety, regime, **changes)`: what a study that found these changes says of a shorter run of the ring."""

    def make(safety: str, regime: Any = "regular", **changes: Any) -> Checked:
        runner = fresh_runner("small_ring.py", "--tstop", "30", ranks=1)
        asked: list[Ask] = []

        class Counting:
            def run(self, ask: Ask) -> Run:
                asked.append(ask)
                return runner.run(ask)

        # Of the study's own command nothing but its rules and regime may count: its baseline is of another model.
        limits = AcceptConfig(window_ms=0.5, null_runs=3)
        own = Acceptance(runner.run(Ask(60)).raster.window(0, 1), answer.observation, limits, regime)
        checked = Elsewheres(changes_of(changes), safety, own, 60).check(("ring",), Counting())
        make.runs = len(asked)  # type: ignore[attr-defined]
        return checked

    return make


def test_exact_settings_give_the_same_spikes_in_two_runs(check: Callable[..., Checked]) -> None:
    checked = check("exact", secondorder=0)
    assert (checked.accepted, checked.largest_shift_ms, check.runs) == (True, 0.0, 2)
    assert checked.says == f"{checked.spikes} spikes, identical"


def test_a_larger_step_moves_them_by_less_than_the_window_or_is_no_good(check: Callable[..., Checked]) -> None:
    near, far = check("numerical", dt=0.05), check("numerical", dt=0.5)
    assert near.accepted
    assert near.largest_shift_ms is not None
    assert 0 < near.largest_shift_ms <= 0.5
    assert "moved by at most" in near.says
    assert not far.accepted


def test_what_claims_to_be_exact_may_not_move_a_spike(check: Callable[..., Checked]) -> None:
    checked = check("exact", dt=0.05)
    assert not checked.accepted
    assert "must not move a spike" in checked.says


def test_a_command_that_fails_is_told(answer: Answer) -> None:
    class Failing:
        def run(self, ask: Ask) -> Run:
            raise RunFailed("crashed", "rank 1 has left no report")

    acceptance = Acceptance(None, answer.observation, AcceptConfig())  # type: ignore[arg-type]
    checked = Elsewheres(changes_of({"dt": 0.05}), "numerical", acceptance, 60).check(("ring",), Failing())
    assert checked == Checked(("ring",), False, "a run failed: rank 1 has left no report")


def with_checked(best: Path, *checked: Checked) -> Best:
    read = read_best(best)
    read = read.model_copy(update={"evidence": read.evidence.model_copy(update={"elsewhere": checked})})
    write_best(read, best)
    return read_best(best)


def test_best_json_lists_them_and_exec_takes_them_for_proved(answer_to: Callable[..., Path], folder: Path) -> None:
    file = answer_to(*SERIAL, dt=0.05)
    assert production(read_best(file), LONGER, folder).warnings == (
        "proved on other arguments; --verify compares once with your own settings",
    )
    best = with_checked(file, Checked(LONGER, True, "9 spikes, identical", 9, 0.0))
    assert production(best, LONGER, folder).warnings == ()


def test_where_the_spikes_were_others_exec_refuses(answer_to: Callable[..., Path], folder: Path) -> None:
    best = with_checked(answer_to(*SERIAL, dt=0.05), Checked(LONGER, False, "1 spike missed", 9))
    with pytest.raises(UsageError, match="not the same on these arguments: 1 spike missed"):
        production(best, LONGER, folder)
    assert production(best, SERIAL, folder).warnings == ()


def shim_of(lines: Sequence[str]) -> str:
    (path,) = (line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("PATH="))
    return (Path(path.strip("'")) / "python").read_text()


def test_the_shim_of_a_job_script_knows_them(answer_to: Callable[..., Path], folder: Path) -> None:
    best = answer_to("python", "prints.py", dt=0.05)
    longer, other = ("python", "prints.py", "longer"), ("python", "prints.py", "other")
    known = with_checked(best, Checked(longer, True, ""), Checked(other, False, "no"))
    text = shim_of(list(shell_lines(known, best)))
    assert "longer" in text
    assert "other" not in text


def test_a_later_answer_replaces_an_earlier_one() -> None:
    first = Elsewhere(changes_of({"dt": 0.05})).with_one(Checked(("a",), False, "")).with_one(Checked(("b",), True, ""))
    again = first.with_one(Checked(("a",), True, "now"))
    assert [each.command for each in again.commands] == [("b",), ("a",)]
    assert again.of(["a"]) == Checked(("a",), True, "now")


def test_the_report_shows_them(answer: Answer) -> None:
    evidence = answer.best.evidence.model_copy(update={"elsewhere": (Checked(("run", "<b>"), False, "1 & 2"),)})
    studied = object.__new__(Studied)
    object.__setattr__(studied, "answer", replace(answer, best=answer.best.model_copy(update={"evidence": evidence})))
    made = section(studied)
    assert made is not None
    assert "&lt;b&gt;" in made.body
    assert "1 &amp; 2" in made.body


@pytest.mark.slow
def test_a_finished_study_is_asked_again(dt_study: Any, copy_of: Any, autotune: Any) -> None:
    """It makes the runs of that command and no others; what it found is in best.json. Of a longer one the spikes of the
    largest step may stray beyond the window: its shift grows with time.
    """
    study = copy_of(dt_study)
    line = "{python} small_ring.py --cells 1024 --delay 4 --tstop 30"
    said = autotune("run", "--json", "--also", line, "--out", study.out, study.study, cwd=study.study.parent)
    assert said.code == 0, str(said)
    best = Best.model_validate_json(said.stdout)
    assert best.evidence.trials == len(dt_study.trials())
    (checked,) = best.evidence.elsewhere
    assert checked.command == tuple(line.split())
    assert checked.accepted, checked.says
