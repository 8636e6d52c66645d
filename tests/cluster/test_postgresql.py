"""Studies whose Optuna storage is a real PostgreSQL server on this machine: shared by workers, and with a password."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from autotune.cluster import Submission
from autotune.config import read_study
from autotune.search.sampler import make_sampler
from autotune.store.folder import StudyFolder
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study
from autotune.store.records import StudyRecord

pytestmark = pytest.mark.ci

psycopg = pytest.importorskip("psycopg", reason="no driver for PostgreSQL: pip install 'psycopg[binary]'")


def _programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps them from PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of an empty database on 127.0.0.1; the server runs as the user postgres, as it refuses root."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine: apt-get install postgresql")
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="autotune-postgresql-"))
    try:
        if user:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        data = folder / "data"
        words = [programs / "initdb", "--username=tuner", "--auth=trust", "--no-sync", "-D", data]
        subprocess.run(words, cwd=folder, check=True, capture_output=True, **user)
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-c", "fsync=off"]
        log = (folder / "log").open("w")
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options], cwd=folder, stdout=log, stderr=log, **user
        )
        try:
            url = f"postgresql://tuner@127.0.0.1:{port}/postgres"
            _wait_for(url, server, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # ends its clients, too
            server.wait(timeout=30)
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(60):
        assert server.poll() is None, log.read_text()
        with suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=1).close()
            return
        time.sleep(0.2)
    pytest.fail(f"the server does not answer: {log.read_text()}")


@pytest.mark.timeout(300)
def test_two_workers_share_a_study_on_postgresql(
    postgresql: str, autotune: Any, make_study: Any, tmp_path: Path
) -> None:
    study = make_study(tmp_path / "ring", "{python} small_ring.py --tstop 60", search={"trials": 6, "knobs": ["dt"]})
    out = tmp_path / "out"
    config = read_study(study).model_dump(mode="json")
    (out / "cluster").mkdir(parents=True)
    StudyFolder(out).write(Submission(config, postgresql, "Slurm", 2, 1))
    workers = [autotune.start("worker", out, cwd=tmp_path) for _ in range(2)]
    printed = [worker.communicate(timeout=200) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], printed

    trials = [json.loads(file.read_text()) for file in sorted(out.glob("trials/*.json"))]
    assert [trial["number"] for trial in trials] == list(range(6))
    stored = open_study(open_storage(out, postgresql), "ring", 0, make_sampler).trials
    assert [each.number for each in stored if each.state in (TrialState.COMPLETE, TrialState.PRUNED)] == list(range(6))
    told = [each.values[0] for each in stored if each.state == TrialState.COMPLETE]
    assert told == pytest.approx([trial["ratio"] for trial in trials if trial["ratio"] is not None])
    assert (out / "confirmation.json").exists()
    assert not (out / "optuna.journal").exists()
    assert sum("another worker confirms" in out for out, _ in printed) <= 1


@pytest.mark.timeout(300)
def test_a_study_with_a_password_goes_on_without_it(
    postgresql: str, make_study: Any, autotune: Any, tmp_path: Path
) -> None:
    study = make_study(tmp_path / "secretly", "{python} small_ring.py", search={"trials": 2, "knobs": ["self_queue"]})
    word, out = "correct-horse", tmp_path / "out"
    held = postgresql.replace("tuner@", f"tuner:{word}@")
    answer = autotune("run", "--storage", held, "--out", out, study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert "whoever lists the processes here sees it" in answer.stderr
    folder = StudyFolder(out)
    record = folder.read(StudyRecord)
    assert record is not None
    assert record.storage == postgresql
    folder.write(replace(record, storage=held))  # as an earlier version wrote it
    again = autotune("run", "--storage", postgresql, "--out", out, study, cwd=tmp_path, env={"PGPASSword": word})
    assert again.code == 0, str(again)
    report = autotune("report", out, "-o", out / "report.html", cwd=tmp_path)
    assert report.code == 0, str(report)
    said = [str(each).encode() for each in (answer, again, report)]
    assert json.loads((out / "study.json").read_text())["storage"] == postgresql
    said += [file.read_bytes() for file in out.rglob("*") if file.is_file()]
    assert not any(word.encode() in each for each in said)
