"""The page of `semilla check --html` in a real browser."""

import pytest

from conftest import check_accessible

EVERY = pytest.mark.parametrize("name", ["fails", "passes", "transformer"])


def first_row(page):
    return page.locator("tr.layer").first


@EVERY
@pytest.mark.parametrize("options", [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 360, "height": 740}, "locale": "es-ES"},
], ids=["light", "dark", "phone"])
def test_accessible(visit, name, options):
    page = visit(name, **options)
    first_row(page).locator("button").click()
    for summary in page.locator(".repeat > summary").all():
        summary.click()
    check_accessible(page)


@EVERY
def test_nothing_is_wider_than_a_phone(visit, name):
    page = visit(name, viewport={"width": 360, "height": 740})
    for button in page.locator("tr.layer button").all()[:3]:
        button.click()
    for summary in page.locator(".repeat > summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_language_follows_the_browser_and_the_button(visit):
    page = visit("fails", locale="es-MX")
    verdict = page.locator(".verdict")
    assert page.locator("html").get_attribute("lang") == "es"
    assert "No apta" in verdict.inner_text() and "Fails" not in verdict.inner_text()
    assert page.title().startswith("no apta")
    number = page.locator("tr.layer td.n").first
    spanish = number.inner_text()
    assert "," in spanish and "." not in spanish
    page.locator("#language").click()
    assert page.locator("html").get_attribute("lang") == "en"
    assert "Fails" in verdict.inner_text() and "No apta" not in verdict.inner_text()
    english = number.inner_text()
    assert english == spanish.replace(",", ".")
    page.locator("#language").click()
    assert number.inner_text() == spanish


def test_unknown_languages_read_english(visit):
    assert visit("fails", locale="de-DE").locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(visit, scheme):
    page = visit("passes", color_scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor"
    first = page.evaluate(paper)
    page.locator("#theme").click()
    second = page.evaluate(paper)
    assert first != second
    page.locator("#theme").click()
    assert page.evaluate(paper) == first


def test_layers_open_from_the_keyboard(visit):
    page = visit("passes")
    button = first_row(page).locator("button")
    detail = page.locator("tr.detail").first
    assert not detail.is_visible()
    button.focus()
    page.keyboard.press("Enter")
    assert detail.is_visible() and button.get_attribute("aria-expanded") == "true"
    assert detail.locator("svg.histogram").count() == 2
    page.keyboard.press("Enter")
    assert not detail.is_visible() and button.get_attribute("aria-expanded") == "false"


def test_nodes_of_the_drawing_open_their_layers(visit):
    page = visit("transformer")
    repeat = page.locator(".repeat").first
    repeat.locator("> summary").focus()
    page.keyboard.press("Enter")
    node = repeat.locator("a.node").nth(2)
    name = node.locator("title").text_content()
    for _ in range(2):
        node.focus()
        page.keyboard.press("Enter")
        focused = page.locator("tr.layer button:focus")
        focused.wait_for()
        assert focused.text_content() == name
        assert focused.get_attribute("aria-expanded") == "true"


def test_values_show_under_pointer_and_arrow_keys(visit):
    page = visit("passes")
    plot = page.locator(".plot").first
    plot.hover()
    tooltip = page.locator("#tooltip")
    assert tooltip.is_visible() and "layers." in tooltip.inner_text()
    page.mouse.move(0, 0)
    assert not tooltip.is_visible()
    page.locator(".plotted").last.focus()
    page.keyboard.press("Home")
    assert "layers.0.weight" in tooltip.inner_text()
    page.keyboard.press("ArrowRight")
    value = page.locator("tr.layer").nth(1).locator("[data-head=head-gradient]").inner_text()
    assert "layers.1.weight" in tooltip.inner_text() and value in tooltip.inner_text()
    assert "predicted" in tooltip.inner_text()
    page.keyboard.press("Escape")
    assert not tooltip.is_visible()


def test_print_has_content_and_no_controls(visit):
    page = visit("fails", color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("#language").is_visible()
    assert page.locator("tr.layer").last.is_visible()
    paper = page.evaluate("getComputedStyle(document.querySelector('figure')).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    assert page.pdf()[:4] == b"%PDF"


def test_all_is_readable_without_scripts(visit):
    page = visit("passes", java_script_enabled=False)
    assert page.locator("tr.detail").first.is_visible()
    assert not page.locator("#language").is_visible()
