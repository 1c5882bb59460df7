import math

import pytest
import torch

from pellucid.style.artifacts import checkerboard, lattice_energy, rounded


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_a_pattern_of_a_stride_is_seen_at_that_stride(stride):
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 160, 160, generator=generator) * 0.2
    pattern = torch.rand(1, 3, stride, stride, generator=generator).repeat(1, 1, 160 // stride, 160 // stride) * 0.5
    found = checkerboard(noise + pattern, noise)
    assert all(found[other] > 5 for other in found if other >= stride)  # what repeats every 4 pixels does every 8
    assert all(found[other] < found[stride] - 3 for other in found if other < stride)


def test_white_noise_has_a_sixteenth_at_every_stride():
    noise = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    for stride in (2, 4, 8):
        assert lattice_energy(noise, stride) == pytest.approx(1 / 16, rel=0.25)


def test_the_score_is_in_decibels():
    noise = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(1, 3, 80, 80)
    assert checkerboard(board, noise)[2] == pytest.approx(-10 * math.log10(lattice_energy(noise, 2)))
    assert checkerboard(board, noise)[2] == pytest.approx(-checkerboard(noise, board)[2])


@pytest.mark.parametrize("power", [1, 2])
def test_what_changes_slowly_does_not_count(power):
    """A slope, whose Laplacian is 0, and a bowl, whose Laplacian is the same everywhere, under weak noise."""
    noise = 1e-3 * torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    slope = torch.linspace(0, 1, 256) ** power
    for stride in (2, 4, 8):
        slow = noise + (slope[:, None] + slope)[None, None]
        assert lattice_energy(slow, stride) == pytest.approx(lattice_energy(noise, stride), rel=0.1)


def test_a_weak_pattern_on_a_slope_is_seen():
    slope, board = torch.linspace(0, 1, 256), torch.tensor([[0.0, 0.01], [0.01, 0.0]]).repeat(128, 128)
    assert lattice_energy((board + slope[:, None] + slope).expand(1, 3, 256, 256), 2) > 0.99


def test_the_score_of_flat_pictures_is_0_and_tiny_ones_have_none():
    assert checkerboard(torch.full((1, 3, 80, 80), 0.5), torch.full((1, 3, 80, 80), 0.2)) == dict.fromkeys(
        (2, 4, 8, 16), 0.0
    )
    assert set(checkerboard(torch.rand(1, 3, 3, 3), torch.rand(1, 3, 3, 3)).values()) == {None}
    found = checkerboard(torch.rand(1, 3, 40, 60), torch.rand(1, 3, 40, 60))
    assert [stride for stride, score in found.items() if score is None] == [16]
    assert rounded({2: 1.234, 16: None}) == {"2": 1.23, "16": None}
