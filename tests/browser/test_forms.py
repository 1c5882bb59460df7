"""Pictures, settings and classifiers that are chosen, and what the page says of them."""

import base64
import io
import re

import numpy as np
import pytest
from page import PHOTO, act, choose_model, covered, ended, eventually, expect, pixels, posted_mask, ready, run, stroke
from PIL import Image


def sent_by(page, button):
    """What a button asks the studio to run, with its pictures' sizes as `(width, height)`."""
    with page.expect_request("**/api/jobs") as request:
        page.click(button)
    body = request.value.post_data_json
    opened = {
        name: Image.open(io.BytesIO(base64.b64decode(body[name]))) for name in ("picture", "second") if name in body
    }
    return body, {name: image.size for name, image in opened.items()}


def test_a_broken_file_is_one_line(open_page, tmp_path):
    page = open_page()
    before = pixels(page)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(broken)
    error = page.locator("#start-error")
    expect(error).to_be_visible()
    assert error.inner_text().strip().count("\n") == 0
    assert np.array_equal(pixels(page), before)
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#start-menu")).to_be_hidden()
    assert pixels(page).shape == (32, 32, 3)
    assert not np.array_equal(pixels(page), before)


def test_what_was_said_of_an_earlier_picture_or_classifier_goes(open_page):
    page = open_page()
    act(page, "sketch", 2)
    bars = page.locator("#bars .bar")
    for change in (lambda: stroke(page, (4.5, 4.5)), lambda: choose_model(page, "cifar10-standard")):
        run(page)
        expect(bars).to_have_count(8)
        expect(page.locator("#downloads")).to_contain_text("Download Sketch")
        change()
        expect(bars).to_have_count(0)
        expect(page.locator("#status")).to_have_text("")
    act(page, "sketch", 30)
    run(page)
    page.wait_for_timeout(200)
    after = sorted(bars.all_inner_texts())
    page.locator("#before").dispatch_event("pointerdown")
    eventually(page, lambda: sorted(bars.all_inner_texts()) != after)
    page.locator("#before").dispatch_event("pointerup")
    eventually(page, lambda: sorted(bars.all_inner_texts()) == after)


def test_a_setting_out_of_bounds_is_told_and_not_sent(open_page):
    page = open_page()
    page.fill("#field-steps", "0")
    page.press("#field-steps", "Tab")
    expect(page.locator("#field-steps-error")).to_have_text("Steps is at least 1.")
    page.click("#run")
    expect(page.locator("#run-error")).to_be_visible()
    expect(page.locator("#status")).to_have_text("")
    page.get_by_label("Steps: back to the default").click()
    expect(page.locator("#field-steps")).to_have_value("40")
    page.fill("#field-steps", "2")
    run(page)
    expect(page.locator("#run-error")).to_be_hidden()


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
    tab_to("label")
    page.keyboard.type("trUCK")
    page.keyboard.press("Enter")
    assert page.input_value("#label") == "truck"
    tab_to("field-steps")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Control+Enter")
    ended(page)
    assert page.locator("#bars .bar.wanted .class").inner_text() == "truck"


def test_a_photo_is_reduced_for_the_action_that_runs(open_page, tmp_path):
    page = open_page()
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#start-menu")).to_be_hidden()
    act(page, "interpolate", 1)
    with page.expect_file_chooser() as chooser:
        page.click("#second-upload")
    chooser.value.set_files(photo)
    expect(page.locator("#second-picture")).to_be_visible()
    act(page, "stylize", 1)
    assert sent_by(page, "#run")[1] == {"picture": (64, 48), "second": (64, 48)}
    ended(page)
    page.focus("#overlay")
    for _ in range(2):
        page.keyboard.press("Control+z")
    act(page, "sketch", 1)
    assert sent_by(page, "#run")[1] == {"picture": (32, 32)}
    ended(page)


def test_looking_at_another_action_leaves_the_picture_as_it_is(open_page, tmp_path):
    page = open_page()
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    act(page, "stylize")
    page.click("#start-button")
    with page.expect_file_chooser() as chooser:
        page.click("#start-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#caption")).to_have_text(re.compile("^64 . 48 pixels"))
    act(page, "inpaint", 1)
    stroke(page, (28.5, 20.5), (36.5, 20.5))
    page.wait_for_timeout(200)
    assert pixels(page).shape == (48, 64, 3)
    body, sizes = sent_by(page, "#run")
    assert sizes == {"picture": (32, 32)}
    rows, columns = np.nonzero(posted_mask(body))  # the stroke is where it was, on the square in the middle
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 14, 13, 19)
    ended(page)


def test_a_class_that_is_optional_is_none_until_one_is_chosen(open_page):
    page = open_page()
    act(page, "inpaint", 1)
    expect(page.locator("#label")).to_have_value("")
    stroke(page, (16.5, 16.5))
    assert "label" not in sent_by(page, "#run")[0]
    ended(page)
    page.fill("#label", "ship")
    page.press("#label", "Enter")
    assert sent_by(page, "#run")[0]["label"] == "ship"
    ended(page)
    with page.expect_response(lambda r: "/api/sessions/" in r.url and r.request.method == "PUT"):
        page.fill("#label", "")
        page.press("#label", "Tab")
    page.reload()
    ready(page)
    expect(page.locator("#label")).to_have_value("")
    act(page, "sketch")
    expect(page.locator("#label")).to_have_value("airplane")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (400, 800)])
def test_nothing_is_wider_than_the_window(open_page, width, height):
    colors = set()
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        colors.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colors) == 2
