import copy
from dataclasses import replace

import pytest
import torch
from helpers import close, images

from pellucid import (
    L2,
    Classifier,
    CrossEntropy,
    InpaintRecipe,
    InputError,
    Outside,
    box_mask,
    descend,
    inpaint,
    patch_mask,
)
from pellucid.core.batch import norms
from pellucid.synthesis.inpaint import PAPERS, corrupt

RECIPE = InpaintRecipe(eps=1.0, steps=10, step_size=0.2, weight=40.0, **PAPERS)
MASK = box_mask((8, 8), (1, 2, 4, 3))


def by_hand(classifier, batch, mask, label, straight_through=False):
    start = corrupt(batch, mask)
    objective = CrossEntropy(label, straight_through) + 40 * Outside(mask.expand(len(batch), -1, -1, -1), start)
    return descend(classifier, objective, start, ball=L2(1.0), steps=10, step_size=0.2)


@pytest.mark.parametrize("straight_through", [False, True])
def test_it_is_descent_on_cross_entropy_and_changes_outside(classifier, straight_through):
    batch, label = images(2), torch.tensor([1, 2])
    recipe = replace(RECIPE, composite=False, straight_through=straight_through)
    made = inpaint(classifier, batch, MASK, ["dog", "ship"], recipe)
    expected = by_hand(classifier, batch, MASK, label, straight_through)
    close(made.images, expected.images)
    assert torch.equal(made.label, label)
    assert (norms(made.images - made.start) <= 1 + 1e-5).all()
    assert (made.loss < made.history[0]).all()


def test_compositing_keeps_the_known_pixels_exactly_and_steps_among_the_rest(classifier):
    batch, label = images(2), torch.tensor([1, 2])
    known = (MASK == 0).expand_as(batch)
    made = inpaint(classifier, batch, MASK, ["dog", "ship"], RECIPE).images
    without = inpaint(classifier, batch, MASK, ["dog", "ship"], replace(RECIPE, composite=False)).images
    assert torch.equal(made[known], batch[known])
    assert not torch.equal(without[known], batch[known])
    start = corrupt(batch, MASK)
    expected = start
    for _ in range(RECIPE.steps):
        expected = expected.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(classifier.logits(expected), label, reduction="sum")
        gradient = torch.autograd.grad(loss, expected)[0] * MASK
        expected = expected - RECIPE.step_size * gradient / norms(gradient).view(-1, 1, 1, 1)
        expected = L2(RECIPE.eps).project(expected.detach(), start)
    close(made, expected)


def test_compositing_fills_in_what_the_classifier_is_already_sure_of(classifier):
    """However small the gradient is, a step has its length, and all of it within the mask."""
    network = copy.deepcopy(classifier.network)
    with torch.no_grad():
        network[-1].bias[0] += 20
    sure = Classifier(network, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), classifier.class_names).eval()
    made = inpaint(sure, images(8), MASK, recipe=replace(RECIPE, steps=20, weight=100.0))
    assert (made.history[0] < 1e-6).all()
    assert (norms(made.images - made.start) > 0.5 * RECIPE.eps).all()


@pytest.mark.parametrize("composite", [False, True])
def test_what_is_under_the_mask_does_not_matter(classifier, composite):
    batch, recipe = images(1), replace(RECIPE, composite=composite)
    made = [inpaint(classifier, b, MASK, recipe=recipe).images for b in (batch, batch * (1 - MASK) + MASK)]
    assert torch.equal(*made)


def test_without_labels_the_class_is_what_the_classifier_sees_in_the_corrupted_image(classifier):
    batch, mask = images(40), box_mask((8, 8), (0, 0, 8, 7))
    made = inpaint(classifier, batch, mask, recipe=RECIPE)
    assert torch.equal(made.label, classifier.logits(corrupt(batch, mask)).argmax(1))
    assert not torch.equal(made.label, classifier.logits(batch).argmax(1))
    close(made.images, inpaint(classifier, batch, mask, made.label, RECIPE).images)


def test_corrupted_pixels_have_the_mean_of_what_is_visible_of_their_channel():
    batch = images(2)
    corrupted = corrupt(batch, MASK)
    for image, before in zip(corrupted, batch, strict=True):
        for channel in range(3):
            for y in range(8):
                for x in range(8):
                    inside = 2 <= y < 5 and 1 <= x < 5
                    expected = before[channel][MASK[0, 0] == 0].mean() if inside else before[channel, y, x]
                    assert image[channel, y, x] == pytest.approx(float(expected), abs=1e-6)


def test_one_mask_serves_all_images_and_each_may_have_its_own(classifier):
    batch, masks = images(2), patch_mask(2, (8, 8), 3, seed=1)
    together = inpaint(classifier, batch, masks, ["dog", "ship"], RECIPE).images
    close(together[1:], inpaint(classifier, batch[1:], masks[1:], ["ship"], RECIPE).images)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (box_mask((8, 9), (0, 0, 2, 2)), "the mask is 9 x 8 and the image 8 x 8 pixels"),
        (box_mask((8, 8), (0, 0, 2, 2)).expand(3, -1, -1, -1), "the mask is"),
        (torch.zeros(1, 1, 8, 8), "hides nothing or everything"),
        (torch.ones(1, 1, 8, 8), "hides nothing or everything"),
        (torch.stack([torch.ones(1, 8, 8), MASK[0]]), "hides nothing or everything"),
        (255 * MASK, "mask must have values in"),
        (MASK * float("nan"), "mask must have values in"),
        (MASK[0, 0], "mask must be"),
    ],
)
def test_a_mask_that_cannot_be_is_refused(classifier, mask, message):
    with pytest.raises(InputError, match=message):
        inpaint(classifier, images(2), mask, ["dog", "ship"], RECIPE)


def test_a_soft_edge_lies_within_the_region(classifier):
    batch, known = images(1), (MASK == 0).expand(1, 3, 8, 8)
    hard, soft = (inpaint(classifier, batch, MASK, ["dog"], replace(RECIPE, feather=f)).images for f in (0.0, 1.0))
    assert torch.equal(soft[known], batch[known])
    assert not torch.equal(soft, hard)
