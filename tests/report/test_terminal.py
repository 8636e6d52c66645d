"""The study in a terminal: what stands on the screen of a real pseudo-terminal, and the plain lines without one."""

from __future__ import annotations

import io
import os
import pty
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from autotune.best import Best, RasterEvidence
from autotune.calibrate.calibration import Calibration
from autotune.config import SearchConfig
from autotune.handover.told import describe_raster
from autotune.measure import Dropped, Pair
from autotune.report.format import format_value
from autotune.report.terminal import TerminalProgress, answer
from autotune.store.records import Trial
from record import screen

BEST_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "best.md"
TRIALS = [
    Trial(0, {"dt": 0.025, "nspike": 0}, "accepted", ratio=1.0, wall_s=10.0),
    Trial(1, {"dt": 0.05}, "accepted", changes={"dt": 0.05}, ratio=0.5, wall_s=10.0),
    Trial(2, {"dt": 0.1}, "diverged", reason="785 spikes missed", changes={"dt": 0.1}, ratio=0.25, wall_s=10.0),
    Trial(3, {"nspike": 8}, "accepted", changes={"nspike": 8, "gid_compress": True}, ratio=0.9, wall_s=10.0),
]


def on_a_terminal(tell: Callable[[TerminalProgress], None], columns: int = 100) -> list[str]:
    """What stands on the screen of a pseudo-terminal when everything is told, without colours."""
    master, slave = pty.openpty()
    written: list[bytes] = []
    reader = threading.Thread(target=_read, args=(master, written))
    reader.start()
    with os.fdopen(slave, "w") as file:
        environment = {"TERM": "xterm-256color"}
        progress = TerminalProgress(Console(file=file, width=columns, height=50, _environ=environment, highlight=False))
        tell(progress)
        progress.close()
    reader.join()
    os.close(master)
    return [Text.from_ansi(line).plain.rstrip() for line in screen(b"".join(written).decode())]


def in_a_pipe(tell: Callable[[TerminalProgress], None]) -> list[str]:
    file = io.StringIO()
    tell(TerminalProgress(Console(file=file, width=40, highlight=False)))
    return file.getvalue().splitlines()


def _read(terminal: int, written: list[bytes]) -> None:
    try:
        while block := os.read(terminal, 65_536):
            written.append(block)
    except OSError:  # Linux says that the other end is closed in this way
        pass


def search(progress: TerminalProgress) -> None:
    progress.searching([], SearchConfig(trials=8))
    for trial in TRIALS:
        progress.trial(trial)


def test_the_bar_is_as_full_as_the_search_is_done_and_stands_there_once():
    (status,) = [line for line in on_a_terminal(search) if "━" in line]
    bar = status.split("  ")[0]
    assert 10 <= len(re.match("━*╸?", bar)[0]) <= 13  # 4 of 8 trials of 24 columns, the rest is drawn paler or not
    assert "4 of 8 trials, about 40 s left" in status


def test_the_best_so_far_is_the_fastest_accepted_trial_not_the_fastest():
    text = " ".join(" ".join(on_a_terminal(search)).split())
    assert "best so far 0.500 in trial 1 (dt=0.05)" in text


def test_as_long_as_nothing_is_faster_nothing_is_called_the_best():
    def begin(progress: TerminalProgress) -> None:
        progress.searching([], SearchConfig(trials=8))
        progress.trial(TRIALS[0])

    assert "nothing faster yet" in " ".join(on_a_terminal(begin))


def test_each_trial_has_its_row_with_verdict_ratio_and_reason():
    rows = [line.split() for line in on_a_terminal(search)]
    assert ["0", "baseline", "accepted", "1.000"] in rows
    assert ["2", "dt=0.1", "diverged", "0.250", "785", "spikes", "missed"] in rows
    assert ["3", "nspike=8", "gid_compress", "accepted", "0.900"] in rows


@pytest.mark.parametrize("columns", [48, 60])
def test_a_narrow_terminal_is_kept_to(columns):
    lines = on_a_terminal(lambda progress: (search(progress), progress.stopped("8 trials were made")), columns)
    assert max(map(cell_len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    assert "4 of 8" in text
    assert "dt=0.05" in text
    assert any("━" in line for line in lines)


def test_without_a_terminal_each_trial_is_one_plain_line():
    lines = in_a_pipe(search)
    assert len(lines) == len(TRIALS)
    assert not any("\x1b" in line or "━" in line for line in lines)
    assert lines[2].split() == [
        *("trial", "2", "dt=0.1", "diverged", "0.250", "best", "0.500", "about", "50", "s", "left"),
        *("(785", "spikes", "missed)"),
    ]


@pytest.mark.parametrize("shown", [on_a_terminal, in_a_pipe])
def test_the_end_of_a_search_says_why_and_promises_no_more_time(shown):
    lines = shown(lambda progress: (search(progress), progress.stopped("the time budget of 60 s is used up")))
    assert lines[-1 if shown is in_a_pipe else -2].strip() == "the search has ended: the time budget of 60 s is used up"
    if shown is on_a_terminal:
        assert not any("left" in line for line in lines)


@pytest.mark.parametrize("shown", [on_a_terminal, in_a_pipe])
def test_the_confirmation_counts_its_pairs_and_names_who_drops_out(shown):
    def confirm(progress: TerminalProgress) -> None:
        progress.unsteady("")
        progress.unsteady("two runs with the same changed settings differ by 12.0%")
        progress.confirming([TRIALS[1], TRIALS[3]], 1, 0)
        progress.confirmed(Pair("1", 0, True, 2.0, 1.0, start=0))
        progress.confirmed(Dropped("3", 0, "lost a rank"))

    text = "\n".join(shown(confirm))
    assert text.lstrip().startswith("two runs with the same changed settings differ by 12.0%\n")
    assert "finalist: trial 1 (dt=0.05), ratio 0.500" in text
    assert "trial 3 is out: lost a rank" in text
    assert ("2 pairs, " if shown is on_a_terminal else "pair 1, start 1: trial 1 0.500") in text


@pytest.mark.parametrize(
    ("distance", "shift_ms", "text"),
    [
        (0.0, 0.237, "half the dt shifts its spikes by up to 0.237 ms: the error you live with"),
        (0.8, 1.0, "half the dt leaves 80.0% of the spikes without a partner within accept.window_ms, and shifts the"),
        (1.0, None, "half the dt leaves no spike with a partner within accept.window_ms"),
    ],
)
def test_half_the_dt_is_told_by_what_was_measured(distance, shift_ms, text):
    calibration = Calibration(1.0, half_dt_distance=distance, half_dt_shift_ms=shift_ms)
    assert any(text in line for line in in_a_pipe(lambda progress: progress.calibrated(calibration)))


def test_half_the_dt_of_a_model_without_spikes_is_not_told_by_spikes():
    calibration = Calibration(1.0, half_dt_distance=0.0, half_dt_shift_ms=None)
    assert not any("half the dt" in line for line in in_a_pipe(lambda progress: progress.calibrated(calibration)))


def test_where_a_quarter_of_dt_says_something_else_half_of_it_is_no_comfort():
    calibration = Calibration(
        1.0, half_dt_distance=0.0, half_dt_shift_ms=0.0, in_range=False, note="your own dt is not converged"
    )
    lines = in_a_pipe(lambda progress: progress.calibrated(calibration))
    assert "  half the dt shifts its spikes by up to 0.000 ms" in lines
    assert not any("the error you live with" in line for line in lines)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"note": "at dt/2 your model fails: x", "left_out": {"dt": "at dt/2 your model fails: x"}}, "dt: left out"),
        ({"note": "too few", "unproved": "too few"}, "what changes the numbers (numerical) is left out"),
    ],
)
def test_what_the_calibration_leaves_out_is_named_beside_the_reason(found, told):
    lines = in_a_pipe(lambda progress: progress.calibrated(Calibration(1.0, **found)))
    at = next(at for at, line in enumerate(lines) if "note: " in line)
    assert lines[at + 1].strip() == f"{told} for this reason"


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"safety_class": "exact"}, "accepted as exact (identical, 1599 spikes)"),
        (
            {"safety_class": "numerical", "largest_shift_ms": 0.4, "mean_shift_ms": 0.163},
            "accepted as numerical (1599 spikes, all matched; shifted by 0.163 ms on average, at most 0.400 ms)",
        ),
        (
            {"safety_class": "numerical", "distance": 0.752, "statistics": 0.45},
            "accepted as numerical by its statistics: the worst reaches 45% of what it may (1599 spikes, 75.2% of them "
            "without a partner, as in any two runs of a chaotic network)",
        ),
        ({"safety_class": "numerical"}, "accepted as numerical (1599 spikes, all matched)"),
    ],
    ids=["exact", "moved", "chaotic", "of an older study"],
)
def test_the_answer_says_what_became_of_the_spikes(evidence, told):
    raster = RasterEvidence(
        **{"verdict": "accepted", "distance": 0.0, "spikes": 1599, "baseline_sha256": "", **evidence}
    )
    assert describe_raster(raster) == f"raster: {told}"


def test_the_answer_shows_settings_side_by_side_and_the_speed_up_with_its_proof():
    best = Best.model_validate_json(re.search("```json\n(.*?)```", BEST_PAGE.read_text(), re.DOTALL)[1])
    console = Console(file=io.StringIO(), width=120)
    console.print(answer(best))
    lines = [line.strip(" │") for line in console.file.getvalue().splitlines()]
    assert lines[1].split() == ["setting", "baseline", "best"]
    for name, value in best.settings.items():
        own = best.baseline_settings[name]
        assert [name, format_value(own), format_value(value)] in [line.split() for line in lines]
    speedup = best.speedup
    assert f"improved: {speedup.estimate:.2f} times as fast (95% interval {speedup.low:.2f} to {speedup.high:.2f})" in (
        "\n".join(lines)
    )
    assert describe_raster(best.evidence.raster) in lines


def test_with_the_last_trial_made_there_is_no_time_left_to_promise():
    def last(progress: TerminalProgress) -> None:
        progress.searching(TRIALS[:3], SearchConfig(trials=4))
        progress.trial(TRIALS[3])

    assert in_a_pipe(last)[-1].endswith("best 0.500")
    assert any("4 of 4 trials; best so far" in line for line in on_a_terminal(last))
