"""The page in windows of all sizes, light and dark."""

import re

import pytest
from page import act, expect


def test_nothing_is_wider_than_the_window(open_page):
    colors = set()
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        for width, height in ((1280, 800), (1024, 768), (400, 800), (360, 640)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            expect(page.locator(".bars:visible .bar").first).to_be_visible()  # the classifier speaks in all of them
        colors.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colors) == 2


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1366, 625), (1024, 500), (800, 360)])
def test_in_a_low_window_there_is_room_for_tools_settings_and_a_new_picture(open_page, width, height):
    page = open_page()
    page.set_viewport_size({"width": width, "height": height})
    act(page, "sketch")
    for tool in page.locator(".tool").all():
        box = tool.bounding_box()
        assert box["y"] + box["height"] <= height
    assert page.locator(".scroll").bounding_box()["height"] >= 180
    page.locator("#run").click(trial=True)  # nothing lies above it
    page.click("#start-button")
    box = page.locator("#start-menu").bounding_box()
    assert box["y"] + box["height"] <= height
    page.locator("#start-noise").click(trial=True)
    page.click("#start-label")
    page.locator("#start-label-list li").last.click()
    expect(page.locator("#start-label")).to_have_value("truck")


def test_on_a_phone_nothing_lies_over_ones_own_picture(open_page):
    page = open_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#panel-button")
    act(page, "inpaint")
    page.click("#mask-paint")
    expect(page.locator("#panel-button")).to_have_attribute("aria-expanded", "false")
    box = page.locator("#overlay").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.press("Control+z")
    page.click("#start-button")
    page.click("#start-noise")
    expect(page.locator(".begin")).to_be_hidden()


def luminance(color):
    channels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_and_buttons_stand_out_from_what_is_around_and_in_them(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.click("#form summary")
    style = "(e, of) => getComputedStyle(e)[of]"
    paper = page.locator("body").evaluate(style, "backgroundColor")
    for part in ("#seed", "#label", "#session-button", ".presets select"):
        border = page.locator(part).evaluate(style, "borderTopColor")
        for ground in (paper, page.locator(part).evaluate(style, "backgroundColor")):
            low, high = sorted((luminance(border), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 3, f"{part}: {border} on {ground}"
