"""Takes the pictures of report and dashboard that the pages show, of a real study in a real Chromium.

    python docs/images/pages.py runs/ring

writes report.png and dashboard.png beside this file. It needs `chromium` on the PATH and playwright.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from autotune.report.dashboard import dashboard_url, make_dashboard
from autotune.report.filling import fill
from autotune.report.html.studied import read_studied
from autotune.store.folder import open_finished
from autotune.store.opening import open_storage

PLACE = Path(__file__).parent


def main(study: Path) -> None:
    """Both pictures."""
    from playwright.sync_api import ViewportSize, sync_playwright

    folder, record = open_finished(study)
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        storage = open_storage(study, record.storage)
        filling = fill(read_studied(folder, record), Path(name))
        server = make_dashboard(storage, record.name, port=0, filling=filling, files=Path(name))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = dashboard_url(server, storage, record.name)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=ViewportSize(width=1000, height=1300))
        page.goto(address.partition("/dashboard")[0] + "/report")
        page.wait_for_selector("body[data-drawn]", timeout=60_000)
        page.screenshot(path=PLACE / "report.png")
        page.goto(address)
        page.wait_for_selector("text=Spikes: own and best", timeout=60_000)
        page.wait_for_timeout(2000)
        page.screenshot(path=PLACE / "dashboard.png", full_page=True)
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
