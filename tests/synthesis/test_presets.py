"""The published settings, as the papers' appendices and the released notebooks print them."""

import pytest

from pellucid.synthesis import generate, inpaint, paint, sketch, superres, translate

# eps, steps and step size of each; "paper" only where the paper prints numbers.
PUBLISHED = {
    generate: {
        "paper-cifar10": (30, 60, 0.5),
        "paper-restricted-imagenet": (40, 60, 1),
        "paper-imagenet": (40, 60, 1),
        "notebook-cifar10": (30, 60, 0.5),
        "notebook-restricted-imagenet": (40, 60, 1),
        "notebook-imagenet": (40, 60, 1),
    },
    inpaint: {"paper-restricted-imagenet": (21, 720, 0.1), "notebook-restricted-imagenet": (21.6, 720, 0.1)},
    translate: {
        "paper-two-classes": (60, 80, 0.5),
        "paper-imagenet": (60, 80, 1),
        "notebook-two-classes": (80, 200, 0.5),
        "paper-figure2-restricted-imagenet": (300, 500, 1),
    },
    superres: {
        "paper-cifar10": (15, 50, 1),
        "paper-restricted-imagenet": (8, 40, 1),
        "notebook-cifar10": (15, 50, 1),
        "notebook-restricted-imagenet": (8, 40, 1),
    },
    sketch: {"notebook-restricted-imagenet": (40, 60, 1)},
    paint: {"notebook-restricted-imagenet": (70, 140, 1)},
}
tasks = pytest.mark.parametrize("task", PUBLISHED, ids=lambda task: task.__name__.rpartition(".")[2])


@tasks
def test_presets_have_the_published_eps_steps_and_step_size(task):
    assert {name: (p.eps, p.steps, p.step_size) for name, p in task.PRESETS.items()} == PUBLISHED[task]


@tasks
def test_presets_can_reach_the_border_of_their_ball(task):
    for preset in task.PRESETS.values():
        assert preset.steps * preset.step_size >= min(preset.eps, 40)  # A.6: 80 steps of 0.5 in a ball of 60


def test_inpainting_weighs_changes_outside_ten_times_and_returns_the_image_whole():
    for preset in inpaint.PRESETS.values():
        assert (preset.weight, preset.straight_through, preset.composite) == (10, True, False)


def test_super_resolution_starts_from_nearest_neighbors_and_one_preset_passes_the_last_relu():
    assert {preset.start for preset in superres.PRESETS.values()} == {"nearest"}
    passing = [name for name, preset in superres.PRESETS.items() if preset.straight_through]
    assert passing == ["notebook-restricted-imagenet"]


def test_painting_ascends_a_tenth_of_a_unit_less_ninety_times_the_changes_outside():
    preset = paint.PRESETS["notebook-restricted-imagenet"]
    assert (preset.activation, preset.weight, preset.straight_through) == (0.1, 90, True)
