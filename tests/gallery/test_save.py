"""Results on disk: images, or one grid of them, each with a sidecar."""

import json

import pytest
import torch
from PIL import Image
from words import files

from pellucid import InputError, read_image, save
from pellucid.gallery.grid import grid, magnified


def eight_bit(batch):
    return (batch * 255).round() / 255


def test_an_image_name_gets_one_grid_with_a_sidecar_beside_it(tmp_path, descent):
    made = descent()
    assert save(made, tmp_path / "pets.png") == tmp_path / "pets.png"
    assert set(files(tmp_path)) == {"pets.png", "pets.json"}
    assert torch.allclose(read_image(tmp_path / "pets.png"), eight_bit(grid(magnified(made.images))), atol=1e-6)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".PNG"])
def test_the_suffix_names_the_format(tmp_path, suffix, descent):
    save(descent(), tmp_path / f"pets{suffix}")
    with Image.open(tmp_path / f"pets{suffix}") as image:
        assert image.format == {".jpg": "JPEG"}.get(suffix, suffix[1:].upper())


def test_a_folder_gets_every_image_at_its_own_size(tmp_path, descent):
    made = descent()
    assert made.save(tmp_path / "new" / "pets") == tmp_path / "new" / "pets"
    assert set(files(tmp_path / "new" / "pets")) == {"0000.png", "0001.png", "0002.png", "descent.json"}
    for number, image in enumerate(made.images):
        assert torch.allclose(read_image(tmp_path / "new" / "pets" / f"000{number}.png"), eight_bit(image), atol=1e-6)


@pytest.mark.parametrize("taken", ["pets.png", "pets.json"])
def test_what_exists_is_not_replaced_unless_asked(tmp_path, taken, descent):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(InputError, match=f"{taken} exists; choose another name or give overwrite=True"):
        save(descent(), tmp_path / "pets.png")
    assert files(tmp_path) == {taken: b"mine"}
    save(descent(), tmp_path / "pets.png", overwrite=True)
    assert files(tmp_path)[taken] != b"mine"


def test_a_folder_that_holds_something_is_not_written_into_unless_asked(tmp_path, descent):
    (tmp_path / "pets").mkdir()
    save(descent(), tmp_path / "pets")
    before = files(tmp_path)
    with pytest.raises(InputError, match="pets exists"):
        save(descent(), tmp_path / "pets")
    assert files(tmp_path) == before
    save(descent(2), tmp_path / "pets", overwrite=True)
    assert len(json.loads((tmp_path / "pets" / "descent.json").read_text())["images"]) == 2


@pytest.mark.parametrize("name", ["file/pets.png", "file/new/pets", "file"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, descent):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        save(descent(), tmp_path / name, overwrite=True)
    assert files(tmp_path) == {"file": b"in the way"}


def test_a_folder_named_like_an_image_is_refused(tmp_path, descent):
    (tmp_path / "pets.png").mkdir()
    with pytest.raises(InputError, match=r"pets.png is a folder"):
        save(descent(), tmp_path / "pets.png", overwrite=True)


def test_a_shorter_result_replaces_a_longer_one_whole(tmp_path, descent):
    save(descent(5), tmp_path / "out")
    (tmp_path / "out" / "mine.png").write_bytes(b"not ours")
    save(descent(2), tmp_path / "out", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0000.png", "0001.png", "descent.json", "mine.png"]
