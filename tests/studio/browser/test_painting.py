"""Strokes, colors and masks on the canvas."""

import base64
import io

import numpy as np
import pytest
from page import act, begin, choose_model, covered, ended, expect, on_screen, pixels, posted_mask, run, stroke
from PIL import Image

SET_SIZE = "v => { const e = document.querySelector('#size'); e.value = v; e.dispatchEvent(new Event('input')); }"
STROKES = [
    (1, [(5.2, 7.9)]), (1, [(3.5, 3.5), (20.5, 9.5)]), (2, [(10.2, 10.4)]), (4, [(4, 25), (28, 20), (16, 4)]),
    (7, [(0.5, 16.5), (9.5, 16.5)]), (32, [(31.5, 31.5)]),
]  # fmt: skip


def test_the_mask_covers_exactly_the_painted_pixels(open_page):
    page = open_page()
    act(page, "inpaint", 1)
    for size, points in STROKES:
        page.evaluate(SET_SIZE, size)
        page.keyboard.press("x")
        stroke(page, *points)
        with page.expect_request("**/api/jobs") as request:
            page.click("#run")
        sent = posted_mask(request.value.post_data_json)
        assert np.array_equal(sent, covered(size, points)), f"size {size} through {points}"
        if (size, len(points)) == (1, 1):
            assert np.argwhere(sent).tolist() == [[7, 5]]
        ended(page)


def test_the_library_gets_the_mask_that_was_painted(open_page, address):
    page = open_page()
    act(page, "inpaint", 2)
    page.mouse.move(*on_screen(page, 16, 16))
    page.mouse.wheel(0, -300)  # whatever the zoom
    stroke(page, (10.5, 12.5), (20.5, 18.5))
    page.keyboard.press("n")
    stroke(page, (15.5, 15.5))
    run(page)
    name = page.get_attribute("#result-json", "href")
    sidecar = page.request.get(f"{address.rstrip('/')}/{name.lstrip('./')}").json()
    (png,) = [base64.b64decode(file["content"]) for file in sidecar["inputs"] if file["path"] == "mask.png"]
    read = np.asarray(Image.open(io.BytesIO(png)).convert("L")) > 127
    assert np.array_equal(read, covered(3, [(10.5, 12.5), (20.5, 18.5)]) & ~covered(3, [(15.5, 15.5)]))


def test_colors_are_painted_picked_filled_and_undone(open_page):
    page = open_page()
    begin(page, "blank")
    assert (pixels(page) == 255).all()
    page.fill("#color", "#c83214")
    stroke(page, (4.5, 4.5), (27.5, 4.5))
    line = covered(3, [(4.5, 4.5), (27.5, 4.5)])
    assert (pixels(page)[line] == (0xC8, 0x32, 0x14)).all()
    assert (pixels(page)[~line] == 255).all()
    page.fill("#color", "#0000ff")
    page.keyboard.press("f")
    stroke(page, (16, 20))
    assert (pixels(page)[~line] == (0, 0, 255)).all()
    page.keyboard.press("i")
    stroke(page, (10.5, 4.5))
    assert page.input_value("#color") == "#c83214"
    page.keyboard.press("e")
    stroke(page, (4.5, 4.5))
    assert (pixels(page)[4, 4] == 255).all()
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert (pixels(page) == 255).all()
    page.keyboard.press("Control+Shift+z")
    assert (pixels(page)[line] == (0xC8, 0x32, 0x14)).all()


def test_fingers_paint_with_one_and_zoom_with_two(open_page):
    page = open_page(has_touch=True)
    before = pixels(page)
    page.touchscreen.tap(*on_screen(page, 10.5, 10.5))
    painted = pixels(page)
    assert np.array_equal((painted != before).any(-1), covered(3, [(10.5, 10.5)]))
    (x, y), width = on_screen(page, 16, 16), page.locator("#sheet").bounding_box()["width"]
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", None)):
        fingers = [] if apart is None else [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    assert page.locator("#sheet").bounding_box()["width"] == pytest.approx(2 * width, rel=0.02)
    assert np.array_equal(pixels(page), painted)


def test_strokes_of_another_classifier_go_and_the_page_says_so(open_page):
    page = open_page()
    act(page, "paint")
    page.click("#unit-choose")
    page.locator("#units-list button").first.click()
    page.keyboard.press("Escape")
    stroke(page, (8.5, 8.5))
    page.click("#stroke-add")
    expect(page.locator("#strokes li")).to_have_count(1)
    choose_model(page, "cifar10-standard")
    expect(page.locator("#strokes li")).to_have_count(0)
    expect(page.locator("#hint")).to_contain_text("strokes are gone")


def test_the_space_bar_held_draws_a_line(open_page):
    page = open_page()
    before = pixels(page)
    page.focus("#overlay")
    page.keyboard.down("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.down("Space")  # as a held key repeats
    page.keyboard.press("ArrowRight")
    page.keyboard.up("Space")
    page.keyboard.press("ArrowDown")
    line = covered(3, [(16.5, 16.5), (25.5, 16.5)])
    assert np.array_equal((pixels(page) != before).any(-1), line)
    page.keyboard.press("Control+z")
    assert np.array_equal(pixels(page), before)
