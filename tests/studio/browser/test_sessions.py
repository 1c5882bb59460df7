"""What is kept of a session, and comes back."""

import json

import numpy as np
import pytest
from page import (
    act,
    answered,
    choose_class,
    covered,
    ended,
    eventually,
    expect,
    pixels,
    posted_mask,
    ready,
    run,
    saved,
    stroke,
)


def test_a_session_is_saved_loaded_and_gone_on_with(open_page, tmp_path):
    page = open_page()
    act(page, "brush", 3)
    page.fill("#label", "ship")
    page.press("#label", "Enter")
    stroke(page, (8.5, 8.5), (20.5, 8.5))
    run(page)
    page.click("#session-button")
    page.fill("#session-title", "A ship, at sea")
    with page.expect_download() as download:
        page.click("#session-save")
    assert download.value.suggested_filename == "a-ship-at-sea.pellucid.json"
    file = tmp_path / "session.pellucid.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["settings"] == {"brush": {"steps": 3}}

    other = open_page()
    other.click("#session-button")
    with other.expect_file_chooser() as chooser:
        other.click("#session-load")
    chooser.value.set_files(file)
    expect(other.locator("#session-menu")).to_be_hidden()
    expect(other.locator("#actions input[value=brush]")).to_be_checked()
    assert other.input_value("#label") == "ship"
    assert other.input_value("#field-steps") == "3"
    assert np.array_equal(pixels(other), pixels(page))
    expect(other.locator("#history li")).to_have_count(1)
    with other.expect_request("**/api/jobs") as request:
        other.click("#run")
    assert np.array_equal(posted_mask(request.value.post_data_json), covered(3, [(8.5, 8.5), (20.5, 8.5)]))
    ended(other)


def test_a_reload_brings_the_classes_of_all_actions_back(open_page):
    page = open_page()
    stroke(page, (4.5, 4.5))
    act(page, "inpaint")
    choose_class(page, "ship")
    act(page, "sketch")
    choose_class(page, "truck")
    _, session = saved(page, lambda: act(page, "inpaint"))
    assert (session["label"], session["optional"]) == ("truck", "ship")
    page.reload()
    ready(page)
    expect(page.locator("#label")).to_have_value("ship")
    act(page, "sketch")
    expect(page.locator("#label")).to_have_value("truck")


def test_a_session_whose_classifier_is_gone_leaves_its_picture_and_a_page_that_works(open_page):
    page = open_page()
    url, session = saved(page, lambda: stroke(page, (4.5, 4.5), (27.5, 27.5)))
    drawn = pixels(page)
    page.request.put(url, data={**session, "model": "runs/gone.safetensors"}, headers={"X-Pellucid": "1"})
    page.reload()
    ready(page)
    expect(page.locator("#picture-error")).to_contain_text("runs/gone.safetensors")
    expect(page.locator("#hint")).to_have_text("")
    assert np.array_equal(pixels(page), drawn)
    other, session = saved(page, lambda: stroke(page, (27.5, 4.5)))
    assert other != url
    assert session["model"] == "cifar10-l2-0.5"
    assert answered(page, url)["model"] == "runs/gone.safetensors"
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]


def test_a_failed_saving_is_seen_until_one_succeeds(open_page):
    page = open_page()
    page.route("**/api/sessions/*", lambda route: route.fulfill(status=400, json={"error": "there is no room"}))
    stroke(page, (4.5, 4.5))
    expect(page.locator("#save-error")).to_have_text("Not saved: there is no room")
    page.unroute("**/api/sessions/*")
    stroke(page, (8.5, 4.5))
    expect(page.locator("#save-error")).to_be_hidden()
    open_page.complaints[:] = [text for text in open_page.complaints if "400" not in text]


@pytest.mark.parametrize("leave", ["reload", "close"])
def test_the_last_stroke_before_the_page_is_left_is_kept(open_page, leave):
    page = open_page(shared=False)
    url, first = saved(page, lambda: stroke(page, (4.5, 4.5)))
    stroke(page, (27.5, 27.5))
    if leave == "reload":
        page.reload()
        ready(page)
        assert (pixels(page)[27, 27] == (0x3A, 0x6E, 0xA5)).all()
    else:
        other = page.context.new_page()
        page.close()
        eventually(other, lambda: answered(other, url)["picture"] != first["picture"])


def test_a_duplicated_tab_goes_on_by_itself(open_page):
    page = open_page()
    url, session = saved(page, lambda: stroke(page, (4.5, 4.5)))
    with page.expect_popup() as popup:
        page.evaluate("() => void window.open(location.href)")
    copy = popup.value
    ready(copy)
    assert np.array_equal(pixels(copy), pixels(page))
    assert copy.evaluate("sessionStorage.getItem('tab')") != page.evaluate("sessionStorage.getItem('tab')")
    other, _ = saved(copy, lambda: stroke(copy, (20.5, 20.5)))
    assert other != url
    assert answered(page, url)["picture"] == session["picture"]


def test_sessions_are_searched_and_deleted(open_page):
    titles = ("A heron", "Two herons", "A kiwi")
    for title in titles:
        page = open_page()
        page.click("#session-button")
        page.fill("#session-title", title)
        saved(page, lambda page=page: page.press("#session-title", "Tab"))
    page = open_page()
    page.click("#session-button")
    listed = page.locator("#sessions .titled span")
    page.fill("#sessions-search", "HERON")
    expect(listed).to_have_text(["Two herons", "A heron"])
    page.get_by_label("Delete: A heron").press("Enter")
    expect(listed).to_have_count(2)
    page.get_by_label("Really delete: A heron").press("Enter")
    expect(listed).to_have_text(["Two herons"])
    expect(page.get_by_label("Delete: Two herons")).to_be_focused()
    page.fill("#sessions-search", "nothing")
    expect(page.locator("#sessions")).to_have_text("No other session has this title.")
