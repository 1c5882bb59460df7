"""What a newcomer meets: a good picture, examples of one click, and ways to begin."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from page import act, ended, eventually, expect, frames, pixels, sent_by
from PIL import Image

import pellucid
from pellucid.studio.web.server import PAGE

MODEL = "natural20-l2-2.0"
if MODEL not in pellucid.bundled():
    pytest.skip(f"needs {MODEL}", allow_module_level=True)


@pytest.fixture(scope="module")
def model():
    return MODEL


def kept(name):
    return json.loads((Path(PAGE) / "examples" / f"{name}.json").read_text())


def image(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def test_the_page_opens_on_a_kept_run_that_can_be_played_and_repeated(open_page):
    page, run = open_page(), kept("sketch")
    assert frames(page) == len(run["frames"])
    expect(page.locator("#actions input[value=sketch]")).to_be_checked()
    expect(page.locator("#label")).to_have_value(run["label"])
    expect(page.locator("#bars .bar.wanted .class")).to_have_text(run["label"])
    last = pixels(page)
    assert np.abs(last.astype(int) - image(run["frames"][-1]["picture"])).max() <= 2
    page.click("#play")
    eventually(page, lambda: not np.array_equal(pixels(page), last))
    eventually(page, lambda: np.array_equal(pixels(page), last))
    expect(page.locator("#play")).to_have_text("▶")
    with page.expect_request("**/api/jobs") as request:
        page.click("#run")
    body = request.value.post_data_json
    assert (body["action"], body["label"], body["seed"]) == ("sketch", run["label"], run["seed"])
    assert np.array_equal(image(body["picture"]), image(run["picture"]))
    ended(page)


def test_an_example_runs_with_one_click(open_page):
    page, run = open_page(), kept("paint")
    with page.expect_request("**/api/jobs") as request:
        page.get_by_title("Run this example: Paint with features").click()
    body = request.value.post_data_json
    assert [stroke["unit"] for stroke in body["strokes"]] == [stroke["unit"] for stroke in run["strokes"]]
    ended(page)
    expect(page.locator("#history li")).to_have_count(1)


def test_the_example_of_a_style_brings_its_style_and_the_whole_picture(open_page):
    page, run = open_page(), kept("stylize")
    with page.expect_request("**/api/jobs") as request:
        page.get_by_title(f"Run this example: {run['title']}").click()
    body = request.value.post_data_json
    assert (body["action"], body["second"], body["settings"]) == ("stylize", run["second"], run["settings"])
    assert image(body["picture"]).shape == image(run["frames"][0]["picture"]).shape
    page.click("#stop")
    ended(page, "Stopped")


def test_one_begins_on_the_canvas(open_page, tmp_path):
    page = open_page()
    page.click("#begin-draw")
    expect(page.locator("#actions input[value=sketch]")).to_be_checked()
    eventually(page, lambda: (pixels(page) == 255).all())
    body, _ = sent_by(page, "#begin-surprise")
    assert body["action"] == "generate"
    ended(page)
    act(page, "sketch")
    photo = tmp_path / "photo.png"
    Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 128, 0).repeat(3, 2)).save(photo)
    with page.expect_file_chooser() as chooser:
        page.click("#begin-photo")
    chooser.value.set_files(photo)
    expect(page.locator("#actions input[value=translate]")).to_be_checked()
    expect(page.locator("#timeline")).to_be_disabled()  # the run before is of another picture
    middle = pixels(page).mean()
    page.locator("#crop-at").evaluate("e => { e.value = 1; e.dispatchEvent(new Event('change')); }")
    eventually(page, lambda: pixels(page).mean() > middle + 50)
    right = pixels(page).mean()
    photo = page.locator("#crop").bounding_box()
    page.mouse.move(photo["x"] + photo["width"] - 2, photo["y"] + 10)
    page.mouse.down()
    page.mouse.move(photo["x"] + 2, photo["y"] + 10, steps=3)
    page.mouse.up()
    expect(page.locator("#crop-at")).to_have_value("0")
    eventually(page, lambda: pixels(page).mean() < right - 100)
