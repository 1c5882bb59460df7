from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

from pellucid import StylizeRecipe, bundled, load, read_image, stylize
from pellucid.style.artifacts import checkerboard, lattice_excess, rounded

DATA = Path(__file__).parents[3] / "shared" / "data"
BOARD = torch.tensor([[0.0, 1.0], [1.0, 0.0]])


def noise(side=160, seed=0):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def slow_excess(picture, stride):
    """The same, window by window, frequency by frequency."""
    gray = picture[0].double().mean(0).numpy()
    sharp = np.zeros((gray.shape[0] - 2, gray.shape[1] - 2))
    for y in range(sharp.shape[0]):
        for x in range(sharp.shape[1]):
            c = gray[y : y + 3, x : x + 3]
            sharp[y, x] = 4 * c[1, 1] - c[0, 1] - c[2, 1] - c[1, 0] - c[1, 2]
    n = max(32, 8 * stride)
    hann = np.sin(np.pi * np.arange(n) / n) ** 2
    shares = []
    for top in range(0, sharp.shape[0] - n + 1, n // 2):
        for left in range(0, sharp.shape[1] - n + 1, n // 2):
            window = sharp[top : top + n, left : left + n]
            power = np.abs(np.fft.fft2((window - window.mean()) * np.outer(hann, hann))) ** 2
            shares.append(power / power.sum())
    decibels = 10 * np.log10(np.maximum(np.mean(shares, 0), 1e-6))
    found = []
    for i in range(1, stride):
        for j in range(1, stride):
            y, x = i * n // stride, j * n // stride
            ring = [
                decibels[(y + a) % n, (x + b) % n]
                for a in range(-3, 4) for b in range(-3, 4) if max(abs(a), abs(b)) in (2, 3)
            ]  # fmt: skip
            found.append(decibels[y, x] - np.mean(ring))
    return np.mean(found)


@pytest.mark.parametrize("stride", [2, 4])
def test_it_is_what_loops_over_windows_and_frequencies_find(stride):
    picture = noise(70) + 0.2 * BOARD.repeat(35, 35)
    assert lattice_excess(picture, stride) == pytest.approx(slow_excess(picture, stride), abs=1e-6)


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_a_pattern_of_a_stride_is_seen_at_that_stride(stride):
    generator = torch.Generator().manual_seed(0)
    pattern = torch.rand(1, 3, stride, stride, generator=generator).repeat(1, 1, 160 // stride, 160 // stride) * 0.5
    found = checkerboard(noise() * 0.2 + pattern, noise() * 0.2)
    assert found[stride] > 6
    assert checkerboard(noise() * 0.2, noise() * 0.2 + pattern)[stride] == -found[stride]


def test_a_basket_weave_is_seen_where_its_contrast_and_place_vary():
    """Threads over and under each other every 4 pixels, here stronger and there weaker, on a slope, under noise."""
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    weave = torch.cos(torch.pi * y / 2) * torch.cos(torch.pi * x / 2)
    strength = 0.02 * (1 + torch.sin(x / 20)) * (1 + torch.sin(y / 30))
    ground = ((x + y) / 400).expand(1, 3, -1, -1) + 0.05 * noise()
    found = checkerboard(ground + strength * weave, ground)
    assert found[4] > 1
    assert found[2] < 1


def test_white_noise_edges_and_slopes_have_none():
    slope = torch.linspace(0, 1, 160)
    stripes = (torch.arange(160) % 4 < 2).float().expand(1, 3, 160, 160)
    for picture in (noise(), (slope[:, None] + slope).expand(1, 3, -1, -1) + 1e-3 * noise(), stripes + 0.01 * noise()):
        assert all(lattice_excess(picture, stride) < 1 for stride in (2, 4, 8))


def test_flat_pictures_have_none_and_tiny_ones_no_score():
    flat = torch.full((1, 3, 160, 160), 0.5)
    assert checkerboard(flat, flat - 0.3) == dict.fromkeys((2, 4, 8, 16), 0.0)
    assert set(checkerboard(torch.rand(1, 3, 3, 3), torch.rand(1, 3, 3, 3)).values()) == {None}
    found = checkerboard(torch.rand(1, 3, 40, 60), torch.rand(1, 3, 40, 60))
    assert [stride for stride, score in found.items() if score is None] == [8, 16]
    assert rounded({2: 1.234, 16: None}) == {"2": 1.23, "16": None}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs photos of ../shared/data")
def test_photos_have_none():
    for path in sorted((DATA / "style" / "content").glob("*.jpg")):
        photo = read_image(path, 160)[None]
        assert all(lattice_excess(photo, stride) < 2 for stride in (2, 4, 8)), path


@pytest.mark.skipif("animals59-l2-1.0" not in bundled(), reason="needs the bundled classifier")
def test_a_network_that_averages_leaves_no_weave():
    """Where others stride, it averages: a Gram result has none, also without what takes a weave away."""
    photos = (torch.tensor(load_sample_image(name)) for name in ("china.jpg", "flower.jpg"))
    content, style = (photo.permute(2, 0, 1)[None].float() / 255 for photo in photos)
    recipe = StylizeRecipe(size=96, smallest=96, evaluations=20)
    made = stylize(load("animals59-l2-1.0", "cpu"), content, [style], recipe)
    assert all(value is None or value < 1.5 for value in made.checkerboard.values())
