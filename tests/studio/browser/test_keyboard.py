"""The page by keyboard alone: keys, fields, and where the focus goes."""

import numpy as np
import pytest
from page import act, covered, ended, endless, eventually, expect, frames, pixels, run, several_frames, stroke

FOCUSED = "document.activeElement.id || document.activeElement.getAttribute('aria-label')"


def sent_by_keys(page, keys="Control+Enter"):
    with page.expect_request("**/api/jobs") as request:
        page.keyboard.press(keys)
    ended(page)
    return request.value.post_data_json


def test_everything_is_done_by_keyboard_alone(open_page):
    page = open_page()
    before = pixels(page)

    def tab_to(id):
        for _ in range(60):
            if page.evaluate("document.activeElement?.id") == id:
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not reach {id}")

    tab_to("overlay")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    drawn = (pixels(page) != before).any(-1)
    assert np.array_equal(drawn, covered(3, [(16.5, 16.5), (17.5, 16.5)]))
    expect(page.locator("#actions input[value=sketch]")).to_be_checked()  # what begins with a drawing
    tab_to("label")
    page.keyboard.type("trUCK")
    page.keyboard.press("Enter")
    assert page.input_value("#label") == "truck"
    tab_to("amount")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # opens what is under Advanced
    tab_to("field-steps")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    sent = sent_by_keys(page)
    assert (sent["label"], sent["settings"]["steps"]) == ("truck", 2)
    assert page.locator("#bars .bar.wanted .class").inner_text() == "truck"


@pytest.mark.parametrize(
    ("field", "typed", "sent"),
    [("field-steps", "4", lambda body: body["settings"]["steps"]), ("seed", "9", lambda body: str(body["seed"])),
     ("label", "dog", lambda body: body["label"])],
)  # fmt: skip
def test_a_run_from_within_a_field_takes_what_the_field_shows(open_page, field, typed, sent):
    page = open_page()
    act(page, "sketch", 3)
    page.focus(f"#{field}")
    page.keyboard.press("Control+a")
    page.keyboard.type(typed)
    assert str(sent(sent_by_keys(page))) == typed
    assert page.evaluate(FOCUSED) == field


def test_a_key_in_a_field_neither_stops_nor_starts_a_run(open_page):
    page = open_page()
    endless(page)
    page.focus("#field-steps")
    page.keyboard.press("Escape")
    several_frames(page, frames(page) + 2)
    expect(page.locator("#status")).to_have_text("Running")
    page.focus("#overlay")
    page.keyboard.press("Escape")
    ended(page, "Stopped")
    page.keyboard.press("Alt+c")
    expect(page.locator("#status")).to_contain_text("Stopped")


def test_keys_of_one_character_can_be_switched_off_for_good(open_page):
    page = open_page()
    page.keyboard.press("?")
    page.uncheck("#keys-single")
    page.keyboard.press("Escape")
    for opened in (page, open_page(page.context)):
        opened.focus("#overlay")
        opened.keyboard.press("f")
        expect(opened.locator("#tools input[value=brush]")).to_be_checked()


def test_the_picture_before_the_run_is_gone_when_the_window_is_left_and_never_painted_on(open_page):
    page = open_page()
    act(page, "sketch", 30)
    run(page)
    result = pixels(page)
    page.focus("#overlay")
    page.keyboard.down("h")
    eventually(page, lambda: not np.array_equal(pixels(page), result))
    page.evaluate("dispatchEvent(new Event('blur'))")
    assert np.array_equal(pixels(page), result)
    page.keyboard.down("h")
    eventually(page, lambda: not np.array_equal(pixels(page), result))
    stroke(page, (4.5, 4.5))
    page.keyboard.up("h")
    assert np.array_equal((pixels(page) != result).any(-1), covered(3, [(4.5, 4.5)]))


def test_the_focus_stays_where_strokes_are_listed(open_page):
    page = open_page()
    act(page, "paint", 1)
    page.click("#unit-choose")
    page.locator("#units-list button").nth(3).click()
    page.keyboard.press("Escape")
    for row in (8.5, 20.5):
        stroke(page, (8.5, row))
        page.click("#stroke-add")
    page.locator("#strokes input").nth(1).press("Space")
    expect(page.locator("#strokes input").nth(1)).to_be_focused()
    for left in ("Delete: Unit 3, strength 1", "stroke-add"):
        page.locator("#strokes button:last-child").last.press("Enter")
        assert page.evaluate(FOCUSED) == left


def test_the_focus_stays_at_a_preset_a_mask_and_an_earlier_result(open_page):
    page = open_page()
    act(page, "sketch", 1)
    run(page)
    page.locator("#history button").focus()
    sent_by_keys(page)
    expect(page.locator("#history button").last).to_be_focused()
    presets = page.locator(".presets select")
    presets.focus()
    presets.select_option(index=1)
    expect(presets).to_be_focused()
    act(page, "inpaint")
    stroke(page, (8.5, 8.5))
    page.locator("#mask-clear").press("Enter")
    assert page.evaluate(FOCUSED) == "mask-paint"
