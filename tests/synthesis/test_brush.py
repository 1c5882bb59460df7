import pytest
import torch
from helpers import images

from pellucid import L2, BrushRecipe, InputError, box_mask, brush
from pellucid.core.batch import norms

RECIPE = BrushRecipe(eps=1.0, steps=10, step_size=0.2)
MASK = box_mask((8, 8), (1, 2, 4, 3))
LABELS = ["dog", "ship"]


def test_it_is_projected_descent_on_cross_entropy_among_the_pixels_of_the_mask(classifier):
    batch, label = images(2), torch.tensor([1, 2])
    made = brush(classifier, batch, MASK, LABELS, RECIPE)
    expected = batch
    for _ in range(RECIPE.steps):
        expected = expected.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(classifier.logits(expected), label, reduction="sum")
        gradient = torch.autograd.grad(loss, expected)[0] * MASK
        expected = expected - RECIPE.step_size * gradient / norms(gradient).view(-1, 1, 1, 1)
        expected = L2(RECIPE.eps).project(expected.detach(), batch).clamp(0, 1)
    torch.testing.assert_close(made.images, expected, atol=1e-4, rtol=0)
    assert torch.equal(made.label, label)
    assert (made.loss < made.history[0]).all()


def test_what_is_not_brushed_stays_exactly_as_it_was(classifier):
    batch = images(2)
    made = brush(classifier, batch, MASK, LABELS, RECIPE).images
    assert torch.equal(made[(MASK == 0).expand_as(batch)], batch[(MASK == 0).expand_as(batch)])
    assert not torch.equal(made, batch)


def test_each_image_may_have_a_mask_of_its_own(classifier):
    batch = images(2)
    other = box_mask((8, 8), (5, 5, 3, 3))
    both = brush(classifier, batch, torch.cat([MASK, other]), LABELS, RECIPE).images
    for number, (mask, label) in enumerate(zip((MASK, other), LABELS, strict=True)):
        alone = brush(classifier, batch[number : number + 1], mask, [label], RECIPE).images
        torch.testing.assert_close(both[number : number + 1], alone, atol=1e-4, rtol=0)


def test_defaults_are_in_proportion_to_the_size(classifier):
    classifier.card["size"] = 8
    batch = images(1)
    made = brush(classifier, batch, MASK, ["dog"])
    expected = brush(classifier, batch, MASK, ["dog"], BrushRecipe(1.5, 60, 0.05))
    assert torch.equal(made.images, expected.images)


@pytest.mark.parametrize("mask", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8), torch.ones(1, 1, 4, 4)])
def test_masks_that_cannot_be_are_refused(classifier, mask):
    with pytest.raises(InputError, match="mask"):
        brush(classifier, images(1), mask, ["dog"], RECIPE)


def test_with_variety_each_seed_brushes_in_its_own_way_inside_the_mask_only(classifier):
    batch, recipe = images(1), BrushRecipe(eps=1.0, steps=2, step_size=0.1, feather=0.0, variety=0.1)
    one, other = (brush(classifier, batch, MASK, ["dog"], recipe, seed=seed).images for seed in (0, 1))
    moved = (one != other).any(1, keepdim=True)
    assert moved.any()
    assert not (moved & (MASK == 0)).any()
    assert norms(one - batch) <= 1.0 + 1e-5
