"""What the classifier sees in any picture, variants, and results that bring back their runs."""

import numpy as np
from page import act, begin, choose_class, ended, eventually, expect, frames, pixels, ready, run, saved, stroke


def test_bars_are_there_before_any_run_and_follow_the_picture(open_page):
    page = open_page()
    bars = page.locator("#bars .bar")
    expect(bars).to_have_count(8)
    before = sorted(bars.all_inner_texts())
    begin(page, "noise")
    eventually(page, lambda: sorted(bars.all_inner_texts()) != before)
    act(page, "stylize")
    expect(bars).to_have_count(0)
    expect(page.locator("#bars")).to_have_text("A style has no class.")


def test_one_of_several_seeds_is_kept(open_page):
    page = open_page()
    act(page, "translate")
    expect(page.locator("[data-variants='4']")).to_be_hidden()  # all would be the same
    act(page, "sketch", 2)
    page.fill("#seed", "7")
    page.click("[data-variants='4']")
    tiles = page.locator("#variants-grid button")
    expect(tiles.last).to_be_enabled()
    assert page.locator("#variants-grid span").all_inner_texts() == [f"seed {seed}" for seed in (7, 8, 9, 10)]
    tiles.nth(2).click()
    expect(page.locator("#variants")).to_be_hidden()
    expect(page.locator("#seed")).to_have_value("9")
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#downloads")).to_contain_text("Download Sketch to image, airplane")
    chosen = pixels(page)
    run(page)
    assert np.array_equal(pixels(page), chosen)  # it is the run with that seed


def test_a_result_brings_its_run_back_also_after_a_reload(open_page):
    page = open_page()
    act(page, "sketch", 3)
    choose_class(page, "ship")
    page.fill("#seed", "5")
    run(page)
    first, count = pixels(page), frames(page)
    begin(page, "noise")
    expect(page.locator("#timeline")).to_be_disabled()
    act(page, "generate", 2)
    choose_class(page, "dog")
    page.fill("#seed", "6")
    saved(page, lambda: run(page))
    for again in (False, True):
        if again:
            page.reload()
            ready(page)
        page.locator("#history button").last.click()
        expect(page.locator("#actions input[value=sketch]")).to_be_checked()
        assert (page.input_value("#label"), page.input_value("#seed")) == ("ship", "5")
        assert page.input_value("#field-steps") == "3"
        eventually(page, lambda: frames(page) == count)
        eventually(page, lambda: np.array_equal(pixels(page), first))
        expect(page.locator("#result-json")).to_be_visible()
        expect(page.locator("#bars .bar.wanted .class")).to_have_text("ship")


def test_an_unknown_class_is_told_of_and_not_replaced(open_page):
    page = open_page()
    below = page.locator("#seed").bounding_box()
    page.fill("#label", "shipp")
    page.press("#label", "Tab")
    expect(page.locator("#label-chooser .error")).to_have_text("No such class; nearest: ship. It stays airplane.")
    expect(page.locator("#label")).to_have_value("airplane")
    assert page.locator("#seed").bounding_box() == below
    page.keyboard.press("Shift")
    expect(page.locator("#label-chooser .error")).to_be_hidden()
    page.click("#label")
    names = page.locator("#label-list li").all_inner_texts()
    assert names == sorted(names)


def test_what_was_said_of_a_class_goes_with_it(open_page):
    page = open_page()
    expect(page.locator("#hint")).to_contain_text("airplane")
    choose_class(page, "dog")
    expect(page.locator("#hint")).to_have_text("")


def test_a_drawing_chooses_the_action_for_it(open_page):
    page = open_page()
    expect(page.locator("#actions input[value=generate]")).to_be_checked()
    stroke(page, (4.5, 4.5), (9.5, 9.5))
    expect(page.locator("#actions input[value=sketch]")).to_be_checked()


def test_a_unit_becomes_a_brush_with_one_click(open_page):
    page = open_page()
    act(page, "manipulate")
    page.click("#unit-choose")
    page.locator("#units-list button").nth(3).click()
    assert page.locator("#unit-detail img").first.get_attribute("alt") == ""  # no broken image until it is drawn
    page.get_by_text("Paint with it").click()
    expect(page.locator("#units")).to_be_hidden()
    expect(page.locator("#actions input[value=paint]")).to_be_checked()
    stroke(page, (8.5, 8.5))
    page.click("#stroke-add")
    expect(page.locator("#strokes li")).to_contain_text("Unit 3")


def test_one_slider_says_how_much_may_change(open_page):
    page = open_page()
    usual = float(page.input_value("#field-eps"))
    page.locator("#amount").evaluate("e => { e.value = 1; e.dispatchEvent(new Event('input')); }")
    assert float(page.input_value("#field-eps")) == 4 * usual
    expect(page.locator(".amount output")).to_contain_text("4.0")


def test_only_what_was_made_becomes_a_session_and_names_it(open_page):
    page = open_page(shared=False)
    puts = []
    page.on("request", lambda r: puts.append(r) if r.method == "PUT" else None)
    act(page, "sketch", 1)
    choose_class(page, "frog")
    page.wait_for_timeout(600)
    assert puts == []
    _, session = saved(page, lambda: run(page))
    choose_class(page, "dog")
    page.wait_for_timeout(600)
    assert puts[-1].post_data_json["title"] == "Sketch to image, frog"
    assert session["pellucid_session"] == 1


def test_nothing_is_fetched_before_one_has_agreed(open_page):
    page = open_page(shared=False)
    loads = []
    page.on("request", lambda r: loads.append(r.url) if r.method == "POST" and r.url.endswith("models") else None)
    page.click("#model-button")
    page.fill("#model-typed", "timm:resnet17")
    page.click("#model-load")
    expect(page.locator("#model-ask")).to_contain_text("fetched from huggingface.co")
    assert loads == []
    page.click("#model-load")
    error = page.locator("#model-error")
    expect(error).to_contain_text("did you mean")
    expect(error).not_to_contain_text("there are:")
    expect(page.locator("#model-name")).to_have_text("cifar10-l2-0.5")


def test_a_run_that_misses_its_class_says_so(open_page):
    page = open_page()
    begin(page, "noise")
    act(page, "translate", 1)
    choose_class(page, "truck")
    page.locator("#amount").evaluate("e => { e.value = -1; e.dispatchEvent(new Event('input')); }")
    page.click("#run")
    ended(page)
    expect(page.locator("#hint")).to_contain_text("Not “truck” yet")
