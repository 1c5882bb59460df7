"""Results of twice the size, videos of a run, and seeds that differ where a region is painted."""

import numpy as np
from page import act, at_rest, eventually, expect, pixels, run, stroke


def test_a_result_of_twice_the_size_and_the_video_of_its_run(open_page):
    page = open_page()
    act(page, "generate", 2)
    page.select_option("#result-size", "64")
    expect(page.locator("#field-size")).to_have_value("64")
    run(page)
    assert pixels(page).shape == (64, 64, 3)
    expect(page.locator("#continue")).to_have_attribute("aria-disabled", "true")
    with page.expect_download() as download:
        page.click("#result-video")
    assert download.value.suggested_filename == "result.webm"
    assert download.value.path().read_bytes()[:4] == bytes.fromhex("1a45dfa3")  # EBML, of which WebM is a kind


def test_each_seed_brushes_in_its_own_way(open_page):
    page = open_page()
    act(page, "brush", 2)
    before = pixels(page)
    page.locator("#size").fill("8")
    stroke(page, (16, 16), (18, 16))
    page.click("[data-variants='4']")
    tiles = page.locator("#variants-grid button")
    expect(tiles.last).to_be_enabled()
    assert len(set(page.locator("#variants-grid img").evaluate_all("all => all.map(one => one.src)"))) == 4
    tiles.nth(1).click()
    expect(page.locator("#field-variety")).to_have_value("0.15")
    eventually(page, lambda: not np.array_equal(pixels(page)[14:18], before[14:18]))
    kept = at_rest(page)
    assert np.array_equal(kept[:2], before[:2])
    run(page)
    assert np.array_equal(at_rest(page), kept)  # the run that was kept
