"""`semilla lab` in a real browser."""

import signal
import subprocess

import pytest

from conftest import SEMILLA, check_accessible, check_width, watched

STORIES = ["zeros", "small", "large", "xavier", "he", "pretrained"]
# A training may wait for the machine's cores.
PATIENCE = 90_000


@pytest.fixture(scope="module")
def address():
    lab = subprocess.Popen([SEMILLA, "lab", "--port", "0", "--no-open"], stdout=subprocess.PIPE, text=True)
    yield lab.stdout.readline().split()[4].rstrip(";")
    lab.send_signal(signal.SIGINT)
    assert lab.wait(20) == 0


@pytest.fixture
def lab(browser, address):
    """Opens the lab, which asks the lab alone."""
    with watched(browser, lambda asked, page: asked.startswith(page)) as opened:
        def lab(**options):
            page = opened(address, **options)
            page.locator("#theory .card").first.wait_for()
            return page

        yield lab


def tell(page, story):
    page.locator(f"[data-story=story-{story}]").click()
    page.locator("#outcome table").wait_for(timeout=PATIENCE)
    return {row.locator("th").inner_text().strip(): row.locator("td").first.inner_text()
            for row in page.locator("#outcome tbody tr").all()}


def percent(text):
    return float(text.removesuffix(" %"))


@pytest.mark.parametrize("story", STORIES)
def test_every_story_is_told(lab, story):
    page = lab()
    found = tell(page, story)
    assert page.locator(f"#story-{story}").is_visible()
    assert page.locator("[aria-pressed=true]").count() == 1
    assert len(found) == 2
    bad, good = [percent(found[name]) for name in found]
    # The second of each pair is the one that the story is for.
    assert good > bad, found
    assert page.locator("#loss .plot .line").count() == 2
    assert page.locator("#layers .ridges").count() == 4
    assert page.locator("#progress").inner_text().startswith("Step")
    assert page.locator("#stop").is_disabled()
    check_accessible(page)


def test_theory_and_export_follow_the_settings(lab):
    page = lab()
    tell(page, "he")
    assert "shrink" in page.locator("#theory").inner_text()
    page.locator("#activation").select_option("tanh")
    page.locator("#depth").fill("7")
    page.locator("#command", has_text="32-10:tanh").wait_for()
    command = page.locator("#command").inner_text()
    assert command.startswith("semilla compare mlp:64-") and "--recipes 'xavier_normal,kaiming_normal'" in command
    page.locator("#take summary").first.click()
    assert "xavier_normal" in page.locator("#recipe-xavier").inner_text()


def test_wrong_settings_are_said_in_the_language_of_the_page(lab):
    page = lab(locale="es-ES")
    page.locator("#depth").fill("cien")
    complaint = page.locator("#complaint", has_text="debe ser")
    complaint.wait_for()
    assert "must be" not in complaint.inner_text()
    page.locator("#depth").fill("5")
    complaint.wait_for(state="hidden")


def test_spanish_is_whole(lab):
    page = lab(locale="es-MX")
    assert page.locator("html").get_attribute("lang") == "es"
    assert "perceptrón sencillo" in page.locator("#shape").inner_text()
    found = tell(page, "small")
    assert any("," in value for value in found.values()), found
    assert "demasiado pequeña" in found
    assert page.locator("#progress").inner_text().startswith("Paso")


def test_a_training_can_be_stopped_from_the_keyboard(lab):
    page = lab()
    page.locator("#steps").fill("5000")
    page.locator("#train").focus()
    page.keyboard.press("Enter")
    page.locator("#loss .plot .line").first.wait_for(timeout=PATIENCE)
    page.locator("#stop").focus()
    page.keyboard.press("Enter")
    assert page.locator("#stop").is_disabled()
    assert page.locator("#outcome table").count() == 0


@pytest.mark.parametrize("options", [
    {"color_scheme": "dark"},
    {"viewport": {"width": 360, "height": 740}, "locale": "es-ES"},
], ids=["dark", "phone"])
def test_accessible_and_no_wider_than_its_window(lab, options):
    page = lab(**options)
    tell(page, "zeros")
    check_accessible(page)
    check_width(page, options)
