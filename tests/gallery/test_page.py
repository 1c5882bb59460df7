"""The HTML page, and the folder that appears in one piece."""

import pytest
from words import files

from pellucid import InputError
from pellucid.gallery.page import Row, Section, folder_replacing, page


def test_the_page_escapes_every_text():
    nasty = "<script>alert('x')</script>&\""
    row = Row(nasty, nasty, 10, 20, (nasty,))
    html = page(nasty, nasty, [Section(nasty, nasty, nasty, (row,))], nasty)
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 13  # title and alt twice
    assert "alert('x')" not in html


def test_the_page_holds_its_sections_rows_and_pictures_and_nothing_from_elsewhere():
    rows = (Row("seed", "a.png", 10, 20, ("cat", "dog")), Row("robust", "b.png", 30, 40))
    html = page("Title", "Lead", [Section("Sketch to image", "Text", "pellucid sketch", rows)], "Footer")
    assert '<section id="sketch-to-image">' in html
    assert '<img src="a.png" width="10" height="20" alt="seed: cat, dog">' in html
    assert '<img src="b.png" width="30" height="40" alt="robust">' in html
    assert "<span>cat</span><span>dog</span>" in html
    assert "http" not in html


def test_a_folder_appears_when_it_is_done_and_replaces_the_old_one(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old").write_text("old")
    with folder_replacing(tmp_path / "site", overwrite=True) as temporary:
        (temporary / "new").write_text("new")
        assert files(tmp_path / "site") == {"old": b"old"}
    assert files(tmp_path) == {"site/new": b"new"}


def test_a_folder_that_fails_half_way_leaves_what_was_there(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old").write_text("old")

    def stopped():
        with folder_replacing(tmp_path / "site", overwrite=True) as temporary:
            (temporary / "new").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert files(tmp_path) == {"site/old": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_holds_something_is_kept(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old").write_text("old")
    with pytest.raises(InputError, match="site exists"), folder_replacing(tmp_path / "site"):
        pytest.fail("the work has begun")
    assert files(tmp_path) == {"site/old": b"old"}
