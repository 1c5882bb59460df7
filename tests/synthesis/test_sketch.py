import pytest
import torch
from helpers import images

from pellucid import L2, CrossEntropy, InputError, SketchRecipe, descend, sketch
from pellucid.core.batch import norms
from pellucid.gallery.sketches import drawings

RECIPE = SketchRecipe(eps=2.0, steps=8, step_size=0.4)


def close(made, expected):
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_it_is_descent_on_cross_entropy_from_the_drawing(classifier):
    batch, label = images(2), torch.tensor([1, 0])
    made = sketch(classifier, batch, ["dog", "cat"], RECIPE)
    expected = descend(classifier, CrossEntropy(label), batch, ball=L2(2.0), steps=8, step_size=0.4)
    close(made.images, expected.images)
    assert torch.equal(made.label, label)
    assert (norms(made.images - batch) <= 2 + 1e-5).all()
    assert (made.loss < made.history[0]).all()


def test_a_drawing_of_another_size_is_brought_to_the_size_of_the_classifier(classifier):
    _, pictures = drawings(32)
    made = sketch(classifier, pictures[:2], ["ship", "cat"], RECIPE)
    assert made.images.shape == (2, 3, 8, 8)


def test_an_unknown_class_gives_the_nearest(classifier):
    with pytest.raises(InputError, match="unknown class 'cart'; did you mean 'cat'"):
        sketch(classifier, images(1), ["cart"])


@pytest.mark.parametrize("labels", [["cat"] * 2, ["cat"] * 4])
def test_images_and_labels_must_agree_in_number(classifier, labels):
    with pytest.raises(InputError, match=f"{len(labels)} classes for 3 images"):
        sketch(classifier, images(3), labels, RECIPE)


@pytest.mark.parametrize("size", [8, 32, 50])
def test_the_projects_own_drawings_are_images_of_any_size_that_differ(size):
    names, pictures = drawings(size)
    assert len(set(names)) == len(names) == len(pictures) == 6
    assert pictures.shape == (6, 3, size, size)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert torch.cdist(pictures.flatten(1), pictures.flatten(1)).fill_diagonal_(9).min() > 1
