"""The page of a profile in a real browser."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, CHROMIUM_ARGS, browser_page, needs_chromium

CUT_OFF = """() => [...document.querySelectorAll('.wide')].filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.getAttribute('aria-label'))"""
NET = Path(__file__).parents[1] / "profile/net.py"


@pytest.mark.browser
@needs_chromium
def test_the_page_of_a_profile_is_whole_on_wide_and_narrow_screens(autotune: Any, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    shutil.copy(NET, tmp_path)
    command = ("mpiexec", "-n", "2", sys.executable, "net.py", "unbalanced")
    answer = autotune("profile", "--html", "profile.html", "--", *command, cwd=tmp_path)
    assert answer.code == 0, answer
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        for width, scheme in ((1200, "light"), (400, "dark")):
            with browser_page(width, scheme, chromium) as page:
                page.goto((tmp_path / "profile.html").as_uri())
                page.wait_for_selector("body[data-drawn]", timeout=60_000)
                plots = page.eval_on_selector_all(".plot:has(.main-svg)", "all => all.map(one => one.id)")
                assert {"plot-parts", "plot-ranks", "plot-mechanisms", "plot-exchange"} <= set(plots)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
                assert page.locator("table").count() >= 4
                assert page.evaluate(CUT_OFF) == []
                text = page.inner_text("body")
                assert "Deal the cells out by their work" in text
                assert "Hz a cell" in text
        chromium.close()
