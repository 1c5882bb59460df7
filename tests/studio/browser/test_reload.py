"""A page that is loaded anew while a run goes on."""

import numpy as np
from page import act, ended, endless, eventually, expect, pixels, ready, saved, several_frames, stroke


def test_what_was_drawn_during_a_run_is_not_replaced_after_a_reload(open_page):
    page = open_page()
    endless(page)
    saved(page, lambda: stroke(page, (4.5, 4.5), (27.5, 4.5)))
    drawn = pixels(page)
    page.reload()
    ready(page)
    expect(page.locator("#status")).to_have_text("Running")
    several_frames(page, 4)
    assert np.array_equal(pixels(page), drawn)
    page.click("#stop")
    ended(page, "Stopped")
    expect(page.locator("#history li")).to_have_count(1)
    assert np.array_equal(pixels(page), drawn)
    # What the run began with is not known any more: the drawing is not that.
    page.press("#timeline", "End")
    eventually(page, lambda: not np.array_equal(pixels(page), drawn))
    expect(page.locator("#downloads")).to_contain_text("Download Sketch to image")
    expect(page.locator("#run")).to_have_text("Run")


def test_a_run_that_is_begun_before_the_page_has_asked_for_others_is_heard_once(open_page):
    page, held, streams = open_page(), [], []
    page.route("**/api/jobs?*", lambda route: held.append(route))
    page.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    page.reload()
    eventually(page, lambda: held)
    act(page, "sketch", 10_000)
    page.click("#run")
    several_frames(page)
    for route in held:
        route.continue_()
    ready(page)
    page.click("#stop")
    ended(page, "Stopped")
    assert len(streams) == 1
