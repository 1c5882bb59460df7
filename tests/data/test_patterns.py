import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid import GenerateRecipe, InputError, generate, kaleidoscope
from pellucid.core.batch import generators
from pellucid.data.patterns import PATTERNS, gradient, spots
from pellucid.synthesis.start import seeds


@given(st.integers(1, 4), st.integers(8, 64), st.integers(0, 5))
def test_patterns_are_images_with_a_mirror(count, size, seed):
    patterns = kaleidoscope(count, size, seed)
    assert patterns.shape == (count, 3, size, size)
    assert 0 <= patterns.min() < patterns.max() <= 1
    torch.testing.assert_close(patterns, patterns.flip(2), atol=1e-4, rtol=0)


def test_a_pattern_follows_from_its_number_and_the_seed():
    few, many = kaleidoscope(2, 32, seed=1), kaleidoscope(5, 32, seed=1)
    assert torch.equal(few, many[:2])
    assert not torch.allclose(many[0], many[1], atol=0.1)
    assert not torch.allclose(kaleidoscope(1, 32, seed=2), many[:1], atol=0.1)


@pytest.mark.parametrize(("count", "size"), [(0, 8), (1, 0)])
def test_nothing_is_no_pattern(count, size):
    with pytest.raises(InputError, match="at least 1"):
        kaleidoscope(count, size)


def test_a_gradient_changes_evenly_from_one_color_to_another():
    for seed in range(3):
        image, generator = gradient(6, generators(seed, 1)[0]), generators(seed, 1)[0]
        angle = float(torch.rand((), generator=generator)) * 2 * math.pi
        first, last = torch.rand(2, 3, generator=generator)
        across, down = math.cos(angle), math.sin(angle)
        for row in range(6):
            for column in range(6):
                x, y = (column + 0.5) / 3 - 1, (row + 0.5) / 3 - 1
                share = (1 + (x * across + y * down) / (abs(across) + abs(down))) / 2
                torch.testing.assert_close(image[:, row, column], (1 - share) * first + share * last)


def test_spots_are_discs_of_at_most_nine_colors():
    image = spots(64, generators(3, 1)[0])
    colors, counts = (image * 255).round().flatten(1).unique(dim=1, return_counts=True)
    assert 3 <= int((counts > 20).sum()) <= 9  # the ground and eight discs; edges are one pixel wide
    assert counts[counts > 20].sum() > 0.8 * 64 * 64
    assert colors.shape[0] == 3


@pytest.mark.parametrize("kind", PATTERNS)
def test_generation_starts_from_a_pattern_whatever_else_is_made(classifier, kind):
    made = generate(classifier, ["cat", "ship"], GenerateRecipe(0.5, 2, 0.3, kind), seed=4)
    assert torch.equal(made.start, torch.stack([PATTERNS[kind](8, generator) for generator in generators(4, 2)]))
    assert 0 <= float(made.start.min()) < float(made.start.max()) <= 1
    assert not torch.equal(made.start[0], made.start[1])
    assert torch.equal(seeds(classifier, torch.tensor([2]), kind, seed=4, first=1), made.start[1:])
