"""The page of `semilla compare` in a real browser."""

import csv
import json

import pytest

from conftest import check_accessible, check_width


def opened(page):
    for summary in page.locator("summary").all():
        summary.click()
    return page


@pytest.mark.parametrize("options", [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 360, "height": 740}, "locale": "es-ES"},
], ids=["light", "dark", "phone"])
def test_accessible_and_no_wider_than_its_window(visit, options):
    page = opened(visit("compared", **options))
    check_accessible(page)
    check_width(page, options)


def test_the_verdict_is_what_one_sees_first(visit):
    page = visit("compared", locale="es-AR")
    box = page.locator(".verdict").bounding_box()
    assert box["y"] + box["height"] < 720
    assert "prueba" in page.locator(".verdict .word").inner_text()


def saved(page, button, folder):
    with page.expect_download() as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_all_numbers_can_be_saved(visit, tmp_path):
    page = visit("compared", locale="es-ES")
    comparison = json.loads(saved(page, page.locator("[data-save]"), tmp_path).read_text())
    path = saved(page, page.locator("button[data-rows]"), tmp_path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(comparison["runs"])
    tested = [run["outcome"]["test"] for run in comparison["runs"]]
    found = [row["test_accuracy"] for row in rows]
    # Whole numbers, whatever the page shows and in which language.
    for row, test in zip(found, tested):
        assert row == "" if test is None else float(row) == test["accuracy"]


def test_curves_have_values_under_pointer_and_arrow_keys(visit):
    page = visit("compared")
    tooltip = page.locator("#tooltip")
    page.locator(".plot").first.hover()
    assert tooltip.is_visible() and tooltip.locator("tr").count() == 3
    page.mouse.move(0, 0)
    page.locator("section:has(#rates) .plotted").first.focus()
    page.keyboard.press("End")
    assert tooltip.locator("tr").count() == 1
    assert "0.2" in tooltip.locator("b").inner_text()


def test_print_has_content_and_no_controls(visit):
    page = visit("compared", color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator(".saves").first.is_visible()
    assert page.locator("#results tbody tr").last.is_visible()
    assert page.pdf()[:4] == b"%PDF"
