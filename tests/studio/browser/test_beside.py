"""A second classifier beside the first: its run, its names and its end, whatever the first one does."""

import base64
import io
import json
import re

import numpy as np
import pytest
from page import act, begin, choose_class, ended, eventually, expect, pixels, ready, run
from PIL import Image

import pellucid

STATUS = "#beside-status"


def compare(page, endless=True):
    """Compare with the standard classifier; an endless second run goes on for as long as a test needs it."""
    page.click("#compare-button")
    expect(page.locator(STATUS)).to_contain_text("Press Run to see")

    def lengthened(route):
        body = route.request.post_data_json
        if body["model"] == "cifar10-standard":
            body["settings"] = {**body["settings"], "steps": 10_000}
        route.continue_(post_data=json.dumps(body))

    if endless:
        page.route("**/api/jobs", lengthened)


def second_goes_on(page):
    """The first run is over, and of the second there are bars."""
    run(page)
    expect(page.locator(STATUS)).to_have_text("running")
    expect(page.locator("#beside-bars .bar")).to_have_count(3)


def posted(page):
    """All that is asked for from now on."""
    bodies = []
    page.on("request", lambda r: bodies.append(r.post_data_json) if r.url.endswith("/api/jobs") else None)
    return bodies


def decoded(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def image(text):
    return decoded(base64.b64decode(text))


def beside(page):
    """What the second classifier's canvas shows."""
    return image(page.evaluate("document.querySelector('#beside-picture').toDataURL().split(',')[1]"))


def test_a_second_classifier_does_the_same_beside_the_first(open_page):
    page = open_page(shared=False)
    act(page, "sketch", 2)
    page.click("#compare-button")
    expect(page.locator("#beside-model")).to_have_value("cifar10-standard")
    expect(page.locator(STATUS)).to_contain_text("Press Run to see")
    bodies = posted(page)
    run(page)
    expect(page.locator(STATUS)).to_contain_text("done")
    first, second = bodies
    assert {**first, "model": "cifar10-standard"} == second
    expect(page.locator("#beside-bars .bar")).to_have_count(3)


def test_a_second_run_makes_way_for_the_next_one(open_page):
    page = open_page()
    act(page, "sketch", 3)
    choose_class(page, "cat")
    compare(page)
    second_goes_on(page)
    choose_class(page, "truck")
    second_goes_on(page)
    expect(page.locator("#beside-bars .bar.wanted .class")).to_have_text("truck")
    shown = page.evaluate(
        "[...document.querySelectorAll('#beside-bars .share')].map((e) => e.innerText)"
    )  # at one moment
    shares = [float(re.sub("[<%]", "", text)) for text in shown]
    assert sum(shares) < 101
    page.click("#stop")
    expect(page.locator(STATUS)).to_have_text("stopped")
    caption = page.locator("#beside figcaption")
    expect(caption).to_contain_text("Download Sketch to image, truck")
    png, sidecar = (
        page.request.get(link.evaluate("e => e.href")) for link in caption.locator("#beside-png, #beside-json").all()
    )
    assert "truck" in sidecar.json()["command"]
    assert np.array_equal(beside(page), decoded(png.body()))


@pytest.mark.parametrize("how", ["button", "key"])
def test_a_second_run_is_stopped_when_it_alone_goes_on(open_page, how):
    page = open_page()
    act(page, "sketch", 3)
    compare(page)
    second_goes_on(page)
    expect(page.locator("#stop")).to_be_enabled()
    if how == "button":
        page.click("#stop")
    else:
        page.keyboard.press("Escape")
    expect(page.locator(STATUS)).to_have_text("stopped")
    expect(page.locator("#stop")).to_be_disabled()
    expect(page.locator("#status")).to_have_text(re.compile("^Done"))


def test_a_reload_finds_a_second_run_that_alone_goes_on(open_page):
    page = open_page()
    act(page, "sketch", 3)
    choose_class(page, "cat")
    compare(page)
    second_goes_on(page)
    page.reload()
    ready(page)
    expect(page.locator("#compare-button")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#beside-model")).to_have_value("cifar10-standard")
    expect(page.locator(STATUS)).to_have_text("running")
    expect(page.locator("#beside-bars .bar.wanted .class")).to_have_text("cat")
    page.click("#stop")
    expect(page.locator(STATUS)).to_have_text("stopped")


def test_what_one_classifier_made_does_not_stand_under_anothers_name(open_page):
    if "animals59-standard" not in pellucid.bundled():
        pytest.skip("needs a third bundled classifier")
    page = open_page()
    start = pixels(page)
    act(page, "sketch", 30)
    compare(page, endless=False)
    run(page)
    expect(page.locator(STATUS)).to_contain_text("done")
    expect(page.locator("#beside figcaption")).to_contain_text("Download Sketch")
    result = pixels(page)
    page.select_option("#beside-model", "animals59-standard")
    expect(page.locator(STATUS)).to_contain_text("Press Run to see")
    for key, shown in (("Home", start), ("End", result), ("Home", start)):
        page.press("#timeline", key)
        eventually(page, lambda shown=shown: np.array_equal(pixels(page), shown))
    expect(page.locator("#beside-bars .bar")).to_have_count(0)
    expect(page.locator("#beside figcaption")).not_to_contain_text("Download", use_inner_text=True)
    expect(page.locator("#beside-picture")).to_be_hidden()


def test_the_second_goes_on_from_its_own_picture(open_page):
    page = open_page(shared=False)
    act(page, "sketch", 3)
    compare(page, endless=False)
    run(page)
    expect(page.locator(STATUS)).to_contain_text("done")
    eventually(page, lambda: page.locator("#beside figcaption a").first.is_visible())
    shown = pixels(page), beside(page)
    bodies = posted(page)
    page.click("#continue")
    eventually(page, lambda: len(bodies) == 2)
    assert all(np.array_equal(image(body["picture"]), own) for body, own in zip(bodies, shown, strict=True))
    ended(page)


def test_the_second_goes_on_from_the_firsts_picture_when_it_had_no_part_in_it(open_page):
    page = open_page(shared=False)
    act(page, "sketch", 3)
    choose_class(page, "cat")
    compare(page, endless=False)
    run(page)
    expect(page.locator(STATUS)).to_contain_text("done")
    page.click("#compare-button")
    begin(page, "blank")
    choose_class(page, "ship")
    run(page)
    page.click("#compare-button")
    bodies = posted(page)
    page.click("#continue")
    eventually(page, lambda: len(bodies) == 2)
    assert bodies[0]["picture"] == bodies[1]["picture"]
    ended(page)
