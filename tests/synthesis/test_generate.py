from dataclasses import replace

import pytest
import torch
from helpers import close, images

from pellucid import L2, CrossEntropy, GenerateRecipe, InputError, descend, generate
from pellucid.core.batch import generators, norms
from pellucid.data.image import enlarge

RECIPE = GenerateRecipe(eps=1.5, steps=8, step_size=0.3)
LABELS = ["ship", "cat", "cat"]


def test_it_is_descent_on_cross_entropy_from_class_gaussian_seeds(classifier):
    made = generate(classifier, LABELS, RECIPE, seed=3)
    label = torch.tensor([2, 0, 0])
    start = classifier.gaussians.sample(label, generators(3, 3))
    expected = descend(classifier, CrossEntropy(label), start, ball=L2(1.5), steps=8, step_size=0.3)
    assert torch.equal(made.start, start)
    assert torch.equal(made.label, label)
    close(made.images, expected.images)


@pytest.mark.parametrize(("kind", "low", "high"), [("gray", 0.0, 0.0), ("noise", 0.03, 0.07)])
def test_a_start_without_gaussians_is_gray_or_noise_around_it(classifier, kind, low, high):
    start = generate(classifier, LABELS, GenerateRecipe(1.5, 8, 0.3, kind)).start
    assert start.shape == (3, 3, 8, 8)
    assert low <= float((start - 0.5).square().mean().sqrt()) <= high
    assert torch.equal(start[0], start[1]) == (kind == "gray")


def test_a_mixture_draws_seeds_from_other_classes_and_keeps_the_label(classifier):
    made = generate(classifier, LABELS, RECIPE, mixture={"dog": 1.0}, seed=1)
    expected = classifier.gaussians.mixture({1: 1.0}, 3, generators(1, 3))
    assert torch.equal(made.start, expected)
    assert made.label.tolist() == [2, 0, 0]


def test_start_images_are_brought_to_the_size_of_the_classifier(classifier):
    batch = images(3, size=16)
    made = generate(classifier, LABELS, RECIPE, start=batch)
    close(made.start, torch.nn.functional.interpolate(batch, (8, 8), mode="bilinear", antialias=True))


def test_an_image_does_not_depend_on_how_many_are_made(classifier):
    together = generate(classifier, LABELS, RECIPE, seed=2)
    close(together.images[:1], generate(classifier, LABELS[:1], RECIPE, seed=2).images)
    close(together.images, generate(classifier, LABELS, RECIPE, seed=2, batch_size=2).images)


def test_a_classifier_without_gaussians_or_size_says_what_to_do_instead(classifier, monkeypatch):
    monkeypatch.setattr(classifier, "gaussians", None)
    with pytest.raises(InputError, match="no class Gaussians; start from noise"):
        generate(classifier, LABELS, RECIPE)
    monkeypatch.setattr(classifier, "card", {})
    with pytest.raises(InputError, match="does not say its image size; Classifier"):
        generate(classifier, LABELS, GenerateRecipe(start="gray"))


@pytest.mark.parametrize("recipe", [GenerateRecipe(eps=0), GenerateRecipe(steps=0), GenerateRecipe(step_size=-1)])
def test_a_recipe_that_cannot_be_is_refused(classifier, recipe):
    with pytest.raises(InputError, match=r"eps|steps|step_size"):
        generate(classifier, LABELS, recipe)


def test_start_images_and_labels_must_agree_in_number(classifier):
    with pytest.raises(InputError, match="3 classes for 2 images"):
        generate(classifier, LABELS, RECIPE, start=images(2))


def test_a_larger_image_is_made_enlarged_and_descended_on_again(classifier):
    recipe = GenerateRecipe(1.0, 4, 0.3)
    small = generate(classifier, ["cat", "ship"], recipe, seed=2)
    steps = []
    large = generate(
        classifier, ["cat", "ship"], replace(recipe, size=20), seed=2, callback=lambda p: steps.append(p.step)
    )
    assert large.images.shape == large.start.shape == (2, 3, 20, 20)
    assert steps == list(range(1, 9))
    assert large.forwards == 2 * small.forwards
    assert (norms(large.images - enlarge(small.images, 20)) <= 0.5 + 1e-5).all()
    with pytest.raises(InputError, match="size 4 is below the classifier's 8 px"):
        generate(classifier, ["cat"], replace(recipe, size=4))
