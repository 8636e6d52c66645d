"""How fast the report of a large study opens: `python benchmarks/report_page.py [--trials 5000] [--keep report.html]`.

Makes a study of so many trials from the demo's records (every verdict, a reason of its own for each rejected trial),
writes its report and opens it in a headless Chromium, from the request to the last plot drawn, best of three. Aim:
under 3 s; exit code 1 if it is missed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from autotune.report.html import html_report
from autotune.store.folder import StudyFolder, open_finished

AIM_S = 3.0
DEMO = Path(__file__).parent.parent / "docs/images/demo"
VERDICTS = ("accepted", "accepted", "accepted", "diverged", "unstable", "crashed", "timeout", "not applicable")


def make_study(place: Path, number: int) -> StudyFolder:
    """The demo with so many trials in all."""
    shutil.copytree(DEMO, place)
    folder, rng = open_finished(place)[0], np.random.default_rng(1)
    known = folder.trials()
    for at in range(len(known), number):
        like, verdict = known[1 + at % (len(known) - 1)], VERDICTS[at % len(VERDICTS)]
        timed = verdict in ("accepted", "diverged", "unstable")
        folder.write_trial(
            replace(
                like,
                number=at,
                verdict=verdict,
                reason="" if verdict == "accepted" else f"{verdict}: {at} spikes missed beyond 0.5 ms",
                ratio=float(rng.lognormal(-0.3, 0.3)) + 0.4 if timed else None,
                answered_from=None,
            )
        )
    return folder


def opened_s(page_file: Path) -> tuple[float, float]:
    """Seconds until the page has loaded, and until its plots are drawn."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as playwright:
        for _ in range(3):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(page_file.as_uri())
            loaded_s = time.perf_counter() - began
            page.wait_for_selector("body[data-drawn]", timeout=120_000)
            times.append((time.perf_counter() - began, loaded_s))
            browser.close()
    drawn_s, loaded_s = min(times)
    return loaded_s, drawn_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--keep", type=Path, help="keep the page here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = make_study(Path(name, "study"), given.trials)
        began = time.perf_counter()
        text = html_report(*open_finished(folder.path))
        written_s = time.perf_counter() - began
        file = given.keep or Path(name, "report.html")
        file.write_text(text, encoding="utf-8")
        loaded_s, drawn_s = opened_s(file.resolve())
    good = drawn_s < AIM_S
    Console().print(
        f"{given.trials:,} trials: written in {written_s:.1f} s, {len(text) / 1e6:.1f} MB; loaded in {loaded_s:.2f} s, "
        f"all plots drawn after {drawn_s:.2f} s (aim < {AIM_S:g} s)",
        "[green]met[/]" if good else "[red]missed[/]",
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
