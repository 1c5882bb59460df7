import pytest
import torch

from pellucid import InputError, SketchRecipe, Smoothed, sketch
from pellucid.gallery.sketches import drawings
from pellucid.synthesis.start import seeds

RECIPE = SketchRecipe(eps=2.0, steps=8, step_size=0.4)


def test_a_drawing_of_another_size_is_brought_to_the_size_of_the_classifier(classifier):
    _, pictures = drawings(32)
    made = sketch(classifier, pictures[:2], ["ship", "cat"], RECIPE)
    assert made.images.shape == (2, 3, 8, 8)


@pytest.mark.parametrize("size", [8, 32, 50])
def test_the_projects_own_drawings_are_images_of_any_size_that_differ(size):
    names, pictures = drawings(size)
    assert len(set(names)) == len(names) == len(pictures) == 6
    assert pictures.shape == (6, 3, size, size)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert torch.cdist(pictures.flatten(1), pictures.flatten(1)).fill_diagonal_(9).min() > 1


def test_blank_paper_becomes_a_seed_of_the_class_and_the_pen_stays(classifier):
    drawing = torch.ones(1, 3, 8, 8)
    drawing[..., 3] = 0.1
    recipe = SketchRecipe(1.0, 4, 0.2, lines=0.0)
    made = sketch(classifier, drawing, ["cat"], recipe, seed=3)
    expected = seeds(classifier, torch.tensor([0]), seed=3)
    expected[..., 3] = 0.1
    assert torch.equal(made.start, expected)
    assert torch.equal(made.images[..., 3], drawing[..., 3])
    assert not torch.equal(made.images, made.start)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"lines": 1.5}, "1.5"), ({"sigmas": (1.0,)}, "2 values"), ({"sigmas": (-1.0, 1.0)}, "not -1")],
)
def test_settings_that_mean_nothing_are_refused_in_one_line(classifier, settings, named):
    with pytest.raises(InputError, match=named):
        sketch(classifier, torch.ones(1, 3, 8, 8), ["cat"], SketchRecipe(1.0, 2, 0.5, **settings))


def test_a_blur_may_rise_from_none_or_fall_to_none():
    assert [Smoothed((0.0, 2.0)).sigma(p) for p in (0.0, 0.5, 1.0)] == [0.0, 1.0, 2.0]
    assert [Smoothed((2.0, 0.0)).sigma(p) for p in (0.0, 0.5)] == [2.0, 1.0]
    assert [Smoothed((4.0, 1.0)).sigma(p) for p in (0.0, 0.5)] == [4.0, 2.0]
