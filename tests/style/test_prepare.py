from dataclasses import replace

import pytest
import torch
from style_helpers import CONTENT, FAST, STYLE, preact, stripes

from pellucid import stylize
from pellucid.style.prepare import prepare
from pellucid.style.stylize import make_reader


def test_relative_losses_begin_at_1_whatever_the_network(network):
    for classifier in (network, preact(std=0.0025)):
        first = stylize(classifier, CONTENT, [STYLE], replace(FAST, evaluations=1)).history[0][0]
        assert first.style == pytest.approx(1.0, rel=1e-3)
        assert first.content == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("layers", [("stage1",), ("stem", "stage1")], ids=len)
def test_the_relative_content_loss_of_the_average_feature_is_1(network, layers):
    recipe = replace(FAST, content_weight=1.0, content_layers=layers)
    reader = make_reader(network, network, recipe)
    objective = prepare(reader, CONTENT, [STYLE], recipe, [1.0], [None])
    features = reader(CONTENT)[1]
    means = {name: values.mean((2, 3), keepdim=True).expand_as(values) for name, values in features.items()}
    assert float(objective.content_loss(means)) == pytest.approx(1.0, rel=1e-4)


def test_the_gradient_is_that_of_finite_differences(network):
    recipe = replace(FAST, smoothness=0.5, content_weight=0.3)
    objective = prepare(make_reader(network, network, recipe), CONTENT, [STYLE], recipe, [1.0], [None])
    image = (CONTENT + 0.1 * torch.rand(CONTENT.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    _, gradient = objective(image)
    direction = gradient / gradient.norm()
    step = 0.02
    difference = objective(image + step * direction)[0].total - objective(image - step * direction)[0].total
    assert float((gradient * direction).sum()) == pytest.approx(difference / (2 * step), rel=0.05)


def test_a_style_that_the_content_has_already_is_kept_and_not_magnified(network):
    """Its distance at the start is 0, which nothing can be divided by."""
    objective = prepare(make_reader(network, network, FAST), CONTENT, [CONTENT], FAST, [1.0], [None])
    assert objective(CONTENT)[0].style == pytest.approx(0, abs=1e-6)
    assert 1e-3 < objective(0.99 * CONTENT)[0].style < 1e5


def test_flat_content_can_take_a_style_on_with_smoothness(network):
    """It has no variation for the smoothness to be relative to."""
    recipe = replace(FAST, evaluations=40, smoothness=0.05, content_weight=0.0)
    result = stylize(network, torch.full((1, 3, 32, 40), 0.4), [stripes(12)], recipe)
    assert result.losses.style < 0.4
    assert result.images.std() > 0.1


def test_smoothness_is_relative_to_the_contents_variation(network):
    recipe = replace(FAST, smoothness=0.3)
    objective = prepare(make_reader(network, network, recipe), CONTENT, [STYLE], recipe, [1.0], [None])
    assert objective(CONTENT)[0].smoothness == pytest.approx(0.3, rel=1e-4)


def test_without_strength_noise_is_not_infinitely_far_from_the_contents_own_style(network):
    recipe = replace(FAST, evaluations=1, start="noise")
    none, whole = (stylize(network, CONTENT, [STYLE], replace(recipe, strength=s)).history[0][0] for s in (0.0, 1.0))
    assert none.style < 1000 * whole.style


def test_styles_that_share_a_mask_share_its_statistics(network):
    left = torch.zeros(1, 1, 32, 40)
    left[..., :20] = 1.0
    masks = [left, None, left, None]
    objective = prepare(make_reader(network, network, FAST), CONTENT, [STYLE] * 4, FAST, [0.25] * 4, masks)
    assert len(objective.regions) == 2
    assert [term.region for term in objective.terms] == [0, 0, 1, 1, 0, 0, 1, 1]
