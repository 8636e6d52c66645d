"""dt on real runs: what shifts spikes too far is rejected with its reason, the rest is proved, nothing is run twice."""

from __future__ import annotations

import json

import jsonschema
import pytest

from autotune.best import Best


def by_dt(study) -> dict[float, dict]:
    """The trial of each dt that was run."""
    return {trial["params"]["dt"]: trial for trial in study.trials() if trial["answered_from"] is None}


def test_a_larger_dt_within_the_window_is_accepted(dt_study):
    trials = by_dt(dt_study)
    accepted = [dt for dt in trials if 0.025 < dt <= 0.0625]
    assert len(accepted) >= 2
    for dt in accepted:
        assert trials[dt]["verdict"] == "accepted"
        assert trials[dt]["effective"]["dt"] == dt
        assert trials[dt]["safety"] == "numerical"


def test_a_too_large_dt_is_rejected_with_its_reason(dt_study):
    trial = by_dt(dt_study)[0.1]
    assert trial["verdict"] == "diverged"
    assert " missed and" in trial["reason"]
    assert "beyond 0.5 ms" in trial["reason"]
    assert trial["distance"] > 0
    assert trial["violation"] > 0


def test_the_error_of_the_own_dt_is_told(dt_study):
    calibration = dt_study.record("calibration")
    assert 0 < calibration["half_dt_shift_ms"] < 0.5
    assert "half the dt shifts its spikes by up to" in dt_study.answer.stdout


def test_as_many_voltages_are_sampled_as_the_study_says(dt_study):
    voltages = dt_study.record("observation")["voltages"]
    assert [sample["segments"] for sample in voltages] == [5]


def test_settings_that_were_tried_before_are_answered_without_a_run(dt_study):
    trials = dt_study.trials()
    answered = [trial for trial in trials if trial["answered_from"] is not None]
    assert answered
    for trial in answered:
        first = trials[trial["answered_from"]]
        assert (trial["params"], trial["ratio"]) == (first["params"], first["ratio"])
        assert trial["wall_s"] < first["wall_s"]
    assert len({trial["params"]["dt"] for trial in trials}) == len(trials) - len(answered)


def test_the_improvement_is_proved_by_the_pairs_of_the_confirmation(dt_study):
    confirmation = dt_study.record("confirmation")
    assert confirmation["verdict"] == "improved"
    assert "times as fast" in dt_study.answer.stdout
    pairs = [pair for pair in confirmation["samples"] if pair["finalist"] == confirmation["winner"]]
    assert confirmation["pairs"] == len(pairs)
    assert len({pair["start"] for pair in pairs}) >= 4
    winner = dt_study.trials()[int(confirmation["winner"])]
    assert 0.025 < winner["params"]["dt"] <= 0.0625


def test_the_files_of_a_run_with_the_best_settings_are_kept_where_it_says(dt_study):
    proved = dt_study.record("confirmation")["verdict"] == "improved"
    assert (dt_study.out / "winner").is_dir() == proved
    assert ("the files of a run with the best settings are in" in dt_study.answer.stdout) == proved


def test_best_json_hands_over_the_settings_with_their_proof(dt_study, autotune, tmp_path):
    answer = autotune("export", dt_study.out, "-o", tmp_path / "best.json", cwd=tmp_path)
    assert answer.code == 0, str(answer)
    best = json.loads((tmp_path / "best.json").read_text())
    jsonschema.validate(best, Best.model_json_schema())
    winner = dt_study.trials()[best["evidence"]["trial"]]
    assert best["verdict"] == "improved"
    assert best["baseline_settings"] == {"dt": 0.025}
    assert best["settings"] == winner["effective"]
    assert 1 < best["speedup"]["low"] <= best["speedup"]["estimate"] <= best["speedup"]["high"]
    assert best["speedup"]["confidence"] == 0.9
    assert best["evidence"]["raster"]["verdict"] == "accepted"
    assert best["evidence"]["raster"]["distance"] == winner["distance"]
    assert best["model"]["files"]["small_ring.py"] == dt_study.before["small_ring.py"]
    assert best["environment"]["ranks"] == 1


@pytest.mark.parametrize("missing", ["confirmation", "observation"])
def test_an_unfinished_study_has_no_answer_yet(dt_study, copy_of, autotune, tmp_path, missing):
    study = copy_of(dt_study)
    (study.out / f"{missing}.json").unlink()
    answer = autotune("export", study.out, "-o", tmp_path / "best.json", cwd=tmp_path)
    assert answer.code == 2
    assert "has not come to its end" in answer.stderr
    assert not (tmp_path / "best.json").exists()
