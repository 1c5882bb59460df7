"""Every action, and features painted with units, whose thumbnails the studio makes from then on when it is idle."""

import numpy as np
from page import act, covered, ended, expect, posted_mask, run, stroke


def test_every_action_runs(open_page):
    page = open_page()
    titles = page.locator("#actions label").all_inner_texts()
    names = page.locator("#actions input").evaluate_all("all => all.map(e => e.value)")
    assert names == ["generate", "sketch",  # Make
                     "brush", "paint", "translate", "inpaint", "superres", "stylize",  # Change
                     "manipulate", "interpolate"]  # Study  # fmt: skip
    assert all(titles)
    for name in names:
        act(page, name, 3)
        if name in ("brush", "inpaint"):
            page.keyboard.press("x")
            stroke(page, (8.5, 8.5), (20.5, 20.5))
        if name == "paint":
            page.click("#run")
            expect(page.locator("#run-error")).to_contain_text("Add a stroke first")
            page.click("#unit-choose")
            page.fill("#units-search", "ship")
            page.locator("#units-list button").first.click()
            page.keyboard.press("Escape")
            page.click("#mask-clear")
            for row in (8.5, 20.5):
                stroke(page, (8.5, row), (20.5, row))
                page.click("#stroke-add")
            page.locator("#strokes input").first.uncheck()
        if name == "stylize":
            page.click("#run")
            expect(page.locator("#run-error")).to_contain_text("style picture")
            page.click("#second-current")
            expect(page.locator("#second-picture")).to_be_visible()
        with page.expect_request("**/api/jobs") as request:
            page.click("#run")
        ended(page)
        expect(page.locator("#run-error")).to_be_hidden()
        if name == "paint":
            assert len(request.value.post_data_json["strokes"]) == 1
    expect(page.locator("#history li")).to_have_count(10)
    expect(page.locator("#bars .bar")).to_have_count(8)


def test_strokes_are_painted_in_the_order_of_the_list(open_page):
    page = open_page()
    act(page, "paint", 2)
    page.click("#unit-choose")
    page.locator("#units-list button").nth(3).click()
    page.fill("#unit-name", "masts")
    page.press("#unit-name", "Enter")
    page.click("#units form button")
    expect(page.locator("#unit-about")).to_contain_text("masts (unit 3)")
    for row, strength in ((8.5, 1), (20.5, 2), (28.5, 0.5)):
        stroke(page, (8.5, row))
        page.fill("#strength", str(strength))
        page.click("#stroke-add")
    page.get_by_label("Earlier: masts (unit 3), strength 0.5").click()
    page.get_by_label("Delete: masts (unit 3), strength 1").click()
    with page.expect_request("**/api/jobs") as request:
        page.click("#run")
    strokes = request.value.post_data_json["strokes"]
    assert [(s["unit"], s["strength"]) for s in strokes] == [(3, 0.5), (3, 2)]
    assert np.array_equal(posted_mask(strokes[0]), covered(3, [(8.5, 28.5)]))
    ended(page)


def test_a_stroke_that_is_pointed_at_is_seen_after_a_run(open_page):
    page = open_page()
    act(page, "paint", 3)
    page.click("#unit-choose")
    page.locator("#units-list button").first.click()
    page.keyboard.press("Escape")
    stroke(page, (8.5, 8.5), (20.5, 8.5))
    page.click("#stroke-add")
    run(page)
    overlay = page.locator("#overlay")
    page.hover("#run")
    expect(overlay).to_have_css("opacity", "0")
    page.hover("#strokes li")
    expect(overlay).to_have_css("opacity", "1")
    page.hover("#run")
    expect(overlay).to_have_css("opacity", "0")
    for key in ("ArrowLeft", "ArrowRight"):  # and it does not lie over the frames that are looked at
        page.press("#timeline", key)
        expect(overlay).to_have_css("opacity", "0")


def test_units_are_found_as_they_are_called_and_names_come_from_other_tabs(open_page):
    page = open_page()
    other = open_page(page.context)
    for tab in (page, other):
        act(tab, "manipulate")
        tab.click("#unit-choose")
    page.fill("#units-search", "Unit 31")
    expect(page.locator("#units-list li").first).to_have_attribute("data-unit", "31")
    page.locator("#units-list button").first.click()
    page.fill("#unit-name", "whiskers")
    with page.expect_response("**/name"):
        page.press("#unit-name", "Enter")
    other.keyboard.press("Escape")
    other.click("#unit-choose")
    other.fill("#units-search", "whiskers")
    expect(other.locator("#units-list li")).to_have_count(1)
    for title in ("whiskers (unit 31)", "Whiskers (un"):
        other.fill("#units-search", "no such unit")
        expect(other.locator("#units-list button")).to_have_count(0)
        other.fill("#units-search", title)
        expect(other.locator("#units-list li")).to_have_attribute("data-unit", "31")
