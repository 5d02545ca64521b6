"""Makes the pictures of pages in docs: `$(tests/pages/venv) tests/pages/pictures.py`.

Each page on a desktop, in the dark, on a phone and on paper (its first sheet)."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from conftest import ROOT, SEMILLA

DESKTOP = {"viewport": {"width": 1180, "height": 1100}}
LOOKS = {
    "": DESKTOP,
    "-dark": {**DESKTOP, "color_scheme": "dark", "locale": "es-ES"},
    "-phone": {"viewport": {"width": 390, "height": 1100}},
    # The width of an A4 sheet with the page's margins.
    "-print": {"viewport": {"width": 718, "height": 1015}},
}


def picture(browser, address, path, look, ready):
    context = browser.new_context(**{"locale": "en-US", **LOOKS[look]})
    page = context.new_page()
    page.goto(address)
    ready(page)
    if look == "-print":
        page.emulate_media(media="print")
    page.screenshot(path=path)
    context.close()


def story(page):
    """The lab after a story."""
    page.locator("#theory .card").first.wait_for()
    page.locator("[data-story=story-small]").click()
    page.locator("#outcome table").wait_for(timeout=120_000)


def main():
    pictures = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/pictures"
    lab = subprocess.Popen([SEMILLA, "lab", "--port", "0", "--no-open"], stdout=subprocess.PIPE, text=True)
    address = lab.stdout.readline().split()[4].rstrip(";")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = Path(folder) / "report.html"
        subprocess.run([SEMILLA, "compare", "-o", report], check=True, stdout=subprocess.DEVNULL)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for look in LOOKS:
            picture(browser, report.as_uri(), pictures / f"compare{look}.png", look, lambda page: None)
            picture(browser, address, pictures / f"lab{look}.png", look, story)
        browser.close()
    lab.send_signal(signal.SIGINT)
    lab.wait()


if __name__ == "__main__":
    main()
