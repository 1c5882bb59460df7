"""The descent toward a class, and what the tasks that are one share."""

import pytest
import torch
from helpers import images

from pellucid import (
    L2,
    BrushRecipe,
    CrossEntropy,
    GenerateRecipe,
    InpaintRecipe,
    InputError,
    SketchRecipe,
    SuperresRecipe,
    TranslateRecipe,
    box_mask,
    brush,
    descend,
    generate,
    inpaint,
    sketch,
    superres,
    translate,
)
from pellucid.core.batch import norms
from pellucid.synthesis.toward import toward

MASK = box_mask((8, 8), (1, 2, 4, 3))
TASKS = {
    "generate": lambda c, labels: generate(c, labels, GenerateRecipe(1.0, 8, 0.2), start=images(3)),
    "sketch": lambda c, labels: sketch(c, images(3), labels, SketchRecipe(1.0, 8, 0.2, paper="keep", lines=1.0)),
    "translate": lambda c, labels: translate(c, images(3), labels, TranslateRecipe(1.0, 8, 0.2)),
    "brush": lambda c, labels: brush(c, images(3), MASK, labels, BrushRecipe(1.0, 8, 0.2)),
    "inpaint": lambda c, labels: inpaint(c, images(3), MASK, labels, InpaintRecipe(1.0, 8, 0.2)),
    "superres": lambda c, labels: superres(c, images(3, size=4), labels, SuperresRecipe(1.0, 8, 0.2)),
}
each = pytest.mark.parametrize("task", TASKS)


@pytest.mark.parametrize("straight_through", [False, True])
def test_it_is_descent_on_cross_entropy(classifier, straight_through):
    label, start = torch.tensor([0, 2]), images(2)
    recipe = SuperresRecipe(1.0, 8, 0.2, straight_through=straight_through, sigmas=(0.0, 0.0))
    made = toward(classifier, ["cat", "ship"], start, L2(1.0), recipe)
    objective = CrossEntropy(label, straight_through)
    expected = descend(classifier, objective, start, ball=L2(1.0), steps=8, step_size=0.2)
    torch.testing.assert_close(made.images, expected.images, atol=1e-4, rtol=0)
    assert torch.equal(made.label, label)


@each
def test_images_stay_in_the_ball_and_the_loss_falls(classifier, task):
    made = TASKS[task](classifier, ["cat", "dog", "ship"])
    assert (norms(made.images - made.start) <= 1 + 1e-5).all()
    assert (made.loss < made.history[0]).all()
    assert 0 <= made.images.min() < made.images.max() <= 1
    assert made.label.tolist() == [0, 1, 2]


@pytest.mark.parametrize("task", ["sketch", "translate"])
def test_it_begins_with_the_images(classifier, task):
    recipe = TranslateRecipe(1.0, 8, 0.2)
    expected = toward(classifier, ["cat", "dog", "ship"], images(3), L2(1.0), recipe).images
    made = TASKS[task](classifier, ["cat", "dog", "ship"])
    torch.testing.assert_close(made.images, expected, atol=1e-4, rtol=0)
    assert torch.equal(made.start, images(3))


@each
@pytest.mark.parametrize("labels", [["cat"] * 2, ["cat"] * 4])
def test_images_and_labels_must_agree_in_number(classifier, task, labels):
    with pytest.raises(InputError, match=f"{len(labels)} classes for 3 images"):
        TASKS[task](classifier, labels)


@each
def test_an_unknown_class_gives_the_nearest(classifier, task):
    with pytest.raises(InputError, match="'shipp'; did you mean 'ship'"):
        TASKS[task](classifier, ["shipp"])
