"""What is said of a run, and offered of it, is what it was asked for, whatever is chosen or drawn since."""

import io
import re

import numpy as np
from page import (
    act,
    begin,
    choose_class,
    ended,
    endless,
    eventually,
    expect,
    pixels,
    ready,
    run,
    several_frames,
    stroke,
)
from PIL import Image

# From now on a run waits to be sent until go() is called.
HOLD = """() => {
    const send = fetch;
    window.fetch = async (path, options) => {
        if (options?.method === 'POST' && path === 'api/jobs') await new Promise(resolve => { window.go = resolve; });
        return send(path, options);
    };
}"""


def begin_and_choose_another(page):
    """A sketch of a cat is asked for, and before the server has heard of it a translation to a ship is chosen."""
    act(page, "sketch", 3)
    choose_class(page, "cat")
    page.evaluate(HOLD)
    page.click("#run")
    eventually(page, lambda: page.evaluate("'go' in window"))
    act(page, "translate")
    choose_class(page, "ship")


def downloaded(page):
    """The PNG that is offered, `(H, W, 3)`."""
    with page.expect_download() as download:
        page.click("#result-png")
    with open(download.value.path(), "rb") as file:
        return np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))


def wanted(page, bars):
    return page.locator(f"{bars} .bar.wanted .class").all_inner_texts()


def test_what_is_chosen_while_the_server_is_asked_is_for_the_next_run(open_page):
    page = open_page()
    begin_and_choose_another(page)
    with page.expect_request("**/api/jobs") as request:
        page.evaluate("go()")
    ended(page)
    body = request.value.post_data_json
    assert (body["action"], body["label"]) == ("sketch", "cat")
    expect(page.locator("#downloads")).to_contain_text("Download Sketch to image, cat")
    expect(page.locator("#history button")).to_have_attribute("title", "Bring back: Sketch to image: cat")
    expect(page.locator("#run")).to_have_text("Run")
    act(page, "sketch")
    expect(page.locator("#run")).to_have_text("Run again")


def test_a_run_again_begins_where_the_run_did_although_one_drew_while_it_waited(open_page):
    first = open_page()
    second = open_page(first.context)
    act(first, "sketch", 10_000)
    act(second, "sketch", 30)
    first.click("#run")
    several_frames(first)
    posted = []
    second.on("request", lambda r: posted.append(r.post_data_json["picture"]) if r.url.endswith("/api/jobs") else None)
    second.click("#run")
    expect(second.locator("#status")).to_have_text(re.compile("Next in line|Waiting"))
    stroke(second, (4.5, 4.5), (27.5, 27.5))
    first.click("#stop")
    ended(second)
    second.focus("#timeline")
    second.keyboard.press("Home")
    second.keyboard.press("End")
    expect(second.locator("#run")).to_have_text("Run again")
    second.click("#run")
    ended(second)
    assert len(posted) == 2
    assert posted[0] == posted[1]


def test_bars_beside_tell_of_the_class_that_was_asked_for(open_page):
    page = open_page()
    act(page, "sketch", 30)
    choose_class(page, "cat")
    page.click("#compare-button")
    run(page)
    expect(page.locator("#beside-status")).to_contain_text("done")
    choose_class(page, "truck")
    page.focus("#timeline")
    page.keyboard.press("Home")
    page.keyboard.press("End")
    eventually(page, lambda: wanted(page, "#bars") == wanted(page, "#beside-bars") == ["cat"])


def test_a_run_that_is_found_again_has_the_class_that_it_was_asked_for(open_page):
    page = open_page()
    endless(page, "cat")
    choose_class(page, "truck")
    page.reload()
    ready(page)
    several_frames(page)
    expect(page.locator("#bars .bar.wanted .class")).to_have_text("cat")
    page.click("#stop")
    ended(page, "Stopped")
    expect(page.locator("#downloads")).to_contain_text("Download Sketch to image, cat")
    expect(page.locator("#history button")).to_have_attribute("title", "Bring back: Sketch to image: cat")


def test_what_is_downloaded_is_what_is_shown(open_page):
    page = open_page()
    act(page, "sketch", 30)
    text, json = page.locator("#downloads"), page.locator("#result-json")

    def offered(words, repeatable):
        expect(text).to_contain_text(words)
        expect(json).to_be_visible(visible=repeatable)
        assert np.array_equal(downloaded(page), pixels(page))

    offered("Download this picture", False)
    run(page)
    offered("Download Sketch to image, airplane", True)
    page.press("#timeline", "Home")
    offered("Download frame 1 of Sketch to image, airplane", False)
    page.press("#timeline", "End")
    offered("Download Sketch to image, airplane", True)
    stroke(page, (4.5, 4.5))
    offered("Download this picture", False)
    page.keyboard.press("Control+z")
    offered("Download Sketch to image, airplane", True)
    expect(page.locator("#run")).to_have_text("Run again")
    begin(page, "noise")
    offered("Download this picture", False)
    page.click("#history button")
    offered("Download Sketch to image, airplane", True)
    begin(page, "blank")
    offered("Download this picture", False)


def test_a_run_that_was_stopped_before_its_result_leaves_the_picture_as_it_was(open_page):
    page = open_page()
    act(page, "interpolate", 10_000)
    page.click("#second-current")
    expect(page.locator("#second-picture")).to_be_visible()
    begin(page, "noise")
    start = pixels(page)
    page.click("#run")
    expect(page.locator("#step")).to_have_text(re.compile(r"step [1-9]\d* of"))
    page.click("#stop")
    ended(page, r"Stopped at step \d+ of 10000, before there was a result")
    assert np.array_equal(pixels(page), start)
    expect(page.locator("#downloads")).to_contain_text("Download this picture")
    expect(page.locator("#result-json")).to_be_hidden()
    expect(page.locator("#history li")).to_have_count(0)
    expect(page.locator("#run")).to_have_text("Run")
