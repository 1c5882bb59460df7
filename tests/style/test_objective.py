"""How masks fall on features, and what the loss of a picture is made of."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from style_helpers import CONTENT, FAST, STYLE, preact

from pellucid.style.losses import total_variation
from pellucid.style.objective import mask_at
from pellucid.style.prepare import prepare
from pellucid.style.stylize import make_reader


def features(height, width):
    return torch.zeros(1, 2, height, width)


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), stride=st.sampled_from([1, 2, 4, 8]), more=st.integers(-1, 2)
)
def test_a_mask_of_ones_covers_every_position(height, width, stride, more):
    """Also those at the border, whose stride ends outside, and those of networks that pad by more than others."""
    size = [max(-(-side // stride) + more, 1) for side in (height, width)]
    assert torch.equal(mask_at(torch.ones(1, 1, height, width), stride, features(*size), None), torch.ones(1, 1, *size))


def test_a_position_has_the_mean_of_the_mask_up_to_the_next():
    mask = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 0.0]])[None, None]
    assert torch.allclose(mask_at(mask, 2, features(1, 3), None), torch.tensor([[[[0.25, 0.5, 0.5]]]]))


@pytest.mark.parametrize("relative", [False, True])
def test_the_loss_is_the_sum_of_its_parts(relative):
    network = preact()
    recipe = replace(FAST, smoothness=0.5, content_weight=0.3, relative=relative)
    objective = prepare(make_reader(network, network, recipe), CONTENT, [STYLE], recipe, [1.0], [None])
    losses, _ = objective(0.9 * STYLE)
    unit = float(total_variation(CONTENT)) if relative else 1.0
    assert losses.smoothness == pytest.approx(0.5 * float(total_variation(0.9 * STYLE)) / unit, rel=1e-4)
    assert losses.total == pytest.approx(losses.style + losses.content + losses.smoothness)
    assert min(losses.style, losses.content) > 0
