"""Models that do well most of the time: one that reproduces itself in two runs of three, and one that hangs now and
then. The test tells the model at each start what to do, so that it is the same bad luck every time.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ci

MODEL = "told_over_a_socket.py"
STATISTICAL = {"statistical": True, "groups": 1, "null_runs": 4, "alpha": 1e-3, "resolution": 3.0}
LIMIT_S = 8.0


class Teller(socketserver.TCPServer):
    """Tells the model at its n-th start, from 1, what `say(n)` returns."""

    def __init__(self, say: Callable[[int], object]) -> None:
        self.say, self.starts = say, 0
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        server.starts += 1
        self.request.sendall(f"{server.say(server.starts)}\n".encode())


@pytest.fixture
def study(autotune, make_study, tmp_path) -> Iterator[Callable[..., Any]]:
    """`study(say, **tables)`: the answer of a study in fresh processes over one exact knob, and its records by name."""
    tellers = []

    def run(say: Callable[[int], object], **tables: Any) -> tuple[Any, Callable[[str], Any]]:
        teller = Teller(say)
        tellers.append(teller)
        threading.Thread(target=teller.serve_forever, daemon=True).start()
        command = f"{{python}} {MODEL} {teller.server_address[1]}"
        search = {"trials": 2, "knobs": ["self_queue"], **tables.pop("search", {})}
        runs = {"resident": "never", **tables.pop("run", {})}
        place, out = make_study(tmp_path / "model", command, MODEL, search=search, run=runs, **tables), tmp_path / "out"
        answer = autotune("run", "--out", out, place, cwd=tmp_path)
        return answer, lambda name: json.loads(Path(out, f"{name}.json").read_text())

    yield run
    for teller in tellers:
        teller.shutdown()
        teller.server_close()


def another_one_run_in_three(start: int) -> int:
    """The seed: the watched run and the repetition are the same; of the four A/A runs the first is another."""
    return start if start % 3 == 0 else 1


def test_a_model_that_reproduces_itself_in_two_runs_of_three_is_told_so_before_any_knob_is_blamed(study):
    answer, _ = study(another_one_run_in_three)
    assert answer.code == 3, str(answer)
    said = " ".join(answer.stderr.split())
    assert "the model does not reproduce itself: two runs of the same command gave different results, from t = " in said
    assert "statistical = true" in said
    assert "trial 1" not in answer.stdout


@pytest.mark.slow
def test_with_its_users_consent_its_calibration_is_made_again_by_statistics_and_the_study_goes_on(study):
    answer, record = study(another_one_run_in_three, accept=STATISTICAL)
    assert answer.code == 0, str(answer)
    calibration = record("calibration")
    assert calibration["regime"] == "random"
    assert calibration["runs"] == [f"repeat-{number}" for number in range(1, STATISTICAL["null_runs"] + 1)]
    assert "as you agreed" in calibration["note"]
    assert len(record("noise")["times_s"]) == 4
    assert {record(f"trials/000{number}")["verdict"] for number in range(2)} == {"accepted"}


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (2, "the model ran once with its own settings and then failed: still running after "),  # the repetition
        # the first A/A run
        pytest.param(3, "the baseline ran before and fails now: still running after ", marks=pytest.mark.slow),
    ],
    ids=["repetition", "A/A"],
)
def test_a_run_of_the_users_own_that_hangs_ends_at_the_users_limit(study, start, said):
    answer, _ = study(lambda number: "hang" if number == start else 1, run={"timeout_s": LIMIT_S})
    assert answer.code == 3, str(answer)
    assert f"{said}{LIMIT_S:.0f} s" in " ".join(answer.stderr.split())


@pytest.mark.slow
def test_a_hang_when_it_is_stopped_early_costs_the_short_search_and_not_the_study(study):
    short = {"short_s": 0.001, "short_spikes": 20}
    answer, record = study(lambda number: "hang" if number == 3 else 1, run={"timeout_s": LIMIT_S}, search=short)
    assert answer.code == 0, str(answer)
    assert record("short")["stop_ms"] is None
    assert f"it fails when it is stopped early: still running after {LIMIT_S:.0f} s" in record("short")["note"]
