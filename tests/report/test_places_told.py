"""How a model scales and what holds on which nodes: in the page, in the terminal, in best.json, in `status`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from rich.console import Console
from studies_to_show import improved

from autotune.best import as_json
from autotune.cluster import Submission, status_of
from autotune.cluster.status import Job
from autotune.config import make_config
from autotune.export import make_best
from autotune.handover.answer import read_answer
from autotune.handover.told import told
from autotune.report.html import html_report
from autotune.report.studies import show_study
from autotune.report.terminal.studies import study_view
from autotune.report.terminal.workers import status_view, watch_status
from autotune.store.folder import CLUSTER, StudyFolder, open_finished
from autotune.store.workers import Worker

BIG, SMALL = ("Big <b>CPU</b>", 64), ("Small CPU", 8)


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The demo as if two workers on unlike nodes had made it, with trials of several numbers of ranks."""
    folder = improved(tmp_path_factory.mktemp("unlike") / "study")
    workers = folder.path / CLUSTER / "workers"
    workers.mkdir(parents=True)
    for task, (cpu, cores) in enumerate((BIG, SMALL), 1):
        worker = Worker(f"7_{task}", f"n{task}", 1, "here", cpu=cpu, cores=cores, ended="done")
        (workers / f"7_{task}.json").write_bytes(TypeAdapter(Worker).dump_json(worker))
    trials = folder.trials()
    own, ranks = next(each for each in trials if each.samples), 2
    for each in trials:
        folder.write_trial(replace(each, worker="7_1"))
    for number, (size, ratio, task) in enumerate(((ranks, 1.0, 2), (4, 0.55, 2), (8, 0.3, 1), (4, 0.6, 1)), 100):
        changes = {} if size == ranks else {"ranks": size}
        made = replace(own, number=number, changes=changes, ratio=ratio, verdict="accepted", answered_from=None)
        folder.write_trial(replace(made, worker=f"7_{task}"))
    said = json.loads((folder.path / "confirmation.json").read_text())
    (folder.path / "confirmation.json").write_text(json.dumps({**said, "node_type": "Big <b>CPU</b>, 64 cores"}))
    config = make_config({"name": "ring", "command": "mpiexec -n {ranks} {python} ring.py", "folder": folder.path})
    folder.write(Submission(config.model_dump(mode="json"), None, "Slurm", 2, 8))
    return folder


def printed(view: object) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view)
    return console.export_text()


def test_the_page_has_a_table_for_each_type_of_node(unlike: StudyFolder) -> None:
    page = html_report(*open_finished(unlike.path))
    section = page[page.index('<section id="scaling"') :]
    section = section[: section.index("</section>")]
    assert "each ratio holds on the nodes on which it was measured" in section
    assert "Scaling on Small CPU, 8 cores" in section
    assert "Scaling on Big &lt;b&gt;CPU&lt;/b&gt;, 64 cores" in section
    assert section.count("91%") == 1  # 4 ranks on the small one: 1 / 0.55 of 2 times as many
    assert ">here<" in section


def test_best_json_says_what_holds_where(unlike: StudyFolder) -> None:
    best = make_best(*open_finished(unlike.path))
    evidence = json.loads(as_json(best))["evidence"]
    assert evidence["confirmed_on"] == "Big <b>CPU</b>, 64 cores"
    (small,) = (place for place in evidence["places"] if place["node_type"] == "Small CPU, 8 cores")
    assert (small["best"], small["best_changes"]) == (101, {"ranks": 4})
    assert [point["ranks"] for point in small["scaling"]["points"]] == [2, 4]
    lines = " ".join(told(read_answer(*open_finished(unlike.path))))
    assert "2 types of nodes; it was confirmed on Big <b>CPU</b>, 64 cores." in lines


def test_show_and_status_tell_it_too(unlike: StudyFolder) -> None:
    status = status_of(unlike.path)
    for text in (printed(study_view(show_study(unlike))), printed(status_view(status))):
        assert "best on Small CPU, 8 cores: trial 101, 0.550, ranks=4" in text
        assert "scaling in the study's own trials on Small CPU, 8 cores" in text
        assert "91%" in text
    plain = status.as_dict()
    assert plain["best"]["Small CPU, 8 cores"]["trial"] == 101
    assert plain["places"][1]["scaling"]["points"][1]["speedup"] == pytest.approx(1 / 0.55)


def test_what_will_never_begin_is_told_with_what_to_do(unlike: StudyFolder) -> None:
    status = replace(status_of(unlike.path), confirmed=False, jobs=(Job("3_1", "PENDING", "PartitionTimeLimit"),))
    text = " ".join(printed(status_view(status)).split())
    assert "0 workers at work, in the queue: 1 pending" in text
    assert "a node: 1 job in the queue (PartitionTimeLimit); PartitionTimeLimit: its time limit is longer" in text
    assert "give a shorter --time." in text
    assert "in the queue: none" in printed(status_view(replace(status, jobs=())))


def test_watching_ends_with_the_study_or_with_ctrl_c(unlike: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = status_of(unlike.path)
    going_on = replace(finished, confirmed=False)
    waited: list[float] = []
    monkeypatch.setattr("autotune.report.terminal.workers.time.sleep", waited.append)
    looks = [going_on, going_on, finished]
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    watch_status(console, lambda: looks.pop(0))
    assert (looks, len(waited)) == ([], 2)
    assert "The study is finished" in console.export_text()

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autotune.report.terminal.workers.time.sleep", interrupt)
    watch_status(console, lambda: going_on)


def test_a_study_of_one_size_on_one_machine_has_no_such_section(tmp_path: Path) -> None:
    folder = improved(tmp_path / "study")
    assert 'id="scaling"' not in html_report(*open_finished(folder.path))
    assert "scaling" not in printed(study_view(show_study(folder)))
