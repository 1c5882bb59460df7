"""`pellucid samples`: what the examples of README and documentation begin with."""

import torch

from pellucid import load_data, read_image, samples
from pellucid.cli.main import main
from pellucid.gallery.samples import sample_photo, tiles


def test_the_command_writes_photos_drawings_and_a_data_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["samples"]) == 0
    assert read_image("samples/photos/flower.jpg").shape == (3, 427, 640)
    assert (
        read_image("samples/lines/church.png").shape == read_image("samples/drawings/ship.png").shape == (3, 256, 256)
    )
    assert read_image("samples/small.png").shape == (3, 32, 32)
    assert main(["samples"]) == 2, "a second time would overwrite"
    assert "--overwrite" in capsys.readouterr().err
    assert main(["samples", "--overwrite", "--quiet"]) == 0


def test_the_data_set_has_two_classes_and_no_pixel_twice(tmp_path):
    data = load_data(samples(tmp_path / "here") / "tiles")
    assert data.class_names == ["china", "flower"]
    both = torch.cat([data.train.raw(slice(None)), data.test.raw(slice(None))]).flatten(1)
    assert len(data.train) == len(data.test) == 54
    assert len(both.unique(dim=0)) == len(both)


def test_a_tile_s_neighbors_are_in_the_other_split():
    photo = read_image(sample_photo("china.jpg"))
    cut = tiles(photo)
    assert len(cut) == 6 * 9
    assert torch.equal(cut[10], photo[:, 64:128, 64:128]), "row by row, nine in a row: even beside odd"
