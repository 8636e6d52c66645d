"""What other workers have written is data: a claim names no file elsewhere, a job is no option, a host no markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from autotune.cluster import Submission, read_submission
from autotune.cluster.status import Status, WorkerStatus
from autotune.commands.common import words_of
from autotune.errors import UsageError
from autotune.report.terminal.workers import status_view
from autotune.store.folder import StudyFolder
from autotune.store.shared import CLAIMS, read_claims
from autotune.store.workers import Worker, Workers


def claims(study: Path) -> Path:
    folder = study / CLAIMS
    folder.mkdir(parents=True)
    return folder


def test_a_claim_of_a_worker_who_is_a_path_is_nobodys(tmp_path: Path) -> None:
    study, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    (study / "cluster" / "workers").mkdir(parents=True)
    workers = Workers(study / "cluster" / "workers")
    membership = Workers(elsewhere).join(Worker("live", "host", 1, "machine"))
    try:
        said = {"number": 7, "params": {}, "worker": "../../../elsewhere/live"}
        (claims(study) / "0007.json").write_text(json.dumps(said))
        assert Workers(elsewhere).alive("live")
        assert read_claims(study, workers) == {}
    finally:
        membership.leave("done")


@pytest.mark.parametrize("text", ["", "{}", '{"number": 8, "params": {}, "worker": "a"}', "[" * 10_000])
def test_a_damaged_claim_is_told_with_what_to_do(tmp_path: Path, text: str) -> None:
    (claims(tmp_path) / "0007.json").write_text(text)
    with pytest.raises(UsageError, match=r"0007\.json: is damaged") as caught:
        read_claims(tmp_path, Workers(tmp_path))
    assert "its trial is then made again" in caught.value.cure


def test_a_record_under_another_name_is_no_worker(tmp_path: Path) -> None:
    Workers(tmp_path).join(Worker("a-1", "host", 1, "machine")).leave("done")
    (tmp_path / "b-2.json").write_text((tmp_path / "a-1.json").read_text())
    assert [worker.name for worker in Workers(tmp_path).all()] == ["a-1"]


@pytest.mark.parametrize("job", ["--user=me", "-u", "", "1\x00", "12 13"])
def test_a_job_is_no_option_of_the_scheduler(tmp_path: Path, job: str) -> None:
    (tmp_path / "cluster").mkdir()
    StudyFolder(tmp_path).write(Submission({}, None, "Slurm", 2, 1, (job,)))
    with pytest.raises(UsageError, match=r"is no job|is damaged"):
        read_submission(tmp_path)


@pytest.mark.parametrize("job", ["4211", "123[].head.cluster", "77.server"])
def test_jobs_of_all_schedulers_are_jobs(tmp_path: Path, job: str) -> None:
    (tmp_path / "cluster").mkdir()
    StudyFolder(tmp_path).write(Submission({}, None, "PBS", 2, 1, (job,)))
    assert read_submission(tmp_path).jobs == (job,)


def test_a_host_is_shown_as_it_is() -> None:
    worker = Worker("a-1", "[bold]host[/nothing]\x1b[2J", 1, "machine", cpu="[red]")
    status = Status(
        Path("out"),
        Submission({}, None, "PBS", 1, 1),
        (WorkerStatus(worker, True, 0),),
        (),
        (),
        (),
        3,
        "",
        confirmed=False,
    )
    console = Console(record=True, width=200)
    with console.capture() as shown:
        console.print(status_view(status))
    assert "[bold]host[/nothing]�[2J" in shown.get()


@pytest.mark.parametrize("line", ["", "  ", "python 'model.py", "x" * 40_000])
def test_a_command_that_is_no_command_is_told(line: str) -> None:
    with pytest.raises(UsageError, match="--also"):
        words_of(line)
