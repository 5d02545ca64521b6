"""A browser, and the pages that the command writes."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SEMILLA = Path(os.environ.get("SEMILLA", TARGET / "release" / "semilla"))

DEEP = f"mlp:{'48-' * 31}10"
MODELS = {
    "fails": [f"{DEEP}:relu", "--recipe", "pytorch"],
    "passes": [f"{DEEP}:tanh", "--spectra", "--loss", "cross-entropy"],
    "transformer": ["transformer:6x64:500", "--size", "length=16", "--samples", "4"],
}
COMPARED = ["mlp:64-16-16-10:relu", "--recipes", "normal(std=0.01),xavier_normal,kaiming_normal",
            "--steps", "40", "--seeds", "6", "--tuning-seeds", "2", "--rates", "0.005..0.2"]


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """The page of each model, by name."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, arguments in MODELS.items():
        found[name] = folder / f"{name}.html"
        done = subprocess.run([SEMILLA, "check", *arguments, "--html", found[name]],
                              capture_output=True, text=True)
        assert done.returncode == (1 if name == "fails" else 0), done.stdout + done.stderr
    found["compared"] = folder / "compared.html"
    done = subprocess.run([SEMILLA, "compare", *COMPARED, "-o", found["compared"]],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return found


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium")
    assert path, "there is no Chromium: tests/pages/venv installs it"
    with sync_playwright() as playwright:
        # Chromium's sandbox does not run as root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def watched(browser, is_own):
    """Opens addresses; in the end nothing was complained about, and nothing else was asked:
    `is_own` says of an address that a page asks for, and of the page's, whether that is right."""
    contexts, complaints = [], []

    def opened(address, **options):
        context = browser.new_context(**{"locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: is_own(request.url, address)
                or complaints.append(f"asked for {request.url}"))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def visit(browser, pages):
    """Opens a page, which asks nothing of the network."""
    with watched(browser, lambda asked, page: asked.split("#")[0] == page) as opened:
        yield lambda name, **options: opened(pages[name].as_uri(), **options)


def check_accessible(page):
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def check_width(page, options):
    """No wider than the window that the options ask for."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= options.get("viewport", {"width": 1280})["width"]
