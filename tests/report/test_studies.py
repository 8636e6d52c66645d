"""Studies in a list, one study and one trial: for people and as JSON, whatever state their folders are in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from autotune.cli import main
from autotune.errors import UsageError
from autotune.report.studies import STEPS, find_studies, show_study, show_trial
from autotune.report.terminal import studies_table, study_view, trial_view
from autotune.store.folder import StudyFolder

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"
RECORDS = {name: f"{kind.RECORD}.json" for name, kind in STEPS.items()}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a finished study, one of each state before that, and one that is damaged."""
    names = list(RECORDS)
    shutil.copytree(DEMO, tmp_path / "finished")
    for at, name in enumerate(names):
        copy = tmp_path / "below" / name
        shutil.copytree(DEMO, copy)
        for later in names[at:]:
            (copy / RECORDS[later]).unlink()
    shutil.copytree(DEMO, tmp_path / "damaged")
    (tmp_path / "damaged" / "plan.json").write_text("{")
    (tmp_path / "no study").mkdir()
    return tmp_path


def printed(view: object) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


def test_every_study_is_listed_with_what_comes_next(runs: Path) -> None:
    listed = {str(each.folder.relative_to(runs)): each for each in find_studies(runs)}
    assert listed.pop("finished").state == "finished"
    assert "plan.json: is damaged" in listed.pop("damaged").state
    assert {name: each.state for name, each in listed.items()} == {f"below/{name}": name for name in RECORDS}


def test_the_list_says_what_each_has_found(runs: Path) -> None:
    lines = printed(studies_table(find_studies(runs))).splitlines()
    (line,) = [line for line in lines if "finished " in line and "not finished" not in line]
    assert "2.40 times as fast (2.22 to 2.59)" in line
    assert sum("comes next" in line for line in lines) == len(RECORDS)
    assert sum("is damaged" in line for line in lines) == 1


def test_a_study_itself_and_an_empty_folder_can_be_listed(runs: Path) -> None:
    assert [each.study for each in find_studies(runs / "finished")] == ["ring"]
    assert find_studies(runs / "no study") == []
    assert "no study there" in printed(studies_table([]))
    with pytest.raises(UsageError, match="there is no such folder"):
        find_studies(runs / "nosuch")


def test_a_finished_study_shows_its_answer_and_another_its_trials(runs: Path) -> None:
    assert "improved: 2.40 times as fast" in printed(study_view(show_study(StudyFolder(runs / "finished"))))
    unfinished = printed(study_view(show_study(StudyFolder(runs / "below" / "confirm"))))
    assert "study ring is not finished: confirm comes next" in unfinished
    assert "dt=0.05 nspike=8" in unfinished


def test_a_trial_shows_all_that_is_known_of_it() -> None:
    folder = StudyFolder(DEMO)
    trial = folder.trials()[7]
    text = printed(trial_view(show_trial(folder, 7)))
    assert "trial 7" in text
    assert f"{trial.samples[0].trial_s:.3f} s between {trial.samples[0].before_s:.3f}" in text
    (dt,) = [line.split() for line in text.splitlines() if line.startswith("dt ")]
    assert dt == ["dt", "0.025", "0.05", "0.05"]
    assert f"{trial.largest_shift_ms:.3f} ms" in text
    with pytest.raises(UsageError, match="there is no trial 99") as refused:
        show_trial(folder, 99)
    assert refused.value.cure == "Its trials: 0 to 30."


def test_markup_in_a_reason_is_text(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "ring")
    file = tmp_path / "ring" / "trials" / "0003.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "reason": "[red]<script>[/nosuch]"}))
    assert "[red]<script>[/nosuch]" in printed(trial_view(show_trial(StudyFolder(tmp_path / "ring"), 3)))


@pytest.mark.parametrize(
    "words", [["list"], ["show", "finished"], ["show", "finished", "--trial", "7"], ["show", "below/search"]]
)
def test_what_is_shown_is_there_as_json_too(
    runs: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(runs)
    assert main([*words, *([str(runs)] if words == ["list"] else []), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    if words == ["list"]:
        assert len(found) == 2 + len(RECORDS)
        assert {each["verdict"] for each in found} == {None, "improved"}
    elif "--trial" in words:
        record = json.loads((DEMO / "trials" / "0007.json").read_text())
        shown = {name: found[name] for name in record}
        shown["samples"] = [  # of an older record, which holds less
            {name: sample[name] for name in kept}
            for sample, kept in zip(found["samples"], record["samples"], strict=True)
        ]
        assert shown == record
    elif "finished" in words:
        assert found["best"]["speedup"]["estimate"] == pytest.approx(found["speedup"]["estimate"])
    else:
        assert (found["state"], found["best"]) == ("search", None)
