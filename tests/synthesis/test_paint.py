from dataclasses import replace

import pytest
import torch
from helpers import close, images

from pellucid import L2, Activation, InputError, Outside, PaintRecipe, Stroke, box_mask, descend, paint
from pellucid.core.batch import norms

RECIPE = PaintRecipe(
    eps=0.8, steps=8, step_size=0.2, activation=0.3, weight=50.0, composite=False, feather=0.0, sigmas=(0, 0)
)
LEFT, TOP = box_mask((8, 8), (0, 0, 3, 8)), box_mask((8, 8), (2, 0, 4, 4))


def stroke_by_hand(classifier, start, mask, unit, strength=1.0, straight_through=True):
    objective = 50 * Outside(mask.expand(len(start), -1, -1, -1), start) - 0.3 * Activation(
        unit, straight_through=straight_through
    )
    return descend(classifier, objective, start, ball=L2(0.8 * strength), steps=8, step_size=0.2 * strength)


@pytest.mark.parametrize("straight_through", [False, True])
def test_a_stroke_is_descent_on_a_unit_and_changes_outside(classifier, straight_through):
    batch = images(2)
    (made,) = paint(classifier, batch, [Stroke(LEFT, 7)], replace(RECIPE, straight_through=straight_through))
    expected = stroke_by_hand(classifier, batch, LEFT, 7, straight_through=straight_through)
    close(made.images, expected.images)
    assert (norms(made.images - batch) <= 0.8 + 1e-5).all()


def test_each_stroke_begins_where_the_one_before_ended(classifier):
    batch = images(2)
    first, second = paint(classifier, batch, [Stroke(LEFT, 7), Stroke(TOP, 3)], RECIPE)
    assert torch.equal(first.start, batch)
    assert torch.equal(second.start, first.images)
    close(second.images, stroke_by_hand(classifier, first.images, TOP, 3).images)


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_strength_scales_the_ball_and_the_steps(classifier, strength):
    batch = images(1)
    (made,) = paint(classifier, batch, [Stroke(LEFT, 7, strength)], RECIPE)
    close(made.images, stroke_by_hand(classifier, batch, LEFT, 7, strength).images)


def test_images_are_brought_to_the_size_of_the_classifier(classifier):
    (made,) = paint(classifier, images(1, size=16), [Stroke(LEFT, 7)], RECIPE)
    assert made.images.shape == (1, 3, 8, 8)


@pytest.mark.parametrize("unit", [-1, 24, 10**6])
def test_a_unit_out_of_range_is_refused_before_any_stroke(classifier, unit):
    with pytest.raises(InputError, match=f"units 0 to 23, not {unit}"):
        paint(classifier, images(1), [Stroke(LEFT, 7), Stroke(TOP, unit)], RECIPE, callback=pytest.fail)


@pytest.mark.parametrize("strength", [0.0, -1.0, float("inf"), float("nan")])
def test_a_strength_that_is_not_positive_is_refused(classifier, strength):
    with pytest.raises(InputError, match="strength must be positive"):
        paint(classifier, images(1), [Stroke(LEFT, 7, strength)], RECIPE)


def test_a_mask_of_another_size_is_refused_before_any_stroke(classifier):
    wide = box_mask((8, 9), (0, 0, 1, 1))
    with pytest.raises(InputError, match="the mask is 9 x 8 and the image 8 x 8 pixels"):
        paint(classifier, images(1), [Stroke(LEFT, 7), Stroke(wide, 7)], RECIPE, callback=pytest.fail)


def test_progress_counts_on_from_stroke_to_stroke(classifier):
    seen = []
    strokes = [Stroke(box_mask((8, 8), (0, 0, 4, 4)), unit) for unit in (0, 1)]
    paint(classifier, images(1), strokes, PaintRecipe(steps=3), callback=lambda p: seen.append((p.step, p.steps)))
    assert seen == [(step, 6) for step in range(1, 7)]


def test_by_default_what_is_outside_a_stroke_stays_and_its_edge_is_soft(classifier):
    batch, mask = images(1, size=8), box_mask((8, 8), (0, 0, 4, 8))
    (hard,) = paint(classifier, batch, [Stroke(mask, 7)], replace(RECIPE, composite=True))
    assert torch.equal(hard.images[..., 4:], batch[..., 4:])
    assert not torch.equal(hard.images[..., :4], batch[..., :4])
    (soft,) = paint(classifier, batch, [Stroke(mask, 7)], replace(RECIPE, composite=True, feather=0.5))
    moved = (soft.images - batch).abs().sum((0, 1, 2))
    assert moved[3] > moved[4] > 0
    assert moved[7] == 0
