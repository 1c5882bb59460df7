"""Super-resolution: a picture that is shrunk first, or a small photo as it is."""

from page import PHOTO, act, ended, expect, open_photo, run, sent_by


def begin(page, file, side, factor):
    """Super-resolve a photo of this size."""
    act(page, "superres", 1)
    page.select_option("#factor", factor)
    open_photo(page, file, PHOTO[:side, :side])
    return sent_by(page, "#run")


def test_run_again_takes_the_photo_in_the_size_that_is_wanted_now(open_page, tmp_path):
    page = open_page()
    at_once, sizes = begin(page, tmp_path / "photo.png", 16, "4")
    assert sizes == {"picture": (32, 32)}
    ended(page)
    _, sizes = begin(page, tmp_path / "other.png", 16, "1")
    assert sizes == {"picture": (16, 16)}
    ended(page)
    page.select_option("#factor", "4")
    expect(page.locator("#run")).to_have_text("Run again")
    again, _ = sent_by(page, "#run")
    assert (again["picture"], again["factor"]) == (at_once["picture"], 4)
    ended(page)


def test_run_again_takes_a_small_photo_as_it_is_when_it_is_not_shrunk_any_more(open_page, tmp_path):
    page = open_page()
    assert begin(page, tmp_path / "photo.png", 20, "2")[1] == {"picture": (32, 32)}
    ended(page)
    page.select_option("#factor", "1")
    body, sizes = sent_by(page, "#run")
    assert (body["factor"], sizes) == (1, {"picture": (20, 20)})
    ended(page)


def test_what_is_not_shrunk_is_not_gone_on_with(open_page, tmp_path):
    page = open_page()
    begin(page, tmp_path / "photo.png", 16, "1")
    ended(page)
    expect(page.locator("#continue")).to_be_disabled()
    page.select_option("#factor", "2")
    expect(page.locator("#continue")).to_be_enabled()
    page.click("#continue")
    ended(page)
    page.select_option("#factor", "1")
    act(page, "sketch", 1)
    expect(page.locator("#continue")).to_be_enabled()
    run(page)
