"""The dashboard over real HTTP and in a real browser: read-only, local only, and showing the best accepted trial."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from browser import CHROMIUM, CHROMIUM_ARGS, browser_page, needs_chromium
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from studies_to_show import with_failures

from autotune.errors import UsageError
from autotune.report.dashboard import AcceptedView, dashboard_url, make_dashboard, serve_dashboard
from autotune.report.filling import Filling, fill, fill_unfinished
from autotune.report.html.studied import read_studied
from autotune.search.sampler import make_sampler
from autotune.store.folder import open_finished
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study, tell_measured, tell_unmeasured

NAME = "ring-of-cells"
SPACE = {"dt": FloatDistribution(0.0, 0.1)}


def finish(study: optuna.Study, ratio: float | None, violation: float, verdict: str) -> None:
    trial = study.ask(SPACE)
    trial.set_user_attr("verdict", verdict)
    trial.set_user_attr("settings", {"dt": trial.params["dt"]})
    if ratio is None:
        tell_unmeasured(study, trial, violation)
    else:
        trial.set_user_attr("ratio", ratio)
        tell_measured(study, trial, ratio, violation)


@pytest.fixture(params=["journal", "sqlite"])
def study(tmp_path: Path, request: pytest.FixtureRequest) -> optuna.Study:
    """Trial 0 is the baseline, 1 the best accepted, 2 faster but rejected, 3 crashed, 4 still running."""
    url = f"sqlite:///{tmp_path}/study.db" if request.param == "sqlite" else None
    study = open_study(open_storage(tmp_path, url), NAME, 0, make_sampler)
    finish(study, 1.0, 0.0, "accepted")
    finish(study, 0.75, 0.0, "accepted")
    finish(study, 0.25, 3.0, "diverged")
    finish(study, None, 10.0, "crashed")
    study.ask(SPACE)
    return study


@pytest.fixture
def page(study: optuna.Study) -> Iterator[str]:
    """The address of the study's page while a server runs."""
    server = make_dashboard(study._storage, NAME, port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield dashboard_url(server, study._storage, NAME)
    server.shutdown()
    thread.join()
    server.server_close()


journal_only = pytest.mark.parametrize("study", ["journal"], indirect=True)


def request(page: str, path: str, method: str = "GET", host: str | None = None) -> tuple[int, str, dict[str, str]]:
    headers = {} if host is None else {"Host": host}
    asked = urllib.request.Request(page.partition("/dashboard")[0] + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def detail(page: str) -> Any:
    return json.loads(request(page, page.rpartition("/dashboard")[2].replace("/studies", "/api/studies"))[1])


def test_the_best_trial_is_the_best_accepted_one(page: str) -> None:
    answer = detail(page)
    assert answer["name"] == NAME
    assert [(t["number"], t["values"]) for t in answer["best_trials"]] == [(1, [0.75])]
    assert answer["objective_names"] == ["time ratio to the baseline"]


def test_a_rejected_trial_is_shown_with_all_it_has_and_as_infeasible(page: str) -> None:
    rejected, crashed = detail(page)["trials"][2:4]
    assert (rejected["state"], rejected["values"], rejected["constraints"]) == ("Complete", [0.25], [3.0])
    attributes = {a["key"]: a["value"] for a in rejected["user_attrs"]}
    assert attributes["verdict"] == "diverged"
    assert attributes["ratio"] == "0.25"
    assert json.loads(attributes["settings"]).keys() == {"dt"}
    assert rejected["params"][0]["name"] == "dt"
    assert (crashed["state"], crashed["constraints"]) == ("Pruned", [10.0])


def test_new_trials_appear_while_the_study_runs(study: optuna.Study, page: str) -> None:
    study.tell(4, 0.5, state=TrialState.COMPLETE)
    finish(study, 0.1, 4.0, "diverged")
    answer = detail(page)
    assert len(answer["trials"]) == 6
    assert [t["number"] for t in answer["best_trials"]] == [4]


@journal_only
def test_a_study_with_nothing_accepted_has_no_best_trial(study: optuna.Study) -> None:
    other = open_study(study._storage, "rejected", 0, make_sampler)
    finish(other, 0.5, 1.0, "diverged")
    view = AcceptedView(other._storage, "rejected")
    assert [t.state for t in view.get_all_trials(other._study_id)] == [TrialState.PRUNED]
    with pytest.raises(ValueError, match="No trial"):
        view.get_best_trial(other._study_id)
    finish(other, 1.0, 0.0, "accepted")
    assert view.get_best_trial(other._study_id).number == 1


@journal_only
@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT", "PATCH", "OPTIONS", "delete"])
def test_whatever_could_change_something_is_refused(study: optuna.Study, page: str, method: str) -> None:
    study_path = f"/api/studies/{study._study_id}"
    for path in (study_path, "/api/studies", f"{study_path}/rename", f"{study_path}/note", "/api/trials/4/tell"):
        status, body, headers = request(page, path, method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert body == "This dashboard is read-only.\n"
    assert [t.state.name for t in study.trials] == ["COMPLETE", "COMPLETE", "COMPLETE", "PRUNED", "RUNNING"]
    assert [s.study_name for s in study._storage.get_all_studies()] == [NAME]


@journal_only
def test_no_address_that_can_be_read_changes_the_journal(study: optuna.Study, page: str, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    api = f"/api/studies/{study._study_id}"
    for path in ("/", "/dashboard", "/api/meta", "/api/studies", api, f"{api}/param_importances", f"{api}?after=1"):
        assert request(page, path)[0] == 200
    assert request(page, f"/csv/{study._study_id}")[0] == 200
    assert request(page, "/incompatible-rdb-schema")[0] == 200
    request(page, f"/artifacts/{study._study_id}/0/aa")
    for plot in ("contour", "slice", "parallel_coordinate", "rank", "edf", "timeline"):
        request(page, f"{api}/plot/{plot}")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@journal_only
def test_the_storage_behind_the_dashboard_cannot_be_written(study: optuna.Study) -> None:
    view = AcceptedView(study._storage, NAME)
    for write in (
        lambda: view.delete_study(study._study_id),
        lambda: view.set_trial_state_values(4, TrialState.FAIL),
        lambda: optuna.load_study(study_name=NAME, storage=view).ask(),
        lambda: optuna.create_study(study_name="another", storage=view),
    ):
        with pytest.raises(PermissionError):
            write()
    assert study.trials[4].state == TrialState.RUNNING


@journal_only
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:8080@evil.example", 403),
        ("", 403),
    ],
)
def test_only_a_local_host_header_is_answered(page: str, host: str, status: int) -> None:
    assert request(page, "/api/studies", host=host)[0] == status


@journal_only
def test_a_request_without_or_with_two_host_headers_is_refused(page: str) -> None:
    for hosts in ((), ("localhost", "evil.example")):
        connection = http.client.HTTPConnection(page.split("/")[2])
        connection.putrequest("GET", "/api/studies", skip_host=True)
        for host in hosts:
            connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status == 403
        connection.close()


@journal_only
def test_head_is_answered_without_a_body(page: str) -> None:
    status, body, _ = request(page, "/api/studies", "HEAD")
    assert (status, body) == (200, "")


@journal_only
def test_other_studies_of_a_shared_storage_are_not_shown(study: optuna.Study, page: str) -> None:
    other = open_study(study._storage, "somebody-else", 0, make_sampler)
    studies = json.loads(request(page, "/api/studies")[1])["study_summaries"]
    assert [s["study_name"] for s in studies] == [NAME]
    assert request(page, f"/api/studies/{other._study_id}")[0] == 404


@journal_only
def test_a_busy_port_is_a_usage_error_with_a_cure(study: optuna.Study) -> None:
    with make_dashboard(study._storage, NAME, port=0) as first, pytest.raises(UsageError, match="is in use") as caught:
        make_dashboard(study._storage, NAME, port=first.server_port)
    assert str(first.server_port) in caught.value.message
    assert "--port 0" in caught.value.cure


@journal_only
def test_what_cannot_be_served_is_a_usage_error(study: optuna.Study) -> None:
    with pytest.raises(UsageError, match="no study 'nothing'"):
        make_dashboard(study._storage, "nothing", port=0)
    with pytest.raises(UsageError, match=r"on 127\.0\.0\.1 only"):
        make_dashboard(study._storage, NAME, host="0.0.0.0", port=0)
    with pytest.raises(UsageError, match="Port 70000"):
        make_dashboard(study._storage, NAME, port=70000)


@journal_only
def test_serving_says_the_address_and_ends_with_ctrl_c(study: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(server: object, poll_interval: float = 0.5) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("socketserver.BaseServer.serve_forever", interrupted)
    said: list[str] = []
    serve_dashboard(study._storage, NAME, port=0, say=said.append)
    assert f"/dashboard/studies/{study._study_id}" in said[0]
    assert "http://127.0.0.1:" in said[0]


@journal_only
@pytest.mark.browser
@needs_chromium
def test_the_page_shows_the_best_accepted_trial(page: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        tab.goto(page)
        expect(tab.get_by_text(NAME).first).to_be_visible(timeout=30_000)
        expect(tab.get_by_text("Best Trial (number=1)")).to_be_visible(timeout=30_000)
        expect(tab.get_by_role("heading", name="0.75", exact=True)).to_be_visible()
        expect(tab.get_by_text("Best Trial (number=2)")).to_have_count(0)
        tab.screenshot(path=tmp_path / "dashboard.png")
        tab.goto(f"{page}/trials?numbers=2")
        expect(tab.get_by_text("diverged").first).to_be_visible()
        browser.close()
    assert (tmp_path / "dashboard.png").stat().st_size > 10_000


@pytest.fixture
def filled(study: optuna.Study, tmp_path: Path) -> Iterator[str]:
    """The address of a finished study's page, filled with what its records say."""
    files = tmp_path / "files"
    files.mkdir()
    filling = fill(read_studied(*open_finished(with_failures(tmp_path / "ring").path)), files)
    server = make_dashboard(study._storage, NAME, port=0, filling=filling, files=files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield dashboard_url(server, study._storage, NAME)
    server.shutdown()
    thread.join()
    server.server_close()


@journal_only
def test_a_finished_study_is_shown_with_its_answer_and_files_and_stays_as_it_is(
    study: optuna.Study, filled: str, tmp_path: Path
) -> None:
    before = (tmp_path / "optuna.journal").read_bytes()
    shown = detail(filled)
    assert "2.40 times as fast" in shown["note"]["body"]
    assert "[The whole report](/report)" in shown["note"]["body"]
    ids = {each["id"] for each in shown["plotly_graph_objects"]}
    assert ids == {"search", "pairs", "brings", "raster", "shifts", "times", "exchange"}
    files = {each["filename"]: each["artifact_id"] for each in shown["artifacts"]}
    status, best, _ = request(filled, f"/artifacts/{study._study_id}/{files['best.json']}")
    assert (status, json.loads(best)["verdict"]) == (200, "improved")
    status, report, headers = request(filled, "/report")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "how it runs fastest" in report
    assert request(filled, "/report", host="evil.example")[0] == 403
    assert request(filled, "/report", method="POST")[0] == 405
    assert (tmp_path / "optuna.journal").read_bytes() == before


@journal_only
def test_importances_are_what_was_measured(study: optuna.Study, tmp_path: Path) -> None:
    measured = ({"name": "dt", "importance": 0.9, "distribution": "CategoricalDistribution"},)
    server = make_dashboard(study._storage, NAME, port=0, filling=Filling({}, measured))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    answer = request(dashboard_url(server, study._storage, NAME), f"/api/studies/{study._study_id}/param_importances")[
        1
    ]
    server.shutdown()
    thread.join()
    server.server_close()
    assert json.loads(answer) == {"param_importances": [list(measured)]}


def test_what_each_setting_brings_is_its_importance(tmp_path: Path) -> None:
    studied = read_studied(*open_finished(with_failures(tmp_path / "ring").path))
    brings = {"low": 0.9, "high": 2.0, "kept": True}
    both = [
        {"knob": "nspike", "value": 8, "estimate": 0.98, **brings},
        {"knob": "dt", "value": 0.05, "estimate": 1.9, **brings},
    ]
    evidence = studied.best.evidence.model_copy(update={"brings": both})
    best = studied.best.model_copy(update={"evidence": evidence})
    studied = replace(studied, answer=replace(studied.answer, best=best))
    (tmp_path / "files").mkdir()
    found = fill(studied, tmp_path / "files").importances
    assert [(each["name"], round(each["importance"], 6)) for each in found] == [("dt", 0.9), ("nspike", 0.0)]


@journal_only
def test_an_unfinished_study_says_so(study: optuna.Study) -> None:
    view = AcceptedView(study._storage, NAME, fill_unfinished().attributes)
    assert any("has not come to its end" in str(each) for each in view.get_study_system_attrs(study._study_id).values())


@journal_only
@pytest.mark.browser
@needs_chromium
def test_the_filled_page_draws_every_figure_and_the_note_leads_to_the_report(filled: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        with browser_page(browser=browser) as page:
            page.goto(filled)
            for title in ("Time of each trial, by verdict", "Spikes: own and best", "Where the time goes"):
                expect(page.locator(".gtitle", has_text=title)).to_be_visible(timeout=30_000)
            page.set_viewport_size({"width": 400, "height": 900})
            page.wait_for_function("document.documentElement.scrollWidth <= 400")
            page.goto(f"{filled}/note")
            page.get_by_role("link", name="The whole report").click()
            page.wait_for_selector("body[data-drawn]", timeout=60_000)
        browser.close()
