"""What an artist turns: strength, masks, the mixture of styles, colors."""

from dataclasses import replace

import pytest
import torch
from style_helpers import CONTENT, FAST, STYLE, judged, stripes

from pellucid import stylize


def test_strength_0_changes_nothing_and_1_most(network):
    moved = {}
    for strength in (0.0, 0.3, 1.0):
        result = stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=30, strength=strength))
        moved[strength] = judged(network, result.images)[0]
    assert moved[0.0] == pytest.approx(1.0, abs=0.05)
    assert moved[0.0] > moved[0.3] > moved[1.0]


def test_a_style_goes_where_its_mask_is(network):
    left = torch.zeros(1, 1, 32, 40)
    left[..., :20] = 1.0
    red, green = (torch.tensor(color).reshape(1, 3, 1, 1).expand(1, 3, 32, 32).contiguous() for color in
                  ((0.9, 0.1, 0.1), (0.1, 0.8, 0.1)))  # fmt: skip
    recipe = replace(FAST, evaluations=40, content_weight=0.01)
    images = stylize(network, CONTENT, [red, green], recipe, masks=[left, 1 - left]).images
    difference = (images[:, 0] - images[:, 1])[0]
    assert difference[:, :18].mean() > 0.2
    assert difference[:, 22:].mean() < -0.2


def test_two_styles_are_met_in_between_and_nearer_to_the_heavier_one(network):
    red, blue = (torch.tensor(color).reshape(1, 3, 1, 1).expand(1, 3, 32, 32).contiguous() for color in
                 ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9)))  # fmt: skip
    recipe = replace(FAST, evaluations=30, content_weight=0.01)
    redness = []
    for weights in ([9.0, 1.0], [1.0, 1.0], [1.0, 9.0]):
        images = stylize(network, CONTENT, [red, blue], recipe, weights=weights).images
        redness.append(float((images[:, 0] - images[:, 2]).mean()))
    assert redness[0] > redness[1] > redness[2]


def test_a_style_of_weight_0_does_not_count(network):
    alone = stylize(network, CONTENT, [STYLE], FAST).images
    both = stylize(network, CONTENT, [STYLE, stripes(3)], FAST, weights=[1.0, 0.0]).images
    assert torch.allclose(alone, both, atol=1e-3)


def test_luminance_keeps_the_contents_colors(network):
    images = stylize(network, CONTENT, [STYLE], replace(FAST, colors="luminance")).images
    inside = ((images > 0.01) & (images < 0.99)).all(1, keepdim=True)
    gray = images.std(1, keepdim=True)  # the content is gray
    assert inside.float().mean() > 0.5
    assert gray[inside].max() < 1e-4
    assert stylize(network, CONTENT, [STYLE], FAST).images.std(1)[inside[:, 0]].mean() > 0.02


def test_linear_colors_change_the_style_before_it_is_taken(network):
    images = stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=30, colors="linear")).images
    assert images.std(1).mean() < stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=30)).images.std(1).mean()
