"""Pictures, settings and classifiers that are chosen, and what the page says of them."""

import re

import numpy as np
import pytest
from page import (
    PHOTO,
    act,
    choose_model,
    ended,
    eventually,
    expect,
    open_photo,
    pixels,
    posted_mask,
    ready,
    run,
    sent_by,
    stroke,
)
from PIL import Image

import pellucid


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
    after = sorted(bars.all_inner_texts())
    page.locator("#before").dispatch_event("pointerdown")
    eventually(page, lambda: sorted(bars.all_inner_texts()) != after)
    page.locator("#before").dispatch_event("pointerup")
    eventually(page, lambda: sorted(bars.all_inner_texts()) == after)


def test_a_setting_out_of_bounds_is_told_and_not_sent(open_page):
    page = open_page()
    page.click("#form summary")
    page.fill("#field-steps", "0")
    page.press("#field-steps", "Tab")
    expect(page.locator("#field-steps-error")).to_have_text("Steps is at least 1.")
    page.click("#run")
    expect(page.locator("#run-error")).to_be_visible()
    expect(page.locator("#status")).to_have_text("")
    page.click("[data-variants='4']")
    expect(page.locator("#run-error")).to_have_text("First correct the setting that is marked.")
    expect(page.locator("#variants")).to_be_hidden()
    page.get_by_label("Steps: back to the default").click()
    expect(page.locator("#field-steps")).to_have_value("40")
    page.fill("#field-steps", "2")
    run(page)
    expect(page.locator("#run-error")).to_be_hidden()
    page.fill("#field-size", "16")
    page.press("#field-size", "Tab")
    expect(page.locator("#field-size-error")).to_have_text("Size is at least 32.")


def test_a_seed_is_asked_for_where_it_changes_something(open_page):
    page = open_page()
    for action, asked in (("generate", True), ("translate", False), ("interpolate", False), ("stylize", True)):
        act(page, action)
        expect(page.locator("#input-seed")).to_be_visible(visible=asked)


def test_a_photo_is_reduced_for_the_action_that_runs(open_page, tmp_path):
    page = open_page()
    photo = tmp_path / "photo.png"
    open_photo(page, photo)
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
    act(page, "stylize")
    open_photo(page, tmp_path / "photo.png")
    expect(page.locator("#caption")).to_have_text(re.compile("^64 . 48 pixels"))
    act(page, "inpaint", 1)
    stroke(page, (28.5, 20.5), (36.5, 20.5))
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


def test_without_shrinking_a_small_photo_is_sent_as_it_is(open_page, tmp_path):
    page = open_page()
    open_photo(page, tmp_path / "photo.png", PHOTO[:16, :16])
    assert pixels(page).shape == (32, 32, 3)
    act(page, "superres", 1)
    page.select_option("#factor", "do not shrink")
    body, sizes = sent_by(page, "#run")
    assert (body["factor"], sizes) == (1, {"picture": (16, 16)})
    ended(page)


def test_a_region_outside_of_the_square_in_the_middle_is_told_of_and_kept(open_page, tmp_path):
    page = open_page()
    act(page, "stylize")
    open_photo(page, tmp_path / "photo.png")
    act(page, "inpaint", 1)
    stroke(page, (2.5, 20.5), (4.5, 20.5))
    page.click("#run")
    expect(page.locator("#run-error")).to_contain_text("outside of the square in the middle")
    assert pixels(page).shape == (48, 64, 3)
    expect(page.locator("#mask-about")).to_contain_text("painted")
    stroke(page, (30.5, 20.5))
    assert sent_by(page, "#run")[1] == {"picture": (32, 32)}
    ended(page)


def test_settings_that_another_classifier_cannot_take_over_are_told_of(open_page):
    if "animals59-l2-1.0" not in pellucid.bundled():
        pytest.skip("needs a bundled classifier of another size")
    page = open_page()
    act(page, "sketch", 7)
    choose_model(page, "cifar10-standard")
    expect(page.locator("#field-steps")).to_have_value("7")
    expect(page.locator("#hint")).to_have_text("")
    choose_model(page, "animals59-l2-1.0")
    expect(page.locator("#field-steps")).not_to_have_value("7")
    expect(page.locator("#hint")).to_contain_text("settings are the defaults again")
