"""The main job on two real ranks: observe, plan, search, verify, confirm, hand over; and the same command once more."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.mpi


def test_a_study_ends_with_exit_code_0_a_verdict_and_where_to_go_on(recipe_study):
    assert recipe_study.answer.code == 0
    assert any(verdict in recipe_study.answer.stdout for verdict in ("improved", "no improvement"))
    assert f"python -m autotune export {recipe_study.out}" in recipe_study.answer.stdout
    assert "Traceback" not in recipe_study.answer.stderr


def test_the_model_is_observed_on_both_ranks(recipe_study):
    observation = recipe_study.record("observation")
    assert observation["facts"]["ranks"] == 2
    assert observation["facts"]["output_gids"] == [8, 8]
    assert observation["facts"]["min_delay_ms"] == 2.0
    assert (observation["facts"]["dt_ms"], observation["facts"]["t_stop_ms"]) == (0.025, 100.0)
    assert (observation["spikes"], observation["rank_cells"]) == (73, [8, 8])
    assert observation["environment"]["ranks"] == 2
    assert "libmpi" in observation["environment"]["mpi_library"]


def test_the_first_trials_are_the_baseline_and_then_the_published_recipe(recipe_study):
    histogram = recipe_study.record("observation")["facts"]["histogram"]
    sent = np.repeat(np.arange(len(histogram)), histogram)
    exchange = {"nspike": int(np.percentile(sent, 95, method="inverted_cdf")), "gid_compress": True}
    assert [trial["changes"] for trial in recipe_study.trials()[:4]] == [
        {},
        exchange,
        {**exchange, "bin_queue": True},
        {**exchange, "self_queue": True},
    ]
    assert exchange["nspike"] > 0


def test_of_every_trial_the_raw_times_the_cpu_time_of_each_rank_and_the_section_times_are_kept(recipe_study):
    measured = [trial for trial in recipe_study.trials() if trial["answered_from"] is None]
    assert len(measured) >= 4
    for trial in measured:
        ratios = [s["trial_s"] / (s["before_s"] * s["after_s"]) ** 0.5 for s in trial["samples"]]
        assert trial["ratio"] == pytest.approx(np.exp(np.mean(np.log(ratios))))
        for sample in trial["samples"]:
            assert len(sample["cpu_s"]) == 2
            assert all(seconds > 0.0 for seconds in sample["cpu_s"])
        assert {"setup", "run", "output"} <= set(trial["sections"])
        assert trial["sections"]["run"] == trial["samples"][0]["trial_s"]


def test_what_was_asked_for_took_effect(recipe_study):
    for trial in recipe_study.trials()[:4]:
        assert trial["effective"] == trial["params"]


def test_exact_knobs_leave_the_identical_raster_on_real_runs(recipe_study):
    exact = [trial for trial in recipe_study.trials() if trial["safety"] == "exact"]
    assert len(exact) >= 3
    for trial in exact:
        assert (trial["verdict"], trial["distance"], trial["spikes"]) == ("accepted", 0.0, 73)


def test_the_screen_shows_every_trial_with_settings_verdict_ratio_best_and_time_left(recipe_study):
    lines = [line for line in recipe_study.answer.stdout.splitlines() if line.strip().startswith("trial ")]
    assert len(lines) >= 5  # the winner simplified may be one more
    assert "baseline" in lines[0]
    assert "nspike=" in lines[1]
    for line, trial in zip(lines, recipe_study.trials(), strict=True):
        assert trial["verdict"] in line
        assert f"{trial['ratio']:.3f}" in line
        assert "best" in line
        assert ("left" in line) == (trial["number"] < 4)


def test_cache_efficient_is_searched_where_it_acts_and_else_listed_with_the_reason(recipe_study):
    if recipe_study.record("observation")["facts"]["neuron"][0] >= 9:
        line = next(line for line in recipe_study.answer.stdout.splitlines() if "cache_efficient" in line)
        assert "not searched: no effect in this NEURON" in line
        assert not any("cache_efficient" in trial["params"] for trial in recipe_study.trials())
    else:
        assert any(trial["effective"]["cache_efficient"] is True for trial in recipe_study.trials())


def test_no_file_beside_the_model_is_changed_or_added(recipe_study, listing):
    assert listing(recipe_study.study) == recipe_study.before
    assert sorted(path.name for path in recipe_study.study.parent.iterdir()) == ["out", "ring"]


def test_nothing_of_the_runs_is_left_in_the_study_folder(recipe_study, half_written):
    assert not (recipe_study.out / "scratch").exists()
    assert half_written(recipe_study.out) == []


def test_the_same_command_again_repeats_nothing_and_answers_the_same(recipe_study, copy_of, autotune):
    again = copy_of(recipe_study)
    before = {file: file.stat().st_mtime_ns for file in (again.out / "trials").iterdir()}
    answer = autotune("run", "--out", again.out, again.study, cwd=again.out.parent)
    assert answer.code == 0, str(answer)
    assert {file: file.stat().st_mtime_ns for file in (again.out / "trials").iterdir()} == before
    assert again.record("confirmation") == recipe_study.record("confirmation")
    assert answer.stdout.count("pair ") == 0


def test_more_trials_go_on_after_the_finished_ones(recipe_study, copy_of, autotune, listing):
    more = copy_of(recipe_study)
    finished = listing(more.out / "trials")
    known = len(finished)  # the winner simplified may be one of them
    answer = autotune("run", "--trials", str(known + 1), "--out", more.out, more.study, cwd=more.out.parent)
    assert answer.code == 0, str(answer)
    assert f"going on after {known} finished trials" in answer.stdout
    now = listing(more.out / "trials")
    assert {name: now[name] for name in finished} == finished
    numbers = [trial["number"] for trial in more.trials()]
    assert numbers[: known + 1] == list(range(known + 1))


def test_another_question_in_the_same_folder_is_refused(recipe_study, copy_of, autotune, listing):
    other = copy_of(recipe_study)
    before = listing(other.out / "trials")
    answer = autotune("run", "--seed", "7", "--out", other.out, other.study, cwd=other.out.parent)
    assert answer.code == 2
    assert "holds another study; changed since then: search.seed 0, now 7\n" in answer.stderr
    assert "--fresh" in answer.stderr
    assert listing(other.out / "trials") == before


def test_another_neuron_is_refused_before_anything_runs(recipe_study, copy_of, autotune, listing):
    other = copy_of(recipe_study)
    file = other.out / "observation.json"
    record = json.loads(file.read_text())
    now, record["environment"]["neuron"] = record["environment"]["neuron"], "NEURON -- VERSION 7.0"
    file.write_text(json.dumps(record))
    before = listing(other.out / "trials")
    answer = autotune("run", "--trials", "9", "--out", other.out, other.study, cwd=other.out.parent)
    assert answer.code == 2
    assert f"was made with NEURON -- VERSION 7.0, and the command runs {now} today" in answer.stderr
    assert "trial" not in answer.stdout
    assert listing(other.out / "trials") == before


def test_a_changed_model_is_another_study(recipe_study, copy_of, autotune, tmp_path):
    changed = copy_of(recipe_study)
    study = tmp_path / "ring"
    shutil.copytree(changed.study, study)
    record = json.loads((changed.out / "study.json").read_text())
    record["config"]["folder"] = record["model"]["folder"] = str(study)
    (changed.out / "study.json").write_text(json.dumps(record))
    (study / "small_ring.py").write_text((study / "small_ring.py").read_text() + "# a remark\n")
    answer = autotune("run", "--out", changed.out, study, cwd=tmp_path)
    assert answer.code == 2
    assert "changed since then: the model's files (small_ring.py)" in answer.stderr


def test_fresh_puts_the_earlier_study_aside_and_touches_nothing_else(
    recipe_study, copy_of, autotune, wait, interrupted, listing
):
    fresh = copy_of(recipe_study)
    (fresh.out / "notes.txt").write_text("mine")
    driver = autotune.start("run", "--fresh", "--out", fresh.out, fresh.study, cwd=fresh.out.parent)
    assert wait(
        lambda: not any((fresh.out / "trials").glob("*")) and (fresh.out / "observation.json").is_file(), driver=driver
    )
    assert interrupted(driver).code == 130
    assert fresh.trials() == []
    assert not (fresh.out / "confirmation.json").exists()
    assert fresh.record("study")["created"] > recipe_study.record("study")["created"]
    assert (fresh.out / "notes.txt").read_text() == "mine"
    aside = listing(fresh.out.with_name(fresh.out.name + ".1"))
    assert aside == {name: what for name, what in listing(recipe_study.out).items() if name not in ("scratch", ".lock")}


def test_the_dashboard_of_the_study_is_served_read_only_until_ctrl_c(recipe_study, copy_of, autotune, interrupted):
    study = copy_of(recipe_study)
    server = autotune.start("dashboard", study.out, "--port", "0", cwd=study.out.parent)
    line = server.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
    with urllib.request.urlopen(f"{address}/api/studies") as answer:
        assert [each["study_name"] for each in json.load(answer)["study_summaries"]] == ["ring"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/studies/0", method="DELETE"))
    assert refused.value.code in (403, 405)
    answer = interrupted(server)
    assert (answer.code, answer.stderr) == (0, "")


def test_the_folder_can_move(recipe_study, tmp_path: Path, autotune):
    shutil.copytree(recipe_study.out, tmp_path / "elsewhere" / "moved")
    answer = autotune("export", "elsewhere/moved", cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert (tmp_path / "best.json").is_file()
