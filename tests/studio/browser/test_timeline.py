"""The frames of a run under the slider, also when there are so many that the page drops some."""

import re

import numpy as np
from page import act, at_rest, ended, eventually, expect, frames, pixels, ready, several_frames

LOOK = """(slider, at) => {
    slider.value = at;
    for (const name of ['input', 'change']) slider.dispatchEvent(new Event(name));
}"""


def keep_few(route):
    """The page's module, with fewer frames kept than it would."""
    response = route.fetch()
    assert "KEPT = 400" in response.text()
    route.fulfill(response=response, body=response.text().replace("KEPT = 400", "KEPT = 20"))


def test_a_frame_that_is_looked_at_stays_when_others_are_dropped(open_page):
    page = open_page()
    page.route("**/page/job.js", keep_few)
    page.reload()
    ready(page)
    act(page, "sketch", 10_000)
    page.click("#run")
    several_frames(page, 12)
    before = pixels(page)
    page.locator("#timeline").evaluate(LOOK, "7")
    where = page.locator("#timeline-out")
    expect(where).to_contain_text("frame 8 of")
    eventually(page, lambda: not np.array_equal(pixels(page), before))
    looked, step = at_rest(page), re.search(r"step \d+", where.inner_text()).group()
    most = 0

    def thinned():
        nonlocal most
        most = max(most, frames(page))
        return frames(page) < most

    for _ in range(2):  # the first time it may have had an even place
        eventually(page, thinned)
        most = 0
        assert where.inner_text().endswith(step)
    page.click("#stop")
    ended(page, "Stopped")
    expect(where).to_have_text(re.compile(f"^frame [1-9].*{step}$"))
    number = re.search(r"\d+", where.inner_text()).group()
    assert number != "8"
    expect(page.locator("#downloads")).to_contain_text(f"Download frame {number} of")
    expect(page.locator("#result-png")).to_have_attribute("download", f"frame-{number}.png")
    assert np.array_equal(pixels(page), looked)
