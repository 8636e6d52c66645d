"""Errors speak: one root, and each says what happened and what to do; `python docs/messages.py` lists them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune.errors import AutotuneError
from autotune.launch.judge import RunFailed
from autotune.launch.logs import LARGEST, MOST, keep_log
from messages import INNER, kinds, messages, told

SAY_IT_THEMSELVES = {
    ("config/reading.py", "explain"): "each line names the key, its value and what is allowed",
    ("search/verified.py", "NotAccepted"): "a reason in a trial's record",
    ("search/trial.py", "NotAccepted"): "a reason in a trial's record",
    ("session/proof.py", "RunFailed"): "a reason why there are no sessions",
    ("session/session.py", "RunFailed"): "a reason why a session ended; the run is made in a fresh process",
}
"""Where no cure is given, by the file and a word of the call, and why none is missing."""


def test_every_message_says_what_to_do():
    found = list(messages())
    silent = [
        f"{each.file}:{each.line}: {each.says}"
        for each in found
        if not each.cure
        and each.kind != "NotReproduced"  # its own class says all of it
        and not any(each.file == file and word in f"{each.kind} {each.says}" for file, word in SAY_IT_THEMSELVES)
    ]
    assert not silent, "\n".join(silent)
    assert len(found) > 130


def test_there_is_one_root_and_what_is_none_of_it_is_caught():
    others = kinds().keys() - told()
    assert others <= INNER.keys(), others - INNER.keys()


def test_a_log_is_the_beginning_and_the_end_of_what_was_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("A_TOKEN", "a very secret word")
    run = tmp_path / "run"
    run.mkdir()
    (run / "stdout.txt").write_text("first a very secret word\n" + "x" * 3_000_000 + "\nlast")
    (run / "stderr.txt").write_text("\x1b[31merror")
    log = Path(keep_log(tmp_path / "logs", run))
    said = log.read_text()
    assert said.startswith("[stdout]\nfirst ***\nxxx")
    assert "bytes are left out here]\nxxx" in said
    assert said.endswith("x\nlast\n[stderr]\n�[31merror")
    assert len(said) < 2 * LARGEST + 200


def test_the_latest_logs_are_kept(tmp_path: Path):
    (tmp_path / "stdout.txt").write_text("x")
    logs = tmp_path / "logs"
    names = [Path(keep_log(logs, tmp_path)).name for _ in range(MOST + 15)]
    assert sorted(file.name for file in logs.iterdir()) == names[-MOST:]


def test_no_log_is_no_error(tmp_path: Path):
    (tmp_path / "logs").write_text("a file in its place")
    assert keep_log(tmp_path / "logs", tmp_path) == ""


def test_an_error_names_the_log():
    failure: AutotuneError = RunFailed(
        "crashed", "it ended", cure="Look.", details="last", log="logs/failed-000001.txt"
    )
    assert (failure.log, str(failure)) == ("logs/failed-000001.txt", "it ended\nLook.")
