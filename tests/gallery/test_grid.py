"""Many images as one, and as an animation."""

import math

import pytest
import torch
from PIL import Image

from pellucid.data.image import to_tensor
from pellucid.gallery.grid import grid, magnified, write_gif


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
