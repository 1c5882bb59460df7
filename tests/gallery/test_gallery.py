import json
import math

import pytest
import torch
from helpers import images
from PIL import Image

from pellucid import Descent, InputError, read_image
from pellucid.data.image import to_tensor
from pellucid.gallery.grid import grid, magnified, write_gif
from pellucid.gallery.page import Row, Section, folder_replacing, page
from pellucid.gallery.save import save


def descent(count=3, size=8):
    """A result as `descend` returns it, with a label and a setting."""
    start = images(count, size)
    return Descent(
        images=images(count, size, seed=1),
        loss=torch.tensor([0.5, math.inf, math.nan, *[0.25] * count])[:count],
        history=torch.zeros(10, count),
        start=start,
        forwards=10,
        backwards=10,
        stopped_at=torch.tensor([10, 4, 10, *[10] * count])[:count],
        label=torch.arange(count),
        info={"seed": 7},
    )


def eight_bit(batch):
    return (batch * 255).round() / 255


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Grids


@pytest.mark.parametrize("gap", [0, 1, 2])
@pytest.mark.parametrize(("count", "columns"), [(1, None), (5, 2), (6, 3), (4, 9), (9, None), (3, 1)])
def test_a_grid_places_images_row_by_row(count, columns, gap):
    batch = torch.rand(count, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    sheet = grid(batch, columns, gap, background=0.25)
    columns = min(count, columns or (count if count <= 8 else math.ceil(math.sqrt(count))))
    rows = math.ceil(count / columns)
    expected = torch.full((3, rows * (4 + gap) - gap, columns * (5 + gap) - gap), 0.25)
    for number, image in enumerate(batch):
        top, left = number // columns * (4 + gap), number % columns * (5 + gap)
        expected[:, top : top + 4, left : left + 5] = image
    assert torch.equal(sheet, expected)


@pytest.mark.parametrize(("size", "side", "factor"), [(8, 128, 16), (32, 128, 4), (100, 128, 1), (300, 128, 1)])
def test_magnified_pixels_are_squares_of_one_color(size, side, factor):
    batch = torch.rand(2, 3, size, size // 2)
    large = magnified(batch, side)
    assert large.shape == (2, 3, size * factor, size // 2 * factor)
    for dy in {0, factor - 1}:
        for dx in {0, factor - 1}:
            assert torch.equal(large[:, :, dy::factor, dx::factor], batch)


def test_a_gif_has_its_frames_in_order_and_rests_on_the_last(tmp_path):
    frames = [torch.full((3, 6, 4), share) for share in (0.0, 0.2, 0.6, 1.0)]
    write_gif(tmp_path / "four.gif", frames, seconds=2)
    with Image.open(tmp_path / "four.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (4, (4, 6), 0)
        durations = []
        for number, frame in enumerate(frames):
            gif.seek(number)
            durations.append(gif.info["duration"])
            assert (to_tensor(gif.convert("RGB")) - frame).abs().max() < 0.02
    assert durations == [500, 500, 500, 1500]


def test_a_gif_without_frames_is_refused(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write_gif(tmp_path / "none.gif", [])
    assert not files(tmp_path)


# Saving


def test_an_image_name_gets_one_grid_with_a_sidecar_beside_it(tmp_path):
    made = descent()
    assert save(made, tmp_path / "pets.png") == tmp_path / "pets.json"
    assert set(files(tmp_path)) == {"pets.png", "pets.json"}
    assert torch.allclose(read_image(tmp_path / "pets.png"), eight_bit(grid(magnified(made.images))), atol=1e-6)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".PNG"])
def test_the_suffix_names_the_format(tmp_path, suffix):
    save(descent(), tmp_path / f"pets{suffix}")
    with Image.open(tmp_path / f"pets{suffix}") as image:
        assert image.format == {".jpg": "JPEG"}.get(suffix, suffix[1:].upper())


def test_a_folder_gets_every_image_at_its_own_size(tmp_path):
    made = descent()
    assert save(made, tmp_path / "new" / "pets") == tmp_path / "new" / "pets" / "descent.json"
    assert set(files(tmp_path / "new" / "pets")) == {"0000.png", "0001.png", "0002.png", "descent.json"}
    for number, image in enumerate(made.images):
        assert torch.allclose(read_image(tmp_path / "new" / "pets" / f"000{number}.png"), eight_bit(image), atol=1e-6)


def test_the_sidecar_says_what_made_the_images_and_what_became_of_each(tmp_path):
    made = descent()
    facts = json.loads(save(made, tmp_path / "pets.png").read_text(), parse_constant=pytest.fail)
    assert facts["seed"] == 7
    assert (facts["forwards"], facts["backwards"]) == (10, 10)
    assert set(facts["versions"]) == {"pellucid", "torch", "python"}
    distances = (made.images - made.start).square().sum((1, 2, 3)).sqrt().tolist()
    for number, (image, loss) in enumerate(zip(facts["images"], (0.5, None, None), strict=True)):
        assert image["label"] == number
        assert image["loss"] == loss  # infinity and NaN are not JSON
        assert image["distance"] == pytest.approx(distances[number], abs=1e-4)
    assert [image["stopped"] for image in facts["images"]] == ["steps", "stop", "steps"]
    assert [image["steps"] for image in facts["images"]] == [10, 4, 10]


@pytest.mark.parametrize("taken", ["pets.png", "pets.json"])
def test_what_exists_is_not_replaced_unless_asked(tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(InputError, match=f"{taken} exists; choose another name or say --overwrite"):
        save(descent(), tmp_path / "pets.png")
    assert files(tmp_path) == {taken: b"mine"}
    save(descent(), tmp_path / "pets.png", overwrite=True)
    assert files(tmp_path)[taken] != b"mine"


def test_a_folder_that_holds_something_is_not_written_into_unless_asked(tmp_path):
    (tmp_path / "pets").mkdir()
    save(descent(), tmp_path / "pets")
    before = files(tmp_path)
    with pytest.raises(InputError, match="pets exists"):
        save(descent(), tmp_path / "pets")
    assert files(tmp_path) == before
    save(descent(2), tmp_path / "pets", overwrite=True)
    assert len(json.loads((tmp_path / "pets" / "descent.json").read_text())["images"]) == 2


@pytest.mark.parametrize("name", ["file/pets.png", "file/new/pets", "file"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        save(descent(), tmp_path / name, overwrite=True)
    assert files(tmp_path) == {"file": b"in the way"}


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"give a folder, or a name ending in one of \.png"):
        save(descent(), tmp_path / "pets.txt")
    assert not files(tmp_path)


def test_a_folder_named_like_an_image_is_refused(tmp_path):
    (tmp_path / "pets.png").mkdir()
    with pytest.raises(InputError, match=r"pets.png is a folder"):
        save(descent(), tmp_path / "pets.png", overwrite=True)


# The page


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


# A folder in one piece


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


def test_a_shorter_result_replaces_a_longer_one_whole(tmp_path):
    save(descent(5), tmp_path / "out")
    (tmp_path / "out" / "mine.png").write_bytes(b"not ours")
    save(descent(2), tmp_path / "out", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0000.png", "0001.png", "descent.json", "mine.png"]
