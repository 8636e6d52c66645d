"""The report in a real browser: for whoever opens it, on any screen, in the dark, on paper, whatever a model says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, CHROMIUM_ARGS, browser_page, needs_chromium
from studies_to_show import improved, of_many_trials, with_failures, without_a_gain

from autotune.cli import main
from autotune.errors import ExitCode
from autotune.report.html import html_report
from autotune.report.html.sections import raster, search, sections
from autotune.report.html.studied import read_studied
from autotune.store.folder import StudyFolder, open_finished
from autotune.store.output import write_output

PLOTS = [
    "plot-pairs",
    "plot-raster",
    "plot-parted",
    "plot-shifts",
    "plot-times",
    "plot-exchange",
    "plot-search",
    "plot-brings",
]
OVERLAPS = """() => {
  const found = [];
  for (const plot of document.querySelectorAll('.plot')) {
    const texts = [...plot.querySelectorAll('.main-svg text')].filter((each) => each.textContent.trim());
    const boxes = texts.map((each) => [each.textContent, each.getBoundingClientRect()]);
    const whole = plot.getBoundingClientRect();
    boxes.forEach(([name, a], at) => {
      if (a.left < whole.left - 1 || a.right > whole.right + 1) found.push(`${plot.id}: ${name} is cut off`);
      boxes.slice(at + 1).forEach(([other, b]) => {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 4) found.push(`${plot.id}: ${name} on ${other}`);
      });
    });
    const ticks = [...plot.querySelectorAll('.main-svg .xtick text')].map((each) => each.textContent);
    if (new Set(ticks).size < ticks.length) found.push(`${plot.id}: a number twice: ${ticks}`);
  }
  for (const each of document.querySelectorAll('details')) each.open = true;
  for (const each of document.querySelectorAll('.wide'))
    if (each.scrollWidth > each.clientWidth + 1) found.push(`${each.getAttribute('aria-label')}: is cut off`);
  return found;
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def failing(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page of a study with failures."""
    place = tmp_path_factory.mktemp("failing")
    with browser_page(browser=chromium) as page:
        yield opened(page, written(with_failures(place / "ring"), place / "report.html"))


def written(folder: StudyFolder, place: Path) -> Path:
    write_output(place, html_report(*open_finished(folder.path)))
    return place


def opened(page: Any, file: Path) -> Any:
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-drawn]", timeout=60_000)
    return page


def test_the_command_writes_one_file_that_names_nothing_to_load(tmp_path: Path) -> None:
    improved(tmp_path / "ring")
    file = tmp_path / "report.html"
    assert main(["report", str(tmp_path / "ring"), "-o", str(file)]) == ExitCode.DONE
    own = re.sub(r"<script>.*?</script>", "", file.read_text(), flags=re.DOTALL)
    assert "runs 2.40 times as fast" in own
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", own)


def test_a_study_that_has_not_ended_has_no_report(tmp_path: Path) -> None:
    (improved(tmp_path / "ring").path / "confirmation.json").unlink()
    assert main(["report", str(tmp_path / "ring"), "-o", str(tmp_path / "r.html")]) == ExitCode.USAGE
    assert not (tmp_path / "r.html").exists()


def test_where_the_rasters_part_is_drawn_large(tmp_path: Path) -> None:
    studied = read_studied(*open_finished(improved(tmp_path / "ring").path))
    assert studied.baseline is not None
    figure = raster.close_up(studied)
    assert figure is not None
    first_ms = studied.baseline.times_ms[studied.baseline.times_ms > 100.0][0]
    assert figure.layout.shapes[0].x0 == pytest.approx(first_ms)
    for trace in figure.data:
        times = [x for x in trace.x[::3] if x is not None]
        assert 30 < len(times) < 100
        assert min(times) < first_ms < max(times)
    assert raster.close_up(replace(studied, tuned=studied.baseline)) is None


def test_however_many_trials_there_are_what_is_drawn_is_bounded_and_has_the_best(tmp_path: Path) -> None:
    studied = of_many_trials(tmp_path / "ring", 5000)
    figure = search.figure(studied)
    assert figure is not None
    drawn = {trace.name: trace for trace in figure.data}
    assert 300 < len(drawn["accepted"].x) < 700
    fastest = min((t for t in studied.answer.trials if t.accepted), key=lambda trial: trial.ratio or 1.0)
    assert fastest.number in drawn["accepted"].x
    assert sum(len(section.body) for section in sections(studied)) < 600_000


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("study", [improved, without_a_gain, with_failures])
def test_a_report_is_whole_and_legible_on_wide_and_narrow_screens(study: Any, chromium: Any, tmp_path: Path) -> None:
    file = written(study(tmp_path / "ring"), tmp_path / "report.html")
    wanted = set(PLOTS) - ({"plot-shifts", "plot-parted"} if study is without_a_gain else set())
    for width, scheme in ((1200, "light"), (400, "dark")):
        with browser_page(width, scheme, chromium) as page:
            opened(page, file)
            assert set(page.eval_on_selector_all(".plot:has(.main-svg)", "all => all.map(one => one.id)")) == wanted
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OVERLAPS) == []


@pytest.mark.browser
@needs_chromium
def test_what_a_model_says_is_text(failing: Any) -> None:
    assert failing.title() == "ring: how it runs fastest"
    assert failing.locator("td", has_text="<script>document.title").count() > 0
    assert failing.locator("img").count() == 0
    assert failing.locator("main script:not([data-plot])").count() == 0


@pytest.mark.browser
@needs_chromium
def test_the_best_trial_is_the_accepted_one_that_was_confirmed(failing: Any) -> None:
    best = failing.evaluate("document.getElementById('plot-search').data.find((trace) => trace.name === 'best')")
    assert best["x"] == [18]
    assert min(best["y"]) > 0.4  # rejected ones were faster


@pytest.mark.browser
@needs_chromium
def test_in_the_dark_and_on_paper_the_ink_stands_out(chromium: Any, tmp_path: Path) -> None:
    with browser_page(browser=chromium) as page:
        opened(page, written(improved(tmp_path / "ring"), tmp_path / "report.html"))
        for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
            page.emulate_media(media=media, color_scheme=scheme)
            ink = brightness(page, ".plot .xtitle", "fill")
            ground = brightness(page, "body", "backgroundColor")
            assert abs(ink - ground) > 150
            assert (ground < 60) == (scheme == "dark" and media == "screen")
        page.wait_for_function("document.querySelector('.main-svg').clientWidth === 660")
        assert page.locator("details:not([open])").count() == 0


@pytest.mark.browser
@needs_chromium
def test_it_can_be_read_without_eyes_and_without_a_mouse(failing: Any) -> None:
    assert failing.locator(".plot:not([role=img][aria-label])").count() == 0
    assert failing.locator("table:not(:has(caption)), table:not(:has(th[scope=col]))").count() == 0
    failing.keyboard.press("Tab")
    assert failing.evaluate("document.activeElement.textContent") == "To the report"
    failing.keyboard.press("Enter")
    failing.keyboard.press("Tab")
    assert failing.evaluate("!!document.activeElement.closest('main')")


def brightness(page: Any, selector: str, of: str) -> float:
    """0 black, 255 white."""
    colour = page.eval_on_selector(selector, f"one => getComputedStyle(one).{of}")
    parts = [float(each) for each in re.findall(r"[\d.]+", colour)[:3]]
    return sum(parts) / 3
