"""Another session: what becomes of the run, and what is no session at all."""

import json

import numpy as np
import pytest
from page import act, answered, drop, ended, endless, eventually, expect, pixels, run, saved, settled, stroke


def session_id(page):
    return page.evaluate("sessionStorage.getItem('session')")


def stored(page, id):
    """A session as it was saved."""
    return answered(page, page.evaluate("location.origin") + f"/api/sessions/{id}")


def anew(page):
    page.click("#session-button")
    page.click("#session-new")
    expect(page.locator("#session-menu")).to_be_hidden()


def nothing_has_run(page):
    """The page is as it is before the first run."""
    for part in ("#continue", "#before", "#stop", "#timeline"):
        expect(page.locator(part)).to_be_disabled()
    expect(page.locator("#timeline-out")).to_contain_text("Frames of a run appear here")
    expect(page.locator("#status")).to_have_text("")
    expect(page.locator("#downloads")).to_contain_text("Download this picture")
    expect(page.locator("#run")).to_have_text("Run")
    expect(page.locator("#bars .bar.wanted")).to_have_count(1)  # of the picture that is there


def test_the_result_of_a_run_stays_in_the_session_that_is_left(open_page):
    page = open_page()
    endless(page, "cat")
    old = session_id(page)
    anew(page)
    expect(page.locator("#history li")).to_have_count(0)
    nothing_has_run(page)
    url, new = saved(page, lambda: stroke(page, (4.5, 4.5)))
    assert url.endswith(session_id(page))
    assert session_id(page) != old
    assert new["history"] == []
    (moment,) = stored(page, old)["history"]
    assert (moment["action"], moment["note"]) == ("Sketch to image", "cat")
    assert moment["picture"] != new["picture"]


def test_a_new_session_has_nothing_of_the_run_before(open_page):
    page = open_page()
    start = pixels(page)
    act(page, "sketch", 30)
    run(page)
    eventually(page, lambda: not np.array_equal(pixels(page), start))
    anew(page)
    nothing_has_run(page)
    assert np.array_equal(pixels(page), start)
    page.keyboard.press(",")
    page.keyboard.press("h")
    assert np.array_equal(pixels(page), start)
    run(page)
    expect(page.locator("#history li")).to_have_count(1)


def test_a_run_goes_on_when_what_is_dropped_is_no_session(open_page):
    page = open_page()
    endless(page)
    drop(page, "mine.json", "[1, 2")
    expect(page.locator("#picture-error")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Running")
    page.click("#stop")
    ended(page, "Stopped")


@pytest.mark.parametrize(("name", "text"), [("mine.pellucid.json", "\x89PNG"), ("MINE.JSON", "{}")])
def test_a_broken_session_that_is_dropped_on_the_page_is_one_line_there(open_page, name, text):
    page = open_page()
    drop(page, name, text)
    expect(page.locator("#picture-error")).to_contain_text("not a saved studio session")
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]


@pytest.mark.parametrize("where", ["unit", "strokes"])
def test_a_session_with_a_unit_that_is_none_is_one_line(open_page, where):
    page = open_page()
    _, session = saved(page, lambda: stroke(page, (4.5, 4.5)))
    mask = {"width": 1, "height": 1, "bytes": "AQ=="}
    wrong = {"unit": 99_999} if where == "unit" else {"strokes": [{"mask": mask, "unit": 99_999, "strength": 1.0}]}
    before = pixels(page)
    drop(page, "mine.json", json.dumps({**session, "action": "manipulate", **wrong}))
    expect(page.locator("#picture-error")).to_contain_text("The session has unit 99999")
    assert np.array_equal(pixels(page), before)
    expect(page.locator("#actions input[value=manipulate]")).not_to_be_checked()


def test_a_late_answer_to_a_search_is_not_shown(open_page):
    page = open_page()
    late = []
    page.route("**/api/sessions?search=zzz", lambda route: late.append(route))
    saved(page, lambda: stroke(page, (4.5, 4.5)))
    anew(page)
    page.click("#session-button")
    listed = page.locator("#sessions .titled")
    expect(listed.first).to_be_visible()
    page.fill("#sessions-search", "zzz")
    eventually(page, lambda: late)
    with page.expect_response("**/api/sessions?search="):
        page.fill("#sessions-search", "")
    expect(listed.first).to_be_visible()
    with page.expect_response("**/api/sessions?search=zzz") as response:
        late[0].continue_()
    response.value.finished()
    settled(page)
    expect(page.locator("#sessions")).not_to_contain_text("No other session")
